import { messageOf, OrreryError } from '../../base/index.ts';

/**
 * What the runtime said, in Podman's words: the command was not found (exit code 127), cannot be run (126), or
 * something else (126 too). `details.exitCode` is what a shell would say.
 */
export function runtimeError(error: unknown, verb: 'create' | 'exec' = 'create'): unknown {
  if (!(error instanceof OrreryError) || error.code !== 'ContainerStartFailed') return error;
  const message = messageOf(error).replace(/^(?:runc create failed|exec failed): /, '');
  const told = (sentence: string, exitCode: number) =>
    new OrreryError(
      'ContainerStartFailed',
      `runc: ${verb === 'create' ? 'runc create failed' : 'exec failed'}: ${message}: ${sentence}`,
      {
        cause: error,
        details: { exitCode },
      },
    );
  if (/permission denied|operation not permitted|is a directory|exec format error/i.test(message))
    return told('OCI permission denied', 126);
  if (/executable file not found in|no such file or directory/i.test(message))
    return told('OCI runtime attempted to invoke a command that was not found', 127);
  return told('OCI runtime error', 126);
}
