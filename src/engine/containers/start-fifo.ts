import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { OrreryError, systemClock } from '../../base/index.ts';

const TIMEOUT_MS = 30_000;

/**
 * Lets a container that runc has created begin: its first process waits in opening `exec.fifo` for writing, and
 * writes a byte when somebody reads (runc, libcontainer/container_linux.go, `exec`). This is all that `runc start`
 * does for a container without hooks, without the 20 ms of a program's start.
 *
 * @throws OrreryError ContainerStartFailed when the process is gone
 */
export async function openStartFifo(path: string, pidOf: () => Promise<number | undefined>): Promise<void> {
  const fifo = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(1);
    const endMs = Date.now() + TIMEOUT_MS;
    for (let waitMs = 1; (await readNow(fifo, buffer)) === 0; waitMs = Math.min(waitMs * 2, 50)) {
      // What has begun may have ended by now: then its byte is here.
      if ((await pidOf()) === undefined && (await readNow(fifo, buffer)) === 0)
        throw new OrreryError('ContainerStartFailed', 'the container ended before it was started');
      if (buffer[0] !== 0) break;
      if (Date.now() > endMs)
        throw new OrreryError('ContainerStartFailed', `the container did not begin in ${TIMEOUT_MS} ms`);
      await systemClock.sleep(waitMs);
    }
  } finally {
    await fifo.close();
  }
  await rm(path, { force: true });
}

/** 0 while nobody has written. */
async function readNow(fifo: Awaited<ReturnType<typeof open>>, buffer: Buffer): Promise<number> {
  try {
    return (await fifo.read(buffer, 0, 1, null)).bytesRead;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}
