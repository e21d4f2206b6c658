import { join } from 'node:path';
import { removeFolderWithMounts } from './mount-point.ts';

/**
 * Takes away what pods have on this host beside their containers: volumes with their mounts, logs,
 * checkpoints. For `orrery down --all`, after the engine's reset.
 *
 * @param nodeDirectory NodeOptions.directory
 */
export async function removePodFolders(nodeDirectory: string): Promise<void> {
  await removeFolderWithMounts(join(nodeDirectory, 'pods'));
}
