import { statfs } from 'node:fs/promises';
import { messageOf, OrreryError } from '../../base/index.ts';

/** Less than this is no room for what the runtime writes at a start. */
const ROOM_BYTES = 256 * 1024;

/** A failed start with its reason, where that is a full disk: runc says `unable to store init state: %!w(<nil>)`. */
export async function orDiskFull(error: unknown, folder: string): Promise<unknown> {
  if (!(error instanceof OrreryError) || /no space left/i.test(error.message)) return error;
  try {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize >= ROOM_BYTES) return error;
  } catch (cause) {
    // The folder itself could not be made.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    return error;
  }
  const { code, details } = error;
  return new OrreryError(code, `${messageOf(error)}: no space left on device`, { cause: error, details });
}
