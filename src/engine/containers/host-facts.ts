import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../images/blobs.ts';
import { hostArchitecture } from '../images/media-types.ts';
import { rootlessFacts } from '../rootless/facts.ts';
import { readProc } from '../system/process-identity.ts';
import { availableCapabilities } from './capabilities.ts';
import type { CgroupHierarchies } from './cgroups.ts';
import { type HostFacts, hardLimit } from './oci-config.ts';

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;

/** Read afresh for each container: limits and devices change while we run. */
export async function readHostFacts(
  hierarchies: CgroupHierarchies,
  withDevices: boolean,
): Promise<HostFacts> {
  const memory = hierarchies.controllers.get('memory');
  return {
    architecture: hostArchitecture(),
    isUnified: hierarchies.isUnified,
    hasSwapAccounting: memory !== undefined && (await countsSwap(memory, hierarchies.isUnified)),
    hardLimits: readHardLimits(readProc('/proc/self/limits') ?? ''),
    limits: readProc('/proc/self/limits') ?? '',
    canRaiseLimits: hasHostResources(),
    // oom_score_adj may be lowered below its floor only with CAP_SYS_RESOURCE (proc(5)).
    oomScoreAdjFloor: hasHostResources() ? -1000 : Number(readProc('/proc/self/oom_score_adj') ?? 0),
    devices: withDevices ? await hostDevices('/dev') : [],
  };
}

/** The root group of v2 has no limits: any group below it tells (kernel, cgroup-v2, "memory.swap.max"). */
async function countsSwap(root: string, isUnified: boolean): Promise<boolean> {
  if (!isUnified) return await exists(join(root, 'memory.memsw.limit_in_bytes'));
  for (const entry of await readdir(root, { withFileTypes: true }))
    if (entry.isDirectory() && (await exists(join(root, entry.name, 'memory.swap.max')))) return true;
  return false;
}

/** CAP_SYS_RESOURCE counts in the host's first user namespace only. */
function hasHostResources(): boolean {
  return availableCapabilities().includes('CAP_SYS_RESOURCE') && !rootlessFacts().isInUserNamespace;
}

export function readHardLimits(text: string): HostFacts['hardLimits'] {
  return { openFiles: hardLimit(text, 'Max open files'), processes: hardLimit(text, 'Max processes') };
}

async function hostDevices(folder: string): Promise<HostFacts['devices']> {
  const found: HostFacts['devices'] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // These are mounts of the container's own.
    if (['/dev/pts', '/dev/shm', '/dev/mqueue', '/dev/fd', '/dev/console', '/dev/ptmx'].includes(path))
      continue;
    if (entry.isDirectory()) found.push(...(await hostDevices(path)));
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) continue;
    const { mode, rdev, uid, gid } = await stat(path);
    const isCharacter = (mode & S_IFMT) === S_IFCHR;
    found.push({
      path,
      type: isCharacter ? 'c' : 'b',
      major: (rdev >>> 8) & 0xfff,
      minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
      mode: mode & 0o777,
      uid,
      gid,
    });
  }
  return found;
}
