import { accessSync, closeSync, constants, readlinkSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { libc } from '../system/libc.ts';
import { INSIDE, JOIN, MAKE } from './entry-scripts.ts';
import { type IdRange, rootlessFacts } from './facts.ts';
import { findHolder, isHolderAlive, nameHolder, readHolder } from './namespace-holder.ts';
import { userRuntimeDirectory } from './runtime-directory.ts';
import { idMap, readSubordinateRanges } from './subordinate-ids.ts';

export interface EntryOptions {
  /** The program and its arguments, run again inside: ourselves. */
  command: string[];
  env: Record<string, string | undefined>;
  /** For one line about what will not work. */
  warn: (line: string) => void;
}

/** Carries the folder we were called in: entering a mount namespace leads to its root. */
const FOLDER = 'ORRERY_ROOTLESS_FOLDER';
const LOCK_FD = 7;

/**
 * For a user who is not root: replaces this process by itself inside the user and mount namespace that all
 * commands of this user share while any process of theirs lives in it, or in a new one. Returns for root, and
 * when we are inside already.
 *
 * @throws OrreryError RootlessUnavailable
 */
export function enterNamespaces(options: EntryOptions): void {
  if (process.geteuid!() === 0) finishEntry(options.env);
  else enter(options);
}

function enter(options: EntryOptions): void {
  keepHandedSockets(options.env);
  const { uid, gid } = rootlessFacts();
  const directory = userRuntimeDirectory(uid, options.env.XDG_RUNTIME_DIR);
  // Inside, the user's number is root's, and so would be their home.
  const env: Record<string, string> = { [FOLDER]: process.cwd(), HOME: options.env.HOME || homedir() };
  for (const [name, value] of Object.entries(options.env)) if (value !== undefined) env[name] ??= value;
  const named = readHolder(directory);
  const holder = isHolderAlive(named) ? named : findHolder(uid);
  if (holder !== undefined) replaceBy(JOIN, [directory, ...holder.split(' '), ...options.command], env);
  const maps = idMaps({ uid, gid }, options);
  replaceBy(MAKE, [directory, named, ...maps.map(asArguments), INSIDE, ...options.command], env);
}

/** What systemd hands down (sd_listen_fds(3)) is for whom this process becomes; the steps on the way use 5 and above. */
function keepHandedSockets({ LISTEN_PID: pid, LISTEN_FDS: count }: EntryOptions['env']): void {
  if (pid !== String(process.pid)) return;
  for (let fd = 3; fd < 3 + Math.min(Number(count) || 0, 2); fd++) libc().keepOverExec(fd);
}

/** Inside: back to the folder we were called in, and the lock is let go. */
function finishEntry(env: EntryOptions['env']): void {
  const folder = env[FOLDER];
  if (folder === undefined) return;
  // Whoever we start is not on the way in.
  delete env[FOLDER];
  process.chdir(folder);
  const { uid, isInUserNamespace } = rootlessFacts();
  if (!isInUserNamespace) return;
  const directory = userRuntimeDirectory(uid, env.XDG_RUNTIME_DIR);
  // Who joins by another than the one named gets themselves named, before one who makes can look.
  if (!isHolderAlive(readHolder(directory))) nameHolder(directory, process.pid);
  if (linkOf(LOCK_FD) === join(directory, 'lock')) closeSync(LOCK_FD);
}

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function replaceBy(script: string, args: string[], env: Record<string, string>): never {
  // Node says once a process that execve is young; this process ends here.
  process.removeAllListeners('warning');
  return process.execve!('/bin/sh', ['sh', '-c', script, 'orrery', ...args], env);
}

/** As newuidmap takes them: `0 1000 1 1 100000 65536`; nothing for a single id. */
function asArguments(map: readonly IdRange[]): string {
  return map.length < 2 ? '' : map.map((one) => `${one.inner} ${one.outer} ${one.length}`).join(' ');
}

function idMaps(
  own: { uid: number; gid: number },
  { env, warn }: EntryOptions,
): [uids: IdRange[], gids: IdRange[]] {
  const user = { name: nameOf(own.uid), uid: own.uid };
  const uids = idMap(own.uid, readSubordinateRanges('uid', user));
  const gids = idMap(own.gid, readSubordinateRanges('gid', user));
  const single: [IdRange[], IdRange[]] = [idMap(own.uid, []), idMap(own.gid, [])];
  const costs = 'files of images that others than their root own cannot be kept';
  if (uids.length < 2 || gids.length < 2) {
    const add = `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user.name}`;
    warn(
      `rootless with a single id, for ${user.name} has no range in /etc/subuid and /etc/subgid: ${costs} (as root: ${add})`,
    );
    return single;
  }
  const missing = ['newuidmap', 'newgidmap'].find((name) => !isOnPath(name, env.PATH));
  if (missing === undefined) return [uids, gids];
  warn(`rootless with a single id, for ${missing} is not installed: ${costs} (apt-get install uidmap)`);
  return single;
}

function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    // No line in passwd: the number is the name.
    return String(uid);
  }
}

function isOnPath(name: string, path = '/usr/local/bin:/usr/bin:/bin'): boolean {
  return path.split(':').some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
      return false;
    }
  });
}
