import { constants } from 'node:os';
import { BadRequest } from '../../../base/index.ts';

const NUMBERS: Readonly<Record<string, number>> = constants.signals;
const FIRST_REALTIME = 34;

/** `KILL`, `sigkill`, `9`, `RTMIN+3` → `SIGKILL` or a number: signals as people write them. @throws BadRequest in Podman's words */
export function parseSignal(given: string): string {
  const text = given.replace(/^-/, '');
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number === 0) throw new BadRequest(`invalid signal: ${text}`);
    if (number > 64) throw new BadRequest('valid signals are 1 through 64');
    return String(number);
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RTMIN(?:\+(\d+))?$|^RTMAX(?:-(\d+))?$/.exec(name);
  if (realtime !== null)
    return String(
      name.startsWith('RTMIN') ? FIRST_REALTIME + Number(realtime[1] ?? 0) : 64 - Number(realtime[2] ?? 0),
    );
  if (NUMBERS[`SIG${name}`] === undefined) throw new BadRequest(`invalid signal: ${text}`);
  return `SIG${name}`;
}
