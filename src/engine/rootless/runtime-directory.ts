import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OrreryError } from '../../base/index.ts';

/**
 * A folder of the user's own for what must not outlive a reboot: locks, pid files, sockets. The session's
 * (XDG_RUNTIME_DIR), else /run/user/UID, else one in /tmp that nobody else can write to.
 *
 * @throws OrreryError RootlessUnavailable when the one in /tmp is somebody else's
 */
export function userRuntimeDirectory(uid: number, given: string | undefined): string {
  for (const candidate of [given, `/run/user/${uid}`])
    if (candidate?.startsWith('/') && isOwn(candidate, uid)) return ownFolder(join(candidate, 'orrery'), uid);
  return ownFolder(`/tmp/orrery-run-${uid}`, uid);
}

/** The id that files of this user have as this process sees them. */
function seenOwner(uid: number): number {
  return process.geteuid!() === 0 ? 0 : uid;
}

function isOwn(path: string, uid: number): boolean {
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === seenOwner(uid) && (found.mode & 0o700) === 0o700;
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function ownFolder(path: string, uid: number): string {
  try {
    mkdirSync(path, { mode: 0o700 });
    chmodSync(path, 0o700);
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== seenOwner(uid) || (found.mode & 0o077) !== 0)
    throw new OrreryError(
      'RootlessUnavailable',
      `${path} is not a private folder of the user ${uid}: it cannot hold locks`,
      { hint: 'set XDG_RUNTIME_DIR to a folder of your own with mode 0700' },
    );
  return path;
}
