import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { OrreryError, systemClock } from '../../base/index.ts';
import { libc } from './libc.ts';

/** How late one who waits may learn that the lock is free. */
const LONGEST_WAIT_MS = 20;

const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while this process holds flock(2) on `path`. The kernel drops the lock when the holder dies,
 * so a crash never leaves it behind. Calls within one process queue up without polling.
 *
 * @param work gets the lock's descriptor: a child that has it too holds the lock until its own end
 * @param options `shared`: others may hold it at the same time, also shared.
 * @throws OrreryError LockTimeout after `timeoutMs` (default 60 s).
 */
export async function withFileLock<T>(
  path: string,
  work: (lock: number) => Promise<T>,
  options: { timeoutMs?: number; shared?: boolean } = {},
): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.then(() => hold(path, work, options));
  const settled = mine.then(
    () => undefined,
    () => undefined,
  );
  queues.set(path, settled);
  try {
    return await mine;
  } finally {
    if (queues.get(path) === settled) queues.delete(path);
  }
}

async function hold<T>(
  path: string,
  work: (lock: number) => Promise<T>,
  { timeoutMs = 60_000, shared = false }: { timeoutMs?: number; shared?: boolean },
): Promise<T> {
  const file = openLock(path);
  try {
    const endMs = Date.now() + timeoutMs;
    for (let waitMs = 1; !libc().tryLock(file, shared); waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      if (Date.now() > endMs)
        throw new OrreryError('LockTimeout', `another process has held ${path} for ${timeoutMs} ms`);
      await systemClock.sleep(waitMs);
    }
    return await work(file);
  } finally {
    closeSync(file);
  }
}

/** At once: a command takes some twenty locks, nearly all of them free, and a detour for each is dearer than the lock. */
function openLock(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a', 0o600);
  }
}

/** Takes flock(2) on an open file, for as long as it is open. False when another holds it. */
export function tryLockFile(fd: number): boolean {
  return libc().tryLock(fd);
}
