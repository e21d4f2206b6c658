import { readFileSync } from 'node:fs';

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

/** The arguments of a process, or undefined when it is gone. */
export function processArguments(pid: number): string[] | undefined {
  return readProc(`/proc/${pid}/cmdline`)?.split('\0');
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
