import { join } from 'node:path';
import { namesIn, removeTree } from '../../base/index.ts';
import { requirePrograms } from '../requirements.ts';
import { detachMount, mountsBelow } from '../system/mounts.ts';
import { isProcessAlive } from '../system/process-identity.ts';
import { deleteLeftover } from './run-step.ts';

/** Takes away folders of builds whose process is no more, what they have mounted and what still runs in them. @returns them */
export async function sweepBuilds(directory: string): Promise<string[]> {
  const builds = join(directory, 'builds');
  const swept: string[] = [];
  for (const name of await namesIn(builds)) {
    const owner = /^(\d+:\d+):[0-9a-f]{12}$/.exec(name)?.[1];
    if (owner === undefined || isProcessAlive(owner)) continue;
    const folder = join(builds, name);
    for (const run of (await namesIn(folder)).filter((one) => one.startsWith('run-')))
      await deleteContainers(join(folder, run, 'runc'));
    await removeBuild(folder);
    swept.push(folder);
  }
  return swept;
}

async function deleteContainers(state: string): Promise<void> {
  const ids = await namesIn(state);
  if (ids.length === 0) return;
  const { runc } = await requirePrograms();
  for (const id of ids) await deleteLeftover(runc, state, id);
}

/** A build's folder, and what is mounted in it. */
export async function removeBuild(folder: string): Promise<void> {
  for (const point of await mountsBelow(folder)) detachMount(point);
  await removeTree(folder);
}
