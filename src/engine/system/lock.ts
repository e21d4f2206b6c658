import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OrreryError, systemClock } from '../../base/index.ts';
import { libc } from './libc.ts';

const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while this process holds flock(2) on `path`. The kernel drops the lock when the holder dies,
 * so a crash never leaves it behind. Calls within one process queue up without polling.
 *
 * @throws OrreryError LockTimeout after `timeoutMs` (default 60 s).
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { timeoutMs?: number } = {},
): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.then(() => hold(path, work, options.timeoutMs ?? 60_000));
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

async function hold<T>(path: string, work: () => Promise<T>, timeoutMs: number): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a', 0o600);
  try {
    const endMs = Date.now() + timeoutMs;
    for (let waitMs = 1; !libc().tryLock(file.fd); waitMs = Math.min(waitMs * 2, 50)) {
      if (Date.now() > endMs)
        throw new OrreryError('LockTimeout', `another process has held ${path} for ${timeoutMs} ms`);
      await systemClock.sleep(waitMs);
    }
    return await work();
  } finally {
    await file.close();
  }
}

/** Takes flock(2) on an open file, for as long as it is open. False when another holds it. */
export function tryLockFile(fd: number): boolean {
  return libc().tryLock(fd);
}
