import { BadRequest, NotFound } from '../../../base/index.ts';
import type { FlagValues } from '../../grammar/index.ts';
import { forEachNamed, withExitCode } from '../container-commands/several.ts';
import type { ToolContext } from '../context.ts';
import { removalExitCode } from './listing.ts';

interface Removing {
  remove(name: string, options: { force: boolean; timeoutSeconds?: number }): Promise<void>;
}

/** @throws BadRequest for a time to wait without `--force` */
export function checkTimeOfForce(flags: FlagValues): void {
  if (flags.changed('time') && !flags.bool('force'))
    throw new BadRequest('--force option must be specified to use the --time option');
}

/** `rm` of networks and volumes: each name is told when it has gone; the exit code is of what stood in the way. */
export async function removeNamed(
  context: ToolContext,
  things: Removing,
  names: readonly string[],
  flags: FlagValues,
): Promise<void> {
  const force = flags.bool('force');
  let exitCode: number | undefined;
  try {
    await forEachNamed(context, names, async (name) => {
      try {
        await things.remove(name, {
          force,
          ...(flags.changed('time') && { timeoutSeconds: flags.number('time')! }),
        });
        context.stdout.write(`${name}\n`);
      } catch (error) {
        if (force && error instanceof NotFound) return;
        exitCode = removalExitCode(error) ?? exitCode;
        throw error;
      }
    });
  } catch (error) {
    throw exitCode === undefined ? error : withExitCode(error, exitCode);
  }
}
