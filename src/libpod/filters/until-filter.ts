import { BadRequest } from '../../base/index.ts';

const UNITS_MS: Record<string, number> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1 },
  ...{ s: 1000, m: 60_000, h: 3_600_000 },
};

/**
 * The time of `--filter until=…`: seconds since 1970, a date or time (RFC 3339 and shorter), or a duration of Go's
 * back from now. @throws BadRequest
 */
export function untilTimeMs(text: string, nowMs: number): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const durationMs = goDurationMs(text);
  if (durationMs !== undefined) return nowMs - durationMs;
  const isDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(
    text,
  );
  const timeMs = isDate ? Date.parse(/T\d{2}$/.test(text) ? `${text}:00` : text) : Number.NaN;
  if (Number.isNaN(timeMs))
    throw new BadRequest(`failed to parse ${JSON.stringify(text)} as a timestamp or duration`);
  return timeMs;
}

/** time.ParseDuration's grammar. */
function goDurationMs(text: string): number | undefined {
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (match === null) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g))
    total += Number(number) * UNITS_MS[unit!]!;
  return match[1] === '-' ? -total : total;
}
