import { BadRequest } from '../../base/index.ts';
import type { IdMapping, IdMappings } from '../../engine/index.ts';

/** As storage.conf(5) has it, auto-userns-min-size. */
const AUTO_SIZE = 1024;
const NOBODY = 65_534;

/** `container:host:size`, size 1 when left out. @throws BadRequest */
export function parseMaps(lines: readonly string[], flag: string): IdMapping[] {
  return lines
    .flatMap((line) => line.split(','))
    .map((line) => {
      const parts = line.split(':').map((one) => (/^\d+$/.test(one) ? Number(one) : Number.NaN));
      const [containerId = Number.NaN, hostId = Number.NaN, size = 1] = parts;
      if (parts.length < 2 || parts.length > 3 || [containerId, hostId, size].some(Number.isNaN) || size < 1)
        throw new BadRequest(
          `initializing ID mappings: ${flag} setting is malformed expected ["uint32:uint32:uint32"]: ["${line}"]`,
        );
      return { containerId, hostId, size };
    });
}

/** All of one's ranges, one after another from 0 on. */
export function fromRanges(ranges: readonly { start: number; length: number }[]): IdMapping[] {
  let containerId = 0;
  return ranges.map(({ start, length }) => {
    const mapping = { containerId, hostId: start, size: length };
    containerId += length;
    return mapping;
  });
}

/** In the namespace of an ordinary user, who is its 0 and whose further ids follow: the user keeps their number. */
export function keepId(id: number, available: number): IdMapping[] {
  const below = Math.min(id, available - 1);
  return [
    ...(below > 0 ? [{ containerId: 0, hostId: 1, size: below }] : []),
    { containerId: id, hostId: 0, size: 1 },
    ...(available - 1 > below
      ? [{ containerId: id + 1, hostId: below + 1, size: available - 1 - below }]
      : []),
  ];
}

export interface AutoOptions {
  size?: number;
  uids: IdMapping[];
  gids: IdMapping[];
}

/** `size=N,uidmapping=c:h:n,gidmapping=c:h:n` after `auto:`. @throws BadRequest */
export function parseAuto(mode: string): AutoOptions {
  const options: AutoOptions = { uids: [], gids: [] };
  const text = mode.slice('auto:'.length);
  for (const one of text.split(',').filter((part) => part !== '')) {
    const at = one.indexOf('=');
    const name = one.slice(0, Math.max(at, 0));
    const value = one.slice(at + 1);
    if (name === 'size') {
      if (!/^[1-9]\d*$/.test(value))
        throw new BadRequest(`invalid value for the size of --userns=auto: ${value}`);
      options.size = Number(value);
    } else if (name === 'uidmapping') options.uids.push(...parseMaps([value], 'uidmapping'));
    else if (name === 'gidmapping') options.gids.push(...parseMaps([value], 'gidmapping'));
    else throw new BadRequest(`unknown option specified: "${name || one}"`);
  }
  return options;
}

/** As many ids as the accounts of the image and the user need, not fewer than Podman gives. */
export function autoSize(accounts: { passwd: string; group: string; user: string }): number {
  const ids = [accounts.passwd, accounts.group].flatMap((text) =>
    text.split('\n').map((line) => Number(line.split(':')[2] ?? Number.NaN)),
  );
  const own = accounts.user.split(':').map(Number);
  const largest = Math.max(0, ...[...ids, ...own].filter((id) => Number.isInteger(id) && id !== NOBODY));
  return Math.max(AUTO_SIZE, largest + 1);
}

/**
 * The first `size` ids of the ranges that no other container has. @throws BadRequest in Podman's words
 */
export function freeIds(
  ranges: readonly { start: number; length: number }[],
  taken: readonly IdMapping[],
  size: number,
): IdMapping[] {
  const used = [...taken].sort((a, b) => a.hostId - b.hostId);
  for (const { start, length } of ranges) {
    let from = start;
    for (const { hostId, size: count } of used)
      if (hostId < from + size && hostId + count > from) from = hostId + count;
    if (from + size <= start + length) return [{ containerId: 0, hostId: from, size }];
  }
  throw new BadRequest('creating container storage: could not find enough available IDs');
}

/** What is asked for by name stands where it is asked for; the rest is the free ids around it. */
export function withAsked(free: readonly IdMapping[], asked: readonly IdMapping[]): IdMapping[] {
  let pieces = [...free];
  for (const { containerId, size } of asked)
    pieces = pieces.flatMap((one) => {
      const end = one.containerId + one.size;
      const before = Math.min(Math.max(containerId - one.containerId, 0), one.size);
      const after = Math.min(Math.max(end - (containerId + size), 0), one.size);
      if (before + after >= one.size) return [one];
      return [
        ...(before > 0 ? [{ ...one, size: before }] : []),
        ...(after > 0
          ? [{ containerId: end - after, hostId: one.hostId + one.size - after, size: after }]
          : []),
      ];
    });
  return [...asked, ...pieces].sort((a, b) => a.containerId - b.containerId);
}

/** One side given alone is both. */
export function bothSides(uids: IdMapping[], gids: IdMapping[]): IdMappings {
  return { uids: uids.length > 0 ? uids : gids, gids: gids.length > 0 ? gids : uids };
}
