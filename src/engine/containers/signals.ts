import { constants } from 'node:os';
import { BadRequest } from '../../base/index.ts';

/** `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3`. @throws BadRequest */
export function signalNumber(signal: string): number {
  const name = signal.toUpperCase();
  const signals: Record<string, number> = constants.signals;
  const number = /^\d+$/.test(name)
    ? Number(name)
    : (signals[name] ?? signals[`SIG${name}`] ?? realTime(name));
  if (number === undefined || number < 1 || number > 64)
    throw new BadRequest(`unknown signal ${JSON.stringify(signal)}`);
  return number;
}

/** `SIGRTMIN+3`, as images of systemd ask for; glibc's SIGRTMIN is 34. */
function realTime(name: string): number | undefined {
  const match = /^(?:SIG)?RTMIN(?:\+(\d+))?$/.exec(name);
  return match === null ? undefined : 34 + Number(match[1] ?? 0);
}

/** No error when the process is gone already. */
export function sendSignal(pid: number, number: number): void {
  try {
    process.kill(pid, number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
