import { readFileSync } from 'node:fs';
import { systemClock } from '../../base/index.ts';

/** `pid:start` — a pid alone may have been given to another process since. Start is in clock ticks since boot. */
export function processIdentity(pid: number): string | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // proc(5): field 3 is the state, field 22 the start time; a zombie has ended for our purposes.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return `${pid}:${fields[19]}`;
}

/** Whether the process that `identity` names still runs. */
export function isProcessAlive(identity: string): boolean {
  return processIdentity(Number(identity.split(':')[0])) === identity;
}

/** Bits of field 9 of proc(5), `flags` (linux/sched.h): it is ending, or is one of the kernel's own. */
const PF_EXITING = 0x4;
const PF_KTHREAD = 0x20_0000;
/** One that has taken its own arguments away on purpose is nobody we look for. */
const MOST_TRIES = 1000;

/**
 * The arguments of a process, or undefined when it is gone. One in the middle of an exec has none for a moment (its new
 * program is not laid out yet), and whoever has started one may ask just then: there is no event to wait for.
 */
export async function processArguments(pid: number): Promise<string[] | undefined> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const text = readProc(`/proc/${pid}/cmdline`);
    if (text !== '') return text?.split('\0');
    const stat = readProc(`/proc/${pid}/stat`);
    if (stat === undefined) return undefined;
    const flags = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[6]);
    if ((flags & (PF_EXITING | PF_KTHREAD)) !== 0) return undefined;
    await systemClock.sleep(1);
  }
  return undefined;
}

/** The content of a file below /proc; undefined when its process is gone. */
export function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}
