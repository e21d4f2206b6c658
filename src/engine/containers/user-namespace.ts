import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, lstat, mkdir, open, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { BadRequest, messageOf, OrreryError } from '../../base/index.ts';
import type { IdMapping, IdMappings, UserNamespace } from '../engine.ts';
import { exists } from '../images/blobs.ts';
import { libc, SystemCallFailed } from '../system/libc.ts';
import { detachMount } from '../system/mounts.ts';
import { mountRoot } from './root-filesystem.ts';

/**
 * A user namespace with these ids, and a network namespace that is its own (user_namespaces(7)): both are there as
 * long as a small process in them is, which ends with us.
 *
 * @throws BadRequest when the kernel does not take the ids
 */
export async function holdUserNamespace(mappings: IdMappings): Promise<UserNamespace> {
  const child = spawn('unshare', ['--user', '--net', 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const end = () => void child.kill('SIGKILL');
  try {
    const [ready] = await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => [undefined]),
    ]);
    if (ready === undefined)
      throw new OrreryError('EngineUnavailable', 'this host makes no user namespaces: unshare(1) failed');
    await writeFile(`/proc/${child.pid}/uid_map`, kernelText(mappings.uids)).catch(refuse);
    await writeFile(`/proc/${child.pid}/gid_map`, kernelText(mappings.gids)).catch(refuse);
  } catch (error) {
    end();
    throw error;
  }
  return { path: `/proc/${child.pid}/ns/user`, networkPath: `/proc/${child.pid}/ns/net`, end };
}

function kernelText(mappings: readonly IdMapping[]): string {
  return mappings.map((one) => `${one.containerId} ${one.hostId} ${one.size}\n`).join('');
}

function refuse(cause: unknown): never {
  throw new BadRequest(`the ids cannot be mapped: ${messageOf(cause)}`, { cause });
}

/** What `id` of the inside is outside; undefined for one that is not mapped. */
export function outsideId(mappings: readonly IdMapping[], id: number): number | undefined {
  const range = mappings.find((one) => id >= one.containerId && id < one.containerId + one.size);
  return range === undefined ? undefined : range.hostId + id - range.containerId;
}

/** The owner of a file as the inside sees it; who has no id there stays who they are outside. */
export function insideOwner(
  mappings: IdMappings | undefined,
  { uid, gid }: { uid: number; gid: number },
): { uid: number; gid: number } {
  if (mappings === undefined) return { uid, gid };
  const turned = (map: readonly IdMapping[]) =>
    map.map(({ containerId, hostId, size }) => ({ containerId: hostId, hostId: containerId, size }));
  return {
    uid: outsideId(turned(mappings.uids), uid) ?? uid,
    gid: outsideId(turned(mappings.gids), gid) ?? gid,
  };
}

export interface MappedLayers {
  /** The container's own. */
  folder: string;
  layersFolder: string;
  layerNames: readonly string[];
  mappings: IdMappings;
}

/**
 * The layers as the container's ids own them: by a mount that shifts them (mount_setattr(2), MOUNT_ATTR_IDMAP),
 * or, where there is none such (in a user namespace, on some file systems), by a copy with other owners.
 */
export async function mapLayers(asked: MappedLayers): Promise<{ layersFolder: string; names: string[] }> {
  const { folder, layersFolder, layerNames } = asked;
  const copy = join(folder, 'shifted', 'upper');
  const copied = { layersFolder, names: [relative(layersFolder, copy), ...layerNames] };
  if (await exists(join(folder, 'shifted', 'whole'))) return copied;
  const point = join(folder, 'layers');
  if (await mountShifted(point, asked)) return { layersFolder: point, names: [...layerNames] };
  await copyShifted(asked);
  return copied;
}

const NO_SHIFTING = new Set(['EPERM', 'EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP']);

async function mountShifted(point: string, { layersFolder, mappings }: MappedLayers): Promise<boolean> {
  await mkdir(point, { recursive: true, mode: 0o700 });
  detachMount(point);
  const namespace = await holdUserNamespace(mappings);
  const file = await open(namespace.path, 'r');
  try {
    libc().mountShifted(layersFolder, point, file.fd);
    return true;
  } catch (error) {
    if (error instanceof SystemCallFailed && NO_SHIFTING.has(error.errno)) return false;
    throw error;
  } finally {
    await file.close();
    namespace.end();
  }
}

async function copyShifted({ folder, layersFolder, layerNames, mappings }: MappedLayers): Promise<void> {
  const place = join(folder, 'shifted');
  detachMount(join(place, 'rootfs'));
  await mkdir(place, { recursive: true, mode: 0o755 });
  const root = await mountRoot(place, layersFolder, layerNames);
  try {
    await shiftTree(root, mappings);
  } finally {
    detachMount(root);
  }
  await writeFile(join(place, 'whole'), '');
}

async function shiftTree(path: string, mappings: IdMappings): Promise<void> {
  const { lchown } = await import('node:fs/promises');
  const info = await lstat(path);
  const uid = outsideId(mappings.uids, info.uid);
  const gid = outsideId(mappings.gids, info.gid);
  if (uid === undefined || gid === undefined)
    throw new BadRequest(
      `the image has a file of ${info.uid}:${info.gid}, which the container's ids do not have`,
    );
  const capability = info.isFile() ? libc().getXattr(path, 'security.capability') : undefined;
  await lchown(path, uid, gid);
  // A change of owner takes these away.
  if (info.isFile() && (info.mode & 0o6000) !== 0) await chmod(path, info.mode & 0o7777);
  if (capability !== undefined) libc().setXattr(path, 'security.capability', capability);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path)) await shiftTree(join(path, name), mappings);
}

/**
 * The container's root finds its way to its files: through folders that nobody can list, and the last one by its
 * group only.
 */
export async function openWay(folder: string, mappings: IdMappings): Promise<void> {
  const gid = outsideId(mappings.gids, 0);
  if (gid === undefined) throw new BadRequest('the ids of the container have no 0');
  const { uid } = await stat(folder);
  await chown(folder, uid, gid);
  await chmod(folder, 0o710);
  let above = dirname(folder);
  for (let i = 0; i < 3; i++, above = dirname(above)) {
    const { mode } = await stat(above);
    if ((mode & 0o001) === 0) await chmod(above, (mode & 0o7777) | 0o011);
  }
}
