import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadRequest } from '../../base/index.ts';

export interface VolumeFile {
  content: Uint8Array;
  mode: number;
  /** Owner, when it is not root. */
  uid?: number;
  gid?: number;
}

/** Relative path → file. */
export type VolumePayload = ReadonlyMap<string, VolumeFile>;

/**
 * Makes a folder show exactly `payload`, so that a reader sees the whole old content or the whole new one:
 * the files lie in a folder of their own, `..data` points to it and is swapped by a rename, the visible
 * names point into `..data`. The layout is Kubernetes' own (pkg/volume/util/atomic_writer.go): programs
 * that watch their configuration rely on it.
 *
 * @returns whether anything changed
 */
export async function writeAtomically(folder: string, payload: VolumePayload): Promise<boolean> {
  for (const path of payload.keys()) {
    if (path === '' || path.startsWith('/') || path.split('/').some((part) => part.startsWith('..')))
      throw new BadRequest(`invalid path: ${path}`);
  }
  const dataLink = join(folder, '..data');
  const current = await readlink(dataLink).catch(absent);
  if (current !== undefined && (await holds(join(folder, current), payload))) return false;
  const version = `..${new Date().toISOString().replace(/[-:T]/g, '_').slice(0, 19)}.${randomBytes(4).toString('hex')}`;
  const versionFolder = join(folder, version);
  await mkdir(versionFolder, { mode: 0o755 });
  for (const [path, file] of payload) {
    const target = join(versionFolder, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFile(target, file.content);
    await chmod(target, file.mode);
    if (file.uid !== undefined || file.gid !== undefined) await chown(target, file.uid ?? 0, file.gid ?? 0);
  }
  const temporary = join(folder, '..data_tmp');
  await rm(temporary, { force: true });
  await symlink(version, temporary);
  await rename(temporary, dataLink);
  await showNames(folder, payload);
  if (current !== undefined) await rm(join(folder, current), { recursive: true, force: true });
  return true;
}

/** Whether `writeAtomically` has ever been through with the folder. */
export async function isFilled(folder: string): Promise<boolean> {
  return (await readlink(join(folder, '..data')).catch(absent)) !== undefined;
}

/** Visible names: one link for each first part of a path. */
async function showNames(folder: string, payload: VolumePayload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0]!));
  for (const name of await readdir(folder)) {
    if (!name.startsWith('..') && !wanted.delete(name)) await rm(join(folder, name), { force: true });
  }
  for (const name of wanted) await symlink(join('..data', name), join(folder, name));
}

async function holds(versionFolder: string, payload: VolumePayload): Promise<boolean> {
  const entries = await readdir(versionFolder, { recursive: true, withFileTypes: true }).catch(absent);
  const files = (entries ?? []).filter((entry) => entry.isFile());
  if (files.length !== payload.size) return false;
  for (const [path, file] of payload) {
    const target = join(versionFolder, path);
    const content = await readFile(target).catch(absent);
    if (content === undefined || !content.equals(file.content)) return false;
    const { mode, uid, gid } = await lstat(target);
    if ((mode & 0o7777) !== file.mode || uid !== (file.uid ?? 0) || gid !== (file.gid ?? 0)) return false;
  }
  return true;
}

/** For what may not be there: undefined, any other trouble is thrown on. */
export function absent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  return undefined;
}
