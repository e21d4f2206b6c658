import { BadRequest, messageOf, OrreryError } from '../base/index.ts';
import { visibleLines } from './visible-text.ts';

/** Exit codes of the `orrery` command: 0 done, 1 failed, 2 the command line was wrong, 3 not running (status). */
export const EXIT = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const;

/** The CLI's edge: anything thrown becomes one line, a hint when there is one, and an exit code. */
export function reportError(
  error: unknown,
  write: (text: string) => void = (text) => process.stderr.write(text),
): number {
  write(`error: ${visibleLines(messageOf(error))}\n`);
  if (error instanceof OrreryError && error.hint !== undefined) write(`hint: ${error.hint}\n`);
  if (process.env.ORRERY_DEBUG !== undefined && error instanceof Error && error.stack !== undefined)
    write(`${error.stack}\n`);
  return error instanceof BadRequest ? EXIT.usage : EXIT.failed;
}
