import { messageOf, OrreryError } from '../../../base/index.ts';
import type { ToolContext } from '../context.ts';
import { dockerError } from '../docker-error.ts';

/**
 * Does something with each of several things, goes on after an error, and says all of them: the last by
 * throwing it, so that it sets the exit code.
 */
export async function forEachNamed<T>(
  context: ToolContext,
  things: readonly T[],
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  for (const thing of things) {
    try {
      await work(thing);
    } catch (error) {
      errors.push(error);
    }
  }
  for (const error of errors.slice(0, -1)) {
    const asDocker = context.program === 'docker' ? await dockerError(error) : undefined;
    context.stderr.write(asDocker ?? `Error: ${messageOf(error)}\n`);
  }
  if (errors.length > 0) throw errors.at(-1);
}

/** The same error with an exit code of its own. */
export function withExitCode(error: unknown, exitCode: number): OrreryError {
  const { code, details, hint } =
    error instanceof OrreryError ? error : { code: 'Failed', details: {}, hint: undefined };
  return new OrreryError(code, messageOf(error), {
    details: { ...details, exitCode },
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}
