import { BadRequest, parseGoDurationMs } from '../../base/index.ts';

/**
 * A moment as people give it to `--since` and `--until`: RFC 3339 (also without zone, time or seconds), Unix
 * seconds, or a duration.
 * @param isBefore a duration is counted back from now; else on from now.
 * @returns milliseconds @throws BadRequest
 */
export function parseMoment(text: string, now: number, isBefore: boolean): number {
  const duration = parseGoDurationMs(text);
  if (duration !== undefined) return isBefore ? now - duration : now + duration;
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?))?(?: ?(Z|[+-]\d\d:?\d\d))?(?: UTC)?$/.exec(
      text,
    );
  if (match === null)
    throw new BadRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const [, date, time = '00:00:00', zone = ''] = match;
  const full =
    time.length === 2 ? `${time}:00:00` : time.length === 5 ? `${time}:00` : time.replace(',', '.');
  const offset = zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  return Date.parse(`${date}T${full.replace(/(\.\d{3})\d+/, '$1')}${offset}`);
}
