/**
 * Cron schedules as CronJobs write them: five fields, or `@daily`, `@every 1h30m`
 * (github.com/robfig/cron/v3 ParseStandard, which upstream uses, and whose messages these are).
 */
export interface CronSchedule {
  /** The first time after `afterMs` that the schedule names, in the time zone; undefined when there is none in five years. */
  next(afterMs: number, timeZone?: string): number | undefined;
}

interface Bounds {
  lowest: number;
  highest: number;
  names?: Readonly<Record<string, number>>;
}

const MONTHS = named('jan feb mar apr may jun jul aug sep oct nov dec', 1);
const DAYS = named('sun mon tue wed thu fri sat', 0);
const MINUTES: Bounds = { lowest: 0, highest: 59 };
const HOURS: Bounds = { lowest: 0, highest: 23 };
const DAYS_OF_MONTH: Bounds = { lowest: 1, highest: 31 };
const MONTHS_OF_YEAR: Bounds = { lowest: 1, highest: 12, names: MONTHS };
const DAYS_OF_WEEK: Bounds = { lowest: 0, highest: 6, names: DAYS };

function named(text: string, first: number): Record<string, number> {
  return Object.fromEntries(text.split(' ').map((name, index) => [name, first + index]));
}

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const EVERY = '@every ';

/** @throws RangeError saying what is wrong with the text. */
export function parseCronSchedule(text: string): CronSchedule {
  if (text === '') throw new RangeError('empty spec string');
  // The zone in front is refused by CronJobs and decided by `timeZone`; here it is only stepped over.
  const spec = text.replace(/^(?:CRON_)?TZ=\S*\s+/, '').trim();
  if (spec.startsWith('@')) {
    if (spec.startsWith(EVERY)) return everySchedule(spec);
    const expanded = DESCRIPTORS[spec];
    if (expanded === undefined) throw new RangeError(`unrecognized descriptor: ${spec}`);
    return fieldsSchedule(expanded.split(' '));
  }
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) {
    throw new RangeError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  }
  return fieldsSchedule(fields);
}

const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

function everySchedule(spec: string): CronSchedule {
  const text = spec.slice(EVERY.length);
  const whole = /^\+?(?:[0-9]+(?:\.[0-9]+)?(?:ms|h|m|s))+$/.test(text);
  if (!whole) {
    throw new RangeError(`failed to parse duration ${spec}: time: invalid duration "${text}"`);
  }
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|h|m|s)/g)) {
    totalMs += Number(amount) * UNITS_MS[unit!]!;
  }
  const everyMs = Math.max(1000, Math.floor(totalMs / 1000) * 1000);
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + everyMs };
}

interface Field {
  values: ReadonlySet<number>;
  /** Written `*` or `?`, with or without a step: it does not narrow the other day field down. */
  star: boolean;
}

function fieldsSchedule(fields: readonly string[]): CronSchedule {
  const [minute, hour, dayOfMonth, month, dayOfWeek] = [
    parseField(fields[0]!, MINUTES),
    parseField(fields[1]!, HOURS),
    parseField(fields[2]!, DAYS_OF_MONTH),
    parseField(fields[3]!, MONTHS_OF_YEAR),
    parseField(fields[4]!, DAYS_OF_WEEK),
  ] as const;
  const dayMatches = (date: Date) => {
    const byMonth = dayOfMonth.values.has(date.getUTCDate());
    const byWeek = dayOfWeek.values.has(date.getUTCDay());
    return dayOfMonth.star || dayOfWeek.star ? byMonth && byWeek : byMonth || byWeek;
  };
  return {
    next(afterMs, timeZone = 'UTC') {
      return firstMatch(afterMs, timeZone, {
        month: (date) => month.values.has(date.getUTCMonth() + 1),
        day: dayMatches,
        hour: (date) => hour.values.has(date.getUTCHours()),
        minute: (date) => minute.values.has(date.getUTCMinutes()),
      });
    },
  };
}

type Matches = Record<'month' | 'day' | 'hour' | 'minute', (wallClock: Date) => boolean>;

