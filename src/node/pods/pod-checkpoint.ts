import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log, writeFileAtomic } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { absent } from '../volumes/atomic-writer.ts';
import { PodFolder } from './pod-folder.ts';

/** What a node that starts without an API server must know of a pod. */
export interface PodCheckpoint {
  pod: corev1.Pod;
  startTimeMs: number;
}

/** For root only: a pod's environment may hold secrets. */
export async function writeCheckpoint(folder: PodFolder, checkpoint: PodCheckpoint): Promise<void> {
  await writeFileAtomic(folder.checkpoint, JSON.stringify(checkpoint), { mode: 0o600 });
}

export interface FoundCheckpoints {
  checkpoints: PodCheckpoint[];
  /** Uids of folders without a readable one: what is left of pods that were being removed. */
  remains: string[];
}

export async function readCheckpoints(nodeDirectory: string, log: Log): Promise<FoundCheckpoints> {
  const found: FoundCheckpoints = { checkpoints: [], remains: [] };
  const uids = (await readdir(join(nodeDirectory, 'pods')).catch(absent)) ?? [];
  for (const uid of uids) {
    const text = await readFile(new PodFolder(nodeDirectory, uid).checkpoint, 'utf8').catch(absent);
    try {
      if (text === undefined) found.remains.push(uid);
      else found.checkpoints.push(JSON.parse(text) as PodCheckpoint);
    } catch (error) {
      log.warn('a pod checkpoint is unreadable', { pod: uid, error });
      found.remains.push(uid);
    }
  }
  return found;
}
