import { BadRequest, parseGoDurationNs } from '../../../base/index.ts';
import type { HealthConfig } from '../../../libpod/index.ts';
import type { FlagValues } from '../../grammar/index.ts';

/** `--health-cmd`, `--health-interval`, `--no-healthcheck` …; undefined leaves the image's. @throws BadRequest */
export function parseHealth(flags: FlagValues): HealthConfig | undefined {
  const command = flags.string('health-cmd') ?? '';
  if (flags.bool('no-healthcheck')) {
    if (command !== '') throw new BadRequest('cannot specify both --no-healthcheck and --health-cmd');
    return { Test: ['NONE'] };
  }
  const times: HealthConfig = {};
  const isGiven = (name: string) => command !== '' || flags.changed(name);
  if (isGiven('health-interval')) {
    const interval = flags.string('health-interval')!;
    times.Interval = duration('interval', interval === 'disable' ? '0' : interval);
  }
  if (isGiven('health-retries')) {
    times.Retries = flags.number('health-retries')!;
    if (times.Retries < 1) throw new BadRequest('healthcheck-retries must be greater than 0');
  }
  if (isGiven('health-timeout')) {
    times.Timeout = duration('timeout', flags.string('health-timeout')!);
    if (times.Timeout < 1) throw new BadRequest('healthcheck-timeout must be at least 1 second');
  }
  if (isGiven('health-start-period')) {
    times.StartPeriod = duration('start-period', flags.string('health-start-period')!);
    if (times.StartPeriod < 0) throw new BadRequest('healthcheck-start-period must be 0 seconds or greater');
  }
  if (flags.changed('health-start-interval'))
    times.StartInterval = duration('start-interval', flags.string('health-start-interval')!);
  if (command === '') return Object.keys(times).length === 0 ? undefined : times;
  return { Test: testOf(command), ...times };
}

function duration(name: string, text: string): number {
  const nanoseconds = parseGoDurationNs(text);
  if (nanoseconds === undefined) {
    const why = /^[+-]?[\d.]+$/.test(text) ? 'missing unit in' : 'invalid';
    throw new BadRequest(`invalid healthcheck-${name}: time: ${why} duration ${JSON.stringify(text)}`);
  }
  return nanoseconds;
}

/** A JSON array is the program and its arguments; anything else is for the shell, unless it begins with Docker's words. */
function testOf(command: string): string[] {
  const array = jsonArray(command);
  const words = array ?? command.split(' ');
  const first = words[0]?.toUpperCase();
  if (words.length === 0) throw new BadRequest('must define a healthcheck command for all healthchecks');
  if (first === 'NONE') return ['NONE'];
  if (first === 'CMD') return array ?? command.split(/\s+/).filter((word) => word !== '');
  if (first === 'CMD-SHELL') return array ?? ['CMD-SHELL', command.slice('CMD-SHELL'.length).trim()];
  if (array !== undefined && array.length > 1) return ['CMD', ...array];
  return ['CMD-SHELL', array?.[0] ?? command];
}

/** Undefined when the text is no JSON array of strings. */
export function jsonArray(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