const MOST_YEARS = 5;
const MINUTE_MS = 60_000;

/**
 * Steps through the zone's wall clock, held as a UTC date: months, then days, hours, minutes. A wall-clock time
 * that the zone skips happens right after the gap; one that it has twice happens the first time.
 */
function firstMatch(afterMs: number, timeZone: string, matches: Matches): number | undefined {
  const wall = new Date(Math.floor(wallClockOf(afterMs, timeZone) / MINUTE_MS) * MINUTE_MS + MINUTE_MS);
  const lastYear = wall.getUTCFullYear() + MOST_YEARS;
  while (wall.getUTCFullYear() <= lastYear) {
    if (!matches.month(wall)) {
      wall.setUTCMonth(wall.getUTCMonth() + 1, 1);
      wall.setUTCHours(0, 0);
    } else if (!matches.day(wall)) {
      wall.setUTCDate(wall.getUTCDate() + 1);
      wall.setUTCHours(0, 0);
    } else if (!matches.hour(wall)) wall.setUTCHours(wall.getUTCHours() + 1, 0);
    else if (!matches.minute(wall)) wall.setUTCMinutes(wall.getUTCMinutes() + 1);
    else {
      const ms = instantOf(wall.getTime(), timeZone);
      if (ms > afterMs) return ms;
      wall.setUTCMinutes(wall.getUTCMinutes() + 1);
    }
  }
  return undefined;
}

/** The zone's wall clock at an instant, as if it were UTC. */
function wallClockOf(ms: number, timeZone: string): number {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return ms;
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  return Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour! % 24, parts.minute!, parts.second!);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** The instant at which the zone's clock shows `wallMs`. */
function instantOf(wallMs: number, timeZone: string): number {
  const dayMs = 86_400_000;
  const before = wallClockOf(wallMs - dayMs, timeZone) - (wallMs - dayMs);
  const after = wallClockOf(wallMs + dayMs, timeZone) - (wallMs + dayMs);
  const early = wallMs - Math.max(before, after);
  if (wallClockOf(early, timeZone) === wallMs) return early;
  return wallMs - Math.min(before, after);
}

/** Whether the runtime knows the zone. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function parseField(text: string, bounds: Bounds): Field {
  const values = new Set<number>();
  let star = false;
  for (const expression of text.split(',')) star = parseRange(expression, bounds, values) || star;
  return { values, star };
}

/** Adds what `1-5/2` names; tells whether it was a star. */
function parseRange(expression: string, bounds: Bounds, values: Set<number>): boolean {
  const [range = '', ...steps] = expression.split('/');
  const ends = range.split('-');
  const isStar = ends[0] === '*' || ends[0] === '?';
  let first = bounds.lowest;
  let last = bounds.highest;
  if (!isStar) {
    first = parseValue(ends[0]!, bounds);
    if (ends.length === 1) last = first;
    else if (ends.length === 2) last = parseValue(ends[1]!, bounds);
    else throw new RangeError(`too many hyphens: ${expression}`);
  }
  let step = 1;
  if (steps.length === 1) {
    step = parseNumber(steps[0]!);
    if (ends.length === 1 && !isStar) last = bounds.highest;
  } else if (steps.length > 1) throw new RangeError(`too many slashes: ${expression}`);
  if (first < bounds.lowest) {
    throw new RangeError(`beginning of range (${first}) below minimum (${bounds.lowest}): ${expression}`);
  }
  if (last > bounds.highest) {
    throw new RangeError(`end of range (${last}) above maximum (${bounds.highest}): ${expression}`);
  }
  if (first > last) {
    throw new RangeError(`beginning of range (${first}) beyond end of range (${last}): ${expression}`);
  }
  if (step === 0) throw new RangeError(`step of range should be a positive number: ${expression}`);
  for (let value = first; value <= last; value += step) values.add(value);
  return isStar && step === 1;
}

function parseValue(text: string, bounds: Bounds): number {
  return bounds.names?.[text.toLowerCase()] ?? parseNumber(text);
}

function parseNumber(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new RangeError(
    `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
