import { OrreryError, systemClock } from '../../base/index.ts';
import { exists } from '../images/blobs.ts';
import { writeControl } from './control.ts';

const TIMEOUT_MS = 5_000;

/**
 * Has conmon close its log file and open one of that name anew, after somebody has renamed the old one.
 * Resolves when the new one is there: nothing is written to the old one any more.
 *
 * @throws Conflict when no conmon listens. @throws OrreryError LogReopenFailed
 */
export async function reopenLogFile(controlPath: string, logPath: string): Promise<void> {
  await writeControl(controlPath, '2 0 0\n');
  const endMs = Date.now() + TIMEOUT_MS;
  while (!(await exists(logPath))) {
    if (Date.now() > endMs)
      throw new OrreryError('LogReopenFailed', `conmon did not open ${logPath} anew in ${TIMEOUT_MS} ms`);
    await systemClock.sleep(5);
  }
}
