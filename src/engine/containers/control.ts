import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Conflict } from '../../base/index.ts';

/**
 * Tells a conmon something on its named pipe `ctl`: `<type> <height> <width>`; type 1 is the size of the
 * terminal, 2 reopens logs (conmon 2.1, ctrl.c).
 *
 * @throws Conflict when no conmon listens
 */
export async function writeControl(path: string, line: string): Promise<void> {
  // Not blocking: without a reader the pipe is refused at once (ENXIO).
  const control = await openControl(path);
  try {
    await control.write(line);
  } finally {
    await control.close();
  }
}

async function openControl(path: string) {
  try {
    return await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== 'ENXIO' && code !== 'ENOENT') throw cause;
    throw new Conflict('the container has no monitor (conmon) that listens', { cause });
  }
}
