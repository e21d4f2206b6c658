import { BadRequest } from '../../../base/index.ts';
import type { LibpodEvent } from '../../../libpod/index.ts';
import { dockerAction, eventToJson, eventToText } from '../../../libpod/index.ts';
import { type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { GoTime } from '../../templates/times.ts';
import { goStruct, NIL_MAP } from '../../templates/values.ts';
import { visibleText } from '../../visible-text.ts';
import type { ToolContext } from '../context.ts';
import { parseMoment } from '../moments.ts';

export const events: CommandDefinition<ToolContext> = {
  usage: '[options]',
  templateFields:
    'Type Status ID Name Image Network Time Attributes ContainerExitCode Details HealthStatus'.split(' '),
  description:
    'Monitor podman events.\n\nBy default, streaming mode is used, printing new events as they occur. Previous events can be listed via --since and --until.',
  examples: ['events', 'events --filter event=create', 'events --format {{.Image}}', 'events --since 1h30s'],
  flags: [
    flag('stringArray', 'filter,f', 'filter output'),
    flag('string', 'format', 'format the output using a Go template'),
    flag('bool', 'stream', 'stream new events; for testing only', { default: true, hidden: true }),
    flag('string', 'since', 'show all events created since timestamp'),
    flag('bool', 'no-trunc', 'do not truncate the output', { default: true }),
    flag('string', 'until', 'show all events until timestamp'),
  ],
  args: noArgs,
  run: async ({ flags, program }, context) => {
    const now = Date.now();
    const moment = (name: string, isBefore: boolean) => {
      const text = flags.string(name) || undefined;
      return text === undefined ? undefined : parseMoment(text, now, isBefore);
    };
    const [sinceMs, untilMs] = [moment('since', true), moment('until', program === 'docker')];
    const format = flags.changed('format') ? flags.string('format')! : undefined;
    const abort = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
    const libpod = await context.libpod();
    for await (const event of libpod.events.read({
      filters: filtersOf(flags.strings('filter')),
      follow: flags.bool('stream'),
      signal: abort.signal,
      ...(sinceMs !== undefined && { sinceMs }),
      ...(untilMs !== undefined && { untilMs }),
    }))
      context.stdout.write(shown(event, { format, truncate: !flags.bool('no-trunc'), program }));
    return 0;
  },
};

function filtersOf(values: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const text of values) {
    const equals = text.indexOf('=');
    if (equals === -1) throw new BadRequest(`${text} is an invalid filter`);
    const key = text.slice(0, equals).toLowerCase();
    filters[key] = [...(filters[key] ?? []), text.slice(equals + 1)];
  }
  return filters;
}

function shown(
  event: LibpodEvent,
  options: { format: string | undefined; truncate: boolean; program: string },
): string {
  const { format } = options;
  if (format === undefined) return `${visibleText(eventToText(event, options))}\n`;
  if (asksForJson(format)) return `${eventToJson(event)}\n`;
  return renderReport({ name: 'events', rows: [eventRow(event)], format, columns: '' });
}

function eventRow(event: LibpodEvent): object {
  return goStruct('*events.Event', {
    ContainerExitCode: event.ContainerExitCode ?? 0,
    ID: event.ID,
    Image: event.Image ?? '',
    Name: event.Name,
    Network: event.Network ?? '',
    Status: event.Status,
    Time: new GoTime(event.Time),
    Type: event.Type,
    HealthStatus: event.HealthStatus ?? '',
    PodID: event.PodID ?? '',
    Attributes: event.Attributes ?? NIL_MAP,
    Action: () => dockerAction(event),
  });
}
