import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IdRange } from './facts.ts';

/** Ids outside that a user may give out inside (subuid(5)). */
export interface SubordinateRange {
  start: number;
  length: number;
}

/** Lines of /etc/subuid or /etc/subgid that are the user's, by name or by number, in their order. */
export function subordinateRanges(text: string, user: { name: string; uid: number }): SubordinateRange[] {
  const ranges: SubordinateRange[] = [];
  for (const line of text.split('\n')) {
    const [owner, start, length] = line.trim().split(':');
    if (owner !== user.name && owner !== String(user.uid)) continue;
    const range = { start: Number(start), length: Number(length) };
    if (Number.isInteger(range.start) && range.length > 0) ranges.push(range);
  }
  return ranges;
}

/** 0 is the user's own id; from 1 on the ranges follow one another. */
export function idMap(own: number, ranges: readonly SubordinateRange[]): IdRange[] {
  let inner = 1;
  return [
    { inner: 0, outer: own, length: 1 },
    ...ranges.map(({ start, length }) => {
      const range = { inner, outer: start, length };
      inner += length;
      return range;
    }),
  ];
}

/** The user's ranges on this host: the files', else what the directory service behind getsubids(1) knows. */
export function readSubordinateRanges(
  kind: 'uid' | 'gid',
  user: { name: string; uid: number },
): SubordinateRange[] {
  const found = subordinateRanges(readIfThere(`/etc/sub${kind}`), user);
  return found.length > 0 ? found : rangesOfDirectoryService(kind, user.name);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** getsubids answers `0: alice 100000 65536`, and fails for a user without ranges. */
function rangesOfDirectoryService(kind: 'uid' | 'gid', name: string): SubordinateRange[] {
  if (!/^subid:/m.test(readIfThere('/etc/nsswitch.conf'))) return [];
  try {
    const text = execFileSync('getsubids', [...(kind === 'gid' ? ['-g'] : []), name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return [...text.matchAll(/^\d+: \S+ (\d+) (\d+)$/gm)].map(([, start, length]) => ({
      start: Number(start),
      length: Number(length),
    }));
  } catch {
    // Not installed, or it knows nothing of this user: they have no ranges.
    return [];
  }
}
