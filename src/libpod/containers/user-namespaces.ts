import { lchown, lstat, readFile } from 'node:fs/promises';
import { BadRequest } from '../../base/index.ts';
import {
  type Engine,
  type IdMapping,
  type IdMappings,
  type Image,
  outsideId,
  readSubordinateRanges,
  resolveInRoot,
  rootlessFacts,
} from '../../engine/index.ts';
import type { CreateOptions } from '../create-options.ts';
import type { ContainerStore } from './container-store.ts';
import {
  autoSize,
  bothSides,
  freeIds,
  fromRanges,
  keepId,
  parseAuto,
  parseMaps,
  withAsked,
} from './id-mappings.ts';

export interface MappingRequest {
  options: CreateOptions;
  /** The user it runs as. */
  user: string;
  image: Image | undefined;
  engine: Engine;
  store: ContainerStore;
}

/** The user in /etc/subuid whose ids are for containers with a user namespace of their own (podman-run(1), --userns). */
const AUTO_USER = 'containers';

/** Ids of a container's user namespace; undefined when it has none of its own. @throws BadRequest */
export async function chooseIdMappings(request: MappingRequest): Promise<IdMappings | undefined> {
  const { HostConfig: host, Podman: podman = {} } = request.options;
  const mode = host.UsernsMode ?? '';
  const { UidMaps: uids = [], GidMaps: gids = [], SubUidName: uidName, SubGidName: gidName } = podman;
  if (uidName || gidName)
    return {
      uids: subordinate('uid', uidName || gidName!),
      gids: subordinate('gid', gidName || uidName!),
    };
  if (uids.length > 0 || gids.length > 0)
    return bothSides(parseMaps(uids, 'uidmap'), parseMaps(gids, 'gidmap'));
  if (mode === 'private')
    throw new BadRequest('must provide at least one UID or GID mapping to configure a user namespace');
  if (mode.startsWith('ns:')) throw new BadRequest('the user namespace mode ns: is not supported');
  if (mode.startsWith('container:'))
    return (await request.store.find(mode.slice('container:'.length))).stored.idMappings;
  if (mode === 'auto' || mode.startsWith('auto:')) return await automatic(mode, request);
  const { uids: availableUids, gids: availableGids } = ownIds();
  if (mode === 'nomap') return { uids: withoutOwn(availableUids), gids: withoutOwn(availableGids) };
  if (mode !== 'keep-id' && !mode.startsWith('keep-id:')) return undefined;
  const kept = keptIds(mode);
  return { uids: keepId(kept.uid, availableUids), gids: keepId(kept.gid, availableGids) };
}

/** `keep-id:uid=N,gid=N`; without them the caller's. */
export function keptIds(mode: string): { uid: number; gid: number } {
  const { uid, gid } = rootlessFacts();
  const kept = { uid, gid };
  for (const one of mode
    .slice('keep-id:'.length)
    .split(',')
    .filter((part) => part !== '')) {
    const match = /^(uid|gid)=(\d+)$/.exec(one);
    if (match === null) throw new BadRequest(`unknown option specified: "${one.split('=')[0]}"`);
    kept[match[1] as 'uid' | 'gid'] = Number(match[2]);
  }
  return kept;
}

function subordinate(kind: 'uid' | 'gid', name: string): IdMapping[] {
  const ranges = readSubordinateRanges(kind, { name, uid: -1 });
  if (ranges.length === 0)
    throw new BadRequest(`no sub${kind} ranges found for user "${name}" in /etc/sub${kind}`);
  return fromRanges(ranges);
}

/** How many ids there are in the namespace that we are in. */
function ownIds(): { uids: number; gids: number } {
  const { uidMap, gidMap } = rootlessFacts();
  const sum = (map: typeof uidMap) => map.reduce((total, one) => total + one.length, 0);
  return { uids: sum(uidMap), gids: sum(gidMap) };
}

function withoutOwn(available: number): IdMapping[] {
  if (available < 2)
    throw new BadRequest('there are no further ids for this user in /etc/subuid and /etc/subgid');
  return [{ containerId: 0, hostId: 1, size: available - 1 }];
}

async function automatic(mode: string, request: MappingRequest): Promise<IdMappings> {
  const { size: asked, uids, gids } = parseAuto(mode);
  const size = asked ?? autoSize({ ...(await accountsOf(request)), user: request.user });
  const others = (await request.store.list()).flatMap(({ stored }) => stored.idMappings ?? []);
  const free = (kind: 'uid' | 'gid') => {
    const taken = others.flatMap((one) => (kind === 'uid' ? one.uids : one.gids));
    return freeIds(rangesFor(kind), taken, size);
  };
  return { uids: withAsked(free('uid'), uids), gids: withAsked(free('gid'), gids) };
}

function rangesFor(kind: 'uid' | 'gid'): { start: number; length: number }[] {
  if (!rootlessFacts().isInUserNamespace) return readSubordinateRanges(kind, { name: AUTO_USER, uid: -1 });
  const { uids, gids } = ownIds();
  return [{ start: 1, length: (kind === 'uid' ? uids : gids) - 1 }];
}

async function accountsOf({ engine, image }: MappingRequest): Promise<{ passwd: string; group: string }> {
  if (image === undefined) return { passwd: '', group: '' };
  const wasMounted = (await engine.images.mountedImages()).some((one) => one.id === image.id);
  const root = await engine.images.mountImage(image.id);
  try {
    const [passwd, group] = await Promise.all(
      ['/etc/passwd', '/etc/group'].map((path) => textIn(root, path)),
    );
    return { passwd: passwd!, group: group! };
  } finally {
    if (!wasMounted) await engine.images.unmountImage(image.id);
  }
}

async function textIn(root: string, path: string): Promise<string> {
  try {
    return await readFile(await resolveInRoot(root, path, { followLast: true }), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/** Of ids inside, those outside; who has none inside becomes root there, so that the file stays somebody's. */
export function outsideIds(
  mappings: IdMappings | undefined,
  { uid, gid }: { uid: number; gid: number },
): { uid: number; gid: number } {
  if (mappings === undefined) return { uid, gid };
  const of = (map: readonly IdMapping[], id: number) => outsideId(map, id) ?? outsideId(map, 0) ?? id;
  return { uid: of(mappings.uids, uid), gid: of(mappings.gids, gid) };
}

/** Those of the files that are there and ours. */
export async function giveToRoot(mappings: IdMappings, paths: readonly string[]): Promise<void> {
  const { uid, gid } = outsideIds(mappings, { uid: 0, gid: 0 });
  for (const path of paths) {
    const info = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
      return undefined;
    });
    if (info?.uid === 0 && info.gid === 0) await lchown(path, uid, gid);
  }
}
