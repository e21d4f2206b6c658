import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Conflict, OrreryError, systemClock } from '../../base/index.ts';
import { exists } from '../images/blobs.ts';

const TIMEOUT_MS = 5_000;

/**
 * Has conmon close its log file and open one of that name anew, after somebody has renamed the old one.
 * Resolves when the new one is there: nothing is written to the old one any more.
 *
 * Protocol: conmon 2.1, ctrl.c: `<type> <height> <width>` on the named pipe `ctl`; type 2 reopens logs.
 *
 * @throws Conflict when no conmon listens. @throws OrreryError LogReopenFailed
 */
export async function reopenLogFile(controlPath: string, logPath: string): Promise<void> {
  // Not blocking: without a reader the pipe is refused at once (ENXIO).
  const control = await openControl(controlPath);
  try {
    await control.write('2 0 0\n');
  } finally {
    await control.close();
  }
  const endMs = Date.now() + TIMEOUT_MS;
  while (!(await exists(logPath))) {
    if (Date.now() > endMs)
      throw new OrreryError('LogReopenFailed', `conmon did not open ${logPath} anew in ${TIMEOUT_MS} ms`);
    await systemClock.sleep(5);
  }
}

async function openControl(path: string) {
  try {
    return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== 'ENXIO' && code !== 'ENOENT') throw cause;
    throw new Conflict('the container has no monitor (conmon) that writes its log', { cause });
  }
}
