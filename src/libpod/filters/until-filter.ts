import { BadRequest, parseGoDurationMs } from '../../base/index.ts';

/**
 * The time of `--filter until=…`: seconds since 1970, a date or time (RFC 3339 and shorter), or a duration of Go's
 * back from now. @throws BadRequest
 */
export function untilTimeMs(text: string, nowMs: number): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const durationMs = parseGoDurationMs(text);
  if (durationMs !== undefined) return nowMs - durationMs;
  const isDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(
    text,
  );
  const timeMs = isDate ? Date.parse(/T\d{2}$/.test(text) ? `${text}:00` : text) : Number.NaN;
  if (Number.isNaN(timeMs))
    throw new BadRequest(`failed to parse ${JSON.stringify(text)} as a timestamp or duration`);
  return timeMs;
}
