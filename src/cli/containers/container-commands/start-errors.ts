import { messageOf } from '../../../base/index.ts';
import { withExitCode } from './several.ts';

/** podman-run(1), "Exit Status". */
const NOT_INVOKABLE = 126;
const NOT_FOUND = 127;

const MISSING = /executable file not found|no such file or directory|: not found/i;
const FORBIDDEN = /permission denied|is a directory|exec format error|not a directory/i;

/** What `run` ends with when its container does not start: Podman goes by the words (libpod/define, exec_codes.go). */
export function asRunError(error: unknown): unknown {
  const message = messageOf(error).toLowerCase();
  // Podman looks for what is bound when it creates the container.
  if (message.startsWith('statfs ')) return error;
  return withExitCode(error, /not found|no such file/.test(message) ? NOT_FOUND : NOT_INVOKABLE);
}

/** A start that failed because of the command, with the exit code and the words that Podman ends it with. */
export function asStartError(error: unknown): unknown {
  const message = messageOf(error);
  if (!/exec|OCI|runc|crun/i.test(message)) return error;
  if (FORBIDDEN.test(message)) return withExitCode(error, NOT_INVOKABLE);
  if (MISSING.test(message)) return withExitCode(error, NOT_FOUND);
  return error;
}
