import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import type { corev1 } from '../../kube/index.ts';

const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Gives everything in a volume to the pod's fsGroup: readable and writable for the group, and folders hand it on. With
 * fsGroupChangePolicy OnRootMismatch only when the top does not look so already. Links are not followed, wherever a pod
 * that wrote here before may have pointed them.
 *
 * @see k8s.io/kubernetes/pkg/volume/volume_linux.go
 */
export async function applyFsGroup(
  path: string,
  context: corev1.PodSecurityContext | undefined,
): Promise<void> {
  const group = context?.fsGroup;
  if (group === undefined) return;
  const root = await open(path, constants.O_RDONLY);
  try {
    const { gid, mode } = await root.stat();
    const isDone = gid === group && (mode & 0o2770) === 0o2770;
    if (context?.fsGroupChangePolicy === 'OnRootMismatch' && isDone) return;
    await giveTo(root, group);
  } finally {
    await root.close();
  }
}

async function giveTo(place: FileHandle, group: number): Promise<void> {
  const found = await place.stat();
  const isFolder = found.isDirectory();
  if (!isFolder && !found.isFile()) return;
  if (isFolder) {
    const here = `/proc/self/fd/${place.fd}`;
    for (const name of await readdir(here)) {
      const below = await open(`${here}/${name}`, OPEN).catch(skipped);
      if (below === undefined) continue;
      try {
        await giveTo(below, group);
      } finally {
        await below.close();
      }
    }
  }
  await place.chown(found.uid, group);
  await place.chmod((found.mode & 0o7777) | (isFolder ? 0o2770 : 0o660));
}

/** Links, sockets, and what went meanwhile. */
function skipped(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ELOOP' && error.code !== 'ENXIO' && error.code !== 'ENOENT') throw error;
  return undefined;
}
