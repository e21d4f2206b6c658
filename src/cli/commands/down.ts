import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { OrreryError } from '../../base/index.ts';
import { callControl } from '../control-socket.ts';
import { dataDirectoryAt } from '../data-directory.ts';
import { dataDirectoryOf } from '../data-root.ts';
import type { SupervisorStatus } from '../supervisor.ts';

const STOP_TIMEOUT_MS = 40_000;

export async function down(flags: { dataDir?: string; all?: boolean }): Promise<void> {
  const directory = dataDirectoryAt(dataDirectoryOf(flags.dataDir));
  const answer = await callControl(directory, 'status');
  if (answer !== undefined) {
    const status = JSON.parse(answer) as SupervisorStatus;
    await callControl(directory, 'down');
    await gone([status.pid, ...status.roles.flatMap((r) => r.pid ?? [])]);
    process.stdout.write('Orrery is down\n');
  } else process.stdout.write(`Orrery is not running on ${directory.root}\n`);
  if (flags.all === true) {
    const { removeEverything } = await import('../remove-everything.ts');
    const removed = await removeEverything(directory);
    process.stdout.write(
      `Removed ${removed.containers} container${removed.containers === 1 ? '' : 's'} and what belonged to them\n`,
    );
  } else if (answer !== undefined) {
    process.stdout.write("Containers keep running; 'orrery up' adopts them, 'orrery down --all' ends them\n");
  }
}

/** Waits until none of the processes exists any more: the kernel has no event for other people's children. */
async function gone(pids: number[]): Promise<void> {
  const deadline = AbortSignal.timeout(STOP_TIMEOUT_MS);
  const timedOut = once(deadline, 'abort').then(() => {
    throw new OrreryError(
      'StopTimedOut',
      `processes ${pids.filter(isAlive).join(', ')} did not end within ${STOP_TIMEOUT_MS / 1000} s`,
    );
  });
  timedOut.catch(() => undefined);
  while (pids.some(isAlive)) await Promise.race([delay(25), timedOut]);
}

/** A process that has ended and waits for init to notice is not alive any more. proc_pid_stat(5) */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
