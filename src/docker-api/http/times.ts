import { BadRequest, parseGoDurationMs } from '../../base/index.ts';

/** Docker's zero time. */
export const NO_TIME = '0001-01-01T00:00:00Z';

/** `1700000000`, `1700000000.123456789`, RFC 3339, or a duration back from now (`10m`, `1h30m`). @returns ms since 1970. @throws BadRequest */
export function parseTime(text: string, nowMs: number): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const duration = parseGoDurationMs(text);
  if (duration !== undefined) return nowMs - duration;
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed)) throw new BadRequest(`invalid time "${text}"`);
  return parsed;
}

/** The same instant in UTC with its nanoseconds kept: `…T10:00:00.123456789+02:00` → `…T08:00:00.123456789Z`. */
export function utcTime(time: string): string {
  if (time.endsWith('Z')) return time;
  const parts = /^(.*?)(\.\d+)?([+-]\d{2}:\d{2})$/.exec(time);
  if (parts === null) return time;
  const instant = new Date(`${parts[1]}${parts[3]}`);
  return Number.isNaN(instant.getTime()) ? time : `${instant.toISOString().slice(0, 19)}${parts[2] ?? ''}Z`;
}

/** Seconds since 1970; 0 for what is no time. */
export function unixSeconds(time: string | undefined): number {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
}

/** Nanoseconds since 1970. Past 2^53: a JSON number from here is written by hand. */
export function unixNanoseconds(time: string): bigint {
  const seconds = BigInt(unixSeconds(time));
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9) || '0');
}
