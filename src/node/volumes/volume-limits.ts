import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type corev1, parseQuantity } from '../../kube/index.ts';
import { absent } from './atomic-writer.ts';

/**
 * The sentence a pod is evicted with when an emptyDir on disk holds more than its sizeLimit, as the kubelet
 * does (pkg/kubelet/eviction); undefined while all keep to it. Those in memory are held by the kernel.
 */
export async function exceededVolumeLimit(
  pod: corev1.Pod,
  volumesFolder: string,
): Promise<string | undefined> {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    if (emptyDir?.sizeLimit === undefined || emptyDir.medium === 'Memory') continue;
    const limitBytes = parseQuantity(emptyDir.sizeLimit).value();
    if (limitBytes === 0) continue;
    const used = await usedBytes(join(volumesFolder, 'kubernetes.io~empty-dir', name)).catch(tooDeep);
    if (used > limitBytes)
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}". `;
  }
  return undefined;
}

/** Nobody nests deeper than a path may be long but to hide from being counted. */
function tooDeep(error: NodeJS.ErrnoException): number {
  if (error.code !== 'ENAMETOOLONG') throw error;
  return Number.POSITIVE_INFINITY;
}

/** What a folder's files take on the disk; a file that vanishes meanwhile counts nothing. */
async function usedBytes(folder: string): Promise<number> {
  let total = 0;
  for (const entry of (await readdir(folder, { withFileTypes: true }).catch(absent)) ?? []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) total += await usedBytes(path);
    else total += ((await lstat(path).catch(absent))?.blocks ?? 0) * 512;
  }
  return total;
}
