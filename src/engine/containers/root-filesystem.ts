import { chmod, chown, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { rootlessFacts } from '../rootless/facts.ts';
import { libc, SystemCallFailed } from '../system/libc.ts';
import { detachMount } from '../system/mounts.ts';

/** The kernel takes at most one page of mount options. */
const MAX_OPTIONS_BYTES = 4000;

export interface RootOptions {
  /** Of a `/` that no layer says anything of. */
  mode?: number;
  /** Nothing written is worth a wait for the disk: it goes with its container (overlayfs, `volatile`, Linux 5.10). */
  isVolatile?: boolean;
}

/**
 * Mounts a container's root: an overlay of its layers (top first) below a writable folder of its own.
 * Layer names are relative when the list is long: 120 layers fit.
 */
export async function mountRoot(
  folder: string,
  layersFolder: string,
  layers: readonly string[],
  { mode = 0o755, isVolatile = false }: RootOptions = {},
): Promise<string> {
  // The kernel refuses a layer that stands twice (ELOOP); whatever the lower one says, the upper one says again.
  const layerNames = [...new Set(layers)];
  const root = join(folder, 'rootfs');
  for (const name of ['upper', 'work', 'rootfs'])
    await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
  await takeAttributes(
    layerNames.map((name) => join(layersFolder, name)),
    join(folder, 'upper'),
    mode,
  );
  const own = `upperdir=${escaped(join(folder, 'upper'))},workdir=${escaped(join(folder, 'work'))}`;
  // The root of a user namespace may keep overlayfs' marks in `user.` attributes only (Linux 5.11).
  const rest = rootlessFacts().isInUserNamespace ? `${own},userxattr` : own;
  const absolute = layerNames.map((name) => escaped(join(layersFolder, name))).join(':');
  const options = `lowerdir=${absolute},${rest}`;
  const mount = (last: string) => {
    if (Buffer.byteLength(options) + last.length <= MAX_OPTIONS_BYTES)
      libc().mount('overlay', root, 'overlay', 0, `${options}${last}`);
    else
      inFolder(layersFolder, () =>
        libc().mount('overlay', root, 'overlay', 0, `lowerdir=${layerNames.join(':')},${rest}${last}`),
      );
  };
  if (isVolatile) await mountVolatile(join(folder, 'work'), mount);
  else mount('');
  return root;
}

/** What a volatile mount leaves keeps others from the folder: whoever cares for the files is to look first. Nobody does. */
async function mountVolatile(work: string, mount: (last: string) => void): Promise<void> {
  await rm(join(work, 'work/incompat'), { recursive: true, force: true });
  try {
    mount(',volatile');
  } catch (error) {
    // A kernel that does not know it.
    if (!(error instanceof SystemCallFailed) || error.errno !== 'EINVAL') throw error;
    mount('');
  }
}

/**
 * The topmost layer that says something of `/` has the word: the writable folder above shows the same owner and
 * permissions. The others' folders are as they were made.
 */
async function takeAttributes(layers: readonly string[], upper: string, otherwise: number): Promise<void> {
  for (const layer of layers) {
    const { mode, uid, gid } = await stat(layer);
    if ((mode & 0o7777) === 0o755 && uid === 0 && gid === 0) continue;
    await chown(upper, uid, gid);
    await chmod(upper, mode & 0o7777);
    return;
  }
  await chmod(upper, otherwise);
}

/** Whether something is mounted on the root's folder: it is on another device than the folder around it. */
export async function isRootMounted(folder: string): Promise<boolean> {
  try {
    const [root, around] = await Promise.all([stat(join(folder, 'rootfs')), stat(folder)]);
    return root.dev !== around.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export function unmountRoot(folder: string): boolean {
  const wasMounted = detachMount(join(folder, 'rootfs'));
  // Its layers, where they are seen with other owners.
  detachMount(join(folder, 'layers'));
  return wasMounted;
}

/** Overlayfs reads colons and commas of its options; a backslash takes their meaning away. */
function escaped(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}

/** Synchronous from end to end, so nobody else ever sees the changed folder. */
function inFolder(folder: string, work: () => void): void {
  const before = process.cwd();
  process.chdir(folder);
  try {
    work();
  } finally {
    process.chdir(before);
  }
}
