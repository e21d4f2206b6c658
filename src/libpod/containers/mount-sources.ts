import { createHash } from 'node:crypto';
import { chmod, chown, lchown, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import type { ContainerMount } from '../../engine/index.ts';
import type { StoredMount } from './stored-container.ts';

/** Whose change of owner would break the host (containers/common, pkg/chown). */
const NOT_OURS = new Set([
  ...[
    '/',
    '/bin',
    '/boot',
    '/dev',
    '/etc',
    '/etc/passwd',
    '/etc/pki',
    '/etc/shadow',
    '/home',
    '/lib',
    '/lib64',
  ],
  ...['/media', '/opt', '/proc', '/root', '/run', '/sbin', '/srv', '/sys', '/tmp', '/usr', '/usr/lib'],
  ...['/usr/libexec', '/usr/share', '/var', '/var/lib'],
]);

/** The option `U`: everything in it belongs to the container's user from now on. @throws BadRequest for the host's own */
export async function giveSource(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if (NOT_OURS.has(path) || path === homedir())
    throw new BadRequest(
      `chowning host path "${path}" is not allowed. You can manually \`chown -R ${uid}:${gid} ${path}\``,
    );
  const top = await lstat(path);
  // What is theirs already has been given: what they changed in it since is their business, as with Podman.
  if (top.uid === uid && top.gid === gid) return;
  await giveTree(path, uid, gid);
}

async function giveTree(path: string, uid: number, gid: number): Promise<void> {
  const info = await lstat(path);
  if (info.uid !== uid || info.gid !== gid) await lchown(path, uid, gid);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path)) await giveTree(join(path, name), uid, gid);
}

export function overlayFolder(userFolder: string): string {
  return join(userFolder, 'overlay-volumes');
}

/**
 * The option `O`: what is there is seen, what is written goes with the container's run, or into the `upperdir` that
 * was named. The runtime mounts it, so it is gone with the container.
 */
export async function overlayMount(
  { destination, options }: StoredMount,
  source: string,
  how: { userFolder: string; isInUserNamespace: boolean; owner?: { uid: number; gid: number } },
): Promise<ContainerMount> {
  const named = (name: string) => options.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const key = createHash('sha256').update(destination).digest('hex').slice(0, 16);
  const place = join(overlayFolder(how.userFolder), key);
  let upper = named('upperdir');
  const work = named('workdir') ?? join(place, 'work');
  if (upper === undefined) {
    upper = join(place, 'upper');
    await rm(place, { recursive: true, force: true });
    for (const path of [upper, work]) await mkdir(path, { recursive: true, mode: 0o700 });
    const { mode, uid, gid } = await stat(source);
    const owner = how.owner ?? { uid, gid };
    await chown(upper, owner.uid, owner.gid);
    await chmod(upper, mode & 0o7777);
  }
  const data = [`lowerdir=${escaped(source)}`, `upperdir=${escaped(upper)}`, `workdir=${escaped(work)}`];
  // The marks of a user namespace's root are of another kind (Linux 5.11).
  if (how.isInUserNamespace) data.push('userxattr');
  return { type: 'overlay', source: 'overlay', destination, options: [...data, 'private'] };
}

/** Colons and commas mean something to overlayfs; the runtime parts options at commas, too. */
function escaped(path: string): string {
  if (path.includes(',')) throw new BadRequest(`a volume with the option O cannot have a comma in ${path}`);
  return path.replace(/[\\:]/g, '\\$&');
}
