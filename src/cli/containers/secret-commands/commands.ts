import { BadRequest, Conflict, humanDuration, messageOf, NotFound } from '../../../base/index.ts';
import type { SecretConfig } from '../../../libpod/index.ts';
import {
  anyArgs,
  type CommandDefinition,
  exactArgs,
  flag,
  minimumArgs,
  noArgs,
} from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';

import { headersOf, renderReport } from '../../templates/report.ts';
import { GoTime } from '../../templates/times.ts';
import { goStruct } from '../../templates/values.ts';
import { forEachNamed } from '../container-commands/several.ts';
import type { ToolContext } from '../context.ts';
import { parseFilters } from '../network-commands/labels.ts';

export const ls: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'List secrets',
  examples: ['secret ls'],
  flags: [
    flag('string', 'format', 'Format volume output using Go template'),
    flag('strings', 'filter,f', 'Filter secret output'),
    flag('bool', 'noheading', 'Do not print headers', { tools: ['podman'] }),
    flag('bool', 'quiet,q', 'Print secret IDs only'),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    const format = flags.string('format');
    const { secrets } = await context.libpod();
    const found = await secrets.list(parseFilters(flags.strings('filter')));
    const rows = found.map((secret) =>
      goStruct('entities.SecretListReport', {
        ID: secret.ID,
        Name: secret.Spec.Name,
        Driver: secret.Spec.Driver.Name,
        CreatedAt: `${humanDuration(Date.now() - Date.parse(secret.CreatedAt))} ago`,
        UpdatedAt: `${humanDuration(Date.now() - Date.parse(secret.UpdatedAt))} ago`,
      }),
    );
    context.stdout.write(
      flags.bool('quiet') && format === undefined
        ? found.map((secret) => `${secret.ID}\n`).join('')
        : renderReport({
            name: 'ls',
            rows,
            ...(format !== undefined && { format }),
            columns: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}',
            headers: headersOf(['ID', 'Name', 'Driver'], { CreatedAt: 'CREATED', UpdatedAt: 'UPDATED' }),
            hasNoHeading: flags.bool('noheading'),
          }),
    );
    return 0;
  },
};

const PRETTY = `ID:              {{.ID}}
Name:              {{.Spec.Name}}
{{- if .Spec.Labels }}
Labels:
{{- range $k, $v := .Spec.Labels }}
 - {{ $k }}{{if $v }}={{ $v }}{{ end }}
{{- end }}{{ end }}
Driver:            {{.Spec.Driver.Name}}
Created at:        {{.CreatedAt}}
Updated at:        {{.UpdatedAt}}`;

export const inspect: CommandDefinition<ToolContext> = {
  usage: '[options] SECRET [SECRET...]',
  templateFields: 'ID CreatedAt UpdatedAt Spec'.split(' '),
  description: 'Display detail information on one or more secrets',
  examples: ['secret inspect MYSECRET'],
  flags: [
    flag('string', 'format,f', 'Format inspect output using Go template'),
    flag('bool', 'pretty', 'Print inspect output in human-readable format'),
    flag('bool', 'showsecret', 'Display the secret', { tools: ['podman'] }),
  ],
  args: minimumArgs(1),
  run: async ({ args, flags }, context) => {
    const rows: object[] = [];
    const errors: unknown[] = [];
    for (const name of args) {
      try {
        rows.push(await secretReport(name, context, flags.bool('showsecret')));
      } catch (error) {
        if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
        errors.push(error);
      }
    }
    const format = flags.bool('pretty') ? PRETTY : flags.string('format');
    context.stdout.write(
      format === undefined
        ? `${goJson(rows, { indent: '    ' })}\n`
        : renderReport({ name: 'inspect', rows, format, columns: '' }),
    );
    for (const error of errors.slice(1))
      context.stderr.write(`error inspecting secret: ${messageOf(error)}\n`);
    if (errors.length > 0)
      throw new BadRequest(`inspecting secret: ${messageOf(errors[0])}`, { cause: errors[0] });
    return 0;
  },
};

async function secretReport(name: string, context: ToolContext, isShown: boolean): Promise<object> {
  const { secrets } = await context.libpod();
  const secret: SecretConfig = await secrets.inspect(name);
  const { Name, Driver, Labels } = secret.Spec;
  return goStruct('entities.SecretInfoReport', {
    ID: secret.ID,
    CreatedAt: new GoTime(secret.CreatedAt),
    UpdatedAt: new GoTime(secret.UpdatedAt),
    Spec: goStruct('entities.SecretSpec', {
      Name,
      Driver: goStruct('entities.SecretDriverSpec', { Name: Driver.Name, Options: Driver.Options }),
      Labels,
    }),
    ...(isShown && { SecretData: (await secrets.read(secret.ID)).toString() }),
  });
}

export const exists: CommandDefinition<ToolContext> = {
  usage: 'SECRET',
  description:
    'If the given secret exists, podman secret exists exits with 0, otherwise the exit code will be 1.',
  examples: ['secret exists mysecret'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const { secrets } = await context.libpod();
    return (await secrets.exists(args[0]!)) ? 0 : 1;
  },
};

export const rm: CommandDefinition<ToolContext> = {
  usage: '[options] SECRET [SECRET...]',
  description: 'Remove one or more secrets',
  examples: ['secret rm mysecret1 mysecret2'],
  flags: [
    flag('bool', 'all,a', 'Remove all secrets', { tools: ['podman'] }),
    flag('bool', 'ignore,i', 'Ignore errors when a specified secret is missing', { tools: ['podman'] }),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    if (args.length > 0 && isAll)
      throw new BadRequest('`podman secret rm` requires one argument, or the --all flag');
    if (args.length === 0 && !isAll)
      throw new BadRequest('`podman secret rm` requires one argument, or the --all flag');
    const { secrets } = await context.libpod();
    const names = isAll ? (await secrets.list()).map((one) => one.ID) : args;
    await forEachNamed(context, names, async (name) => {
      try {
        context.stdout.write(`${await secrets.remove(name)}\n`);
      } catch (error) {
        if (!(error instanceof NotFound && flags.bool('ignore'))) throw error;
      }
    });
    return 0;
  },
};
