import { readFileSync } from 'node:fs';

/** One line of /proc/PID/uid_map (user_namespaces(7)): `length` ids from `inner` are those from `outer` outside. */
export interface IdRange {
  inner: number;
  outer: number;
  length: number;
}

/** What this process is on its host; read from the kernel, so that no variable of the environment can lie. */
export interface RootlessFacts {
  /** In a user namespace that is not the host's first: devices, cgroups and mounts are not ours to take. */
  isInUserNamespace: boolean;
  /** Whether the user who began is not root: inside, the id 0 is theirs. */
  isRootless: boolean;
  /** Of that user, outside. */
  uid: number;
  gid: number;
  uidMap: IdRange[];
  gidMap: IdRange[];
}

const ALL_IDS = 4_294_967_295;
let known: RootlessFacts | undefined;

export function rootlessFacts(): RootlessFacts {
  known ??= factsFrom({
    uidMap: readFileSync('/proc/self/uid_map', 'utf8'),
    gidMap: readFileSync('/proc/self/gid_map', 'utf8'),
    euid: process.geteuid!(),
    egid: process.getegid!(),
  });
  return known;
}

export function factsFrom(seen: {
  uidMap: string;
  gidMap: string;
  euid: number;
  egid: number;
}): RootlessFacts {
  const uidMap = parseIdMap(seen.uidMap);
  const gidMap = parseIdMap(seen.gidMap);
  const isFirst = uidMap.length === 1 && uidMap[0]!.inner === 0 && uidMap[0]!.length === ALL_IDS;
  const uid = outerId(uidMap, seen.euid) ?? seen.euid;
  return {
    isInUserNamespace: !isFirst,
    isRootless: uid !== 0,
    uid,
    gid: outerId(gidMap, seen.egid) ?? seen.egid,
    uidMap,
    gidMap,
  };
}

export function parseIdMap(text: string): IdRange[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [inner, outer, length] = line.trim().split(/\s+/).map(Number);
      return { inner: inner!, outer: outer!, length: length! };
    });
}

/** Whether an id of the inside has one outside: only such can own files. */
export function isMapped(map: readonly IdRange[], inner: number): boolean {
  return outerId(map, inner) !== undefined;
}

function outerId(map: readonly IdRange[], inner: number): number | undefined {
  const range = map.find((one) => inner >= one.inner && inner < one.inner + one.length);
  return range === undefined ? undefined : range.outer + inner - range.inner;
}
