/**
 * Indexes of an Indexed Job as its status writes them: `1,3-5,7` (batch/v1 JobStatus.completedIndexes).
 */

/** @throws RangeError in the words of the API server when the text is not a list of rising ranges below `completions`. */
export function parseIndexes(text: string, completions: number): number[] {
  const indexes: number[] = [];
  if (text === '') return indexes;
  let last: number | undefined;
  for (const interval of text.split(',')) {
    const limits = interval.split('-');
    if (limits.length > 2) {
      throw new RangeError(
        `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`,
      );
    }
    const first = indexOf(limits[0]!, interval, completions);
    if (last !== undefined && last >= first) throw notIncreasing(last, first);
    let end = first;
    if (limits.length === 2) {
      end = indexOf(limits[1]!, interval, completions);
      if (first >= end) {
        throw new RangeError(`non-increasing order, previous: ${first}, current: ${end}`);
      }
    }
    for (let index = first; index <= end; index++) indexes.push(index);
    last = end;
  }
  return indexes;
}

function indexOf(text: string, interval: string, completions: number): number {
  if (!/^[0-9]+$/.test(text)) {
    throw new RangeError(
      `cannot convert string to integer for index: "${text}"${interval === text ? '' : ` of "${interval}"`}`,
    );
  }
  const index = Number(text);
  if (index >= completions) throw new RangeError(`too large index: "${text}"`);
  return index;
}

function notIncreasing(previous: number, current: number): RangeError {
  return new RangeError(`non-increasing order, previous: ${previous}, current: ${current}`);
}

/** `[7, 3, 4, 5]` → `3-5,7`; two neighbours are written `3,4`. */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...new Set(indexes)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++;
    if (end === at) parts.push(String(sorted[at]));
    else parts.push(`${sorted[at]}${end === at + 1 ? ',' : '-'}${sorted[end]}`);
    at = end + 1;
  }
  return parts.join(',');
}
