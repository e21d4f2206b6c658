import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, removeTree } from '../../base/index.ts';
import { isRootMounted, mountRoot, unmountRoot } from '../containers/root-filesystem.ts';
import { libc } from '../system/libc.ts';

const MS_RDONLY = 1;
const MS_REMOUNT = 32;

const PEOPLE = 'people';

/** Root file systems of images that people look at on the host, read-only: `image-mounts/<id>/rootfs`. */
export class ImageMounts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Mounts it unless it is. `holder` is a container, or the people who asked for it. @returns where */
  async mount(
    imageId: string,
    layers: { folder: string; names: readonly string[] },
    holder = PEOPLE,
  ): Promise<string> {
    const folder = this.#folderOf(imageId);
    if (!(await isRootMounted(folder))) {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      const root = await mountRoot(folder, layers.folder, layers.names);
      libc().mount('overlay', root, 'overlay', MS_REMOUNT | MS_RDONLY, '');
    }
    await mkdir(join(folder, 'holders'), { recursive: true });
    await writeFile(join(folder, 'holders', holder), '');
    return join(folder, 'rootfs');
  }

  /** Writable, what is written stays in `folder`. @returns where */
  async mountIn(folder: string, layersFolder: string, layerNames: readonly string[]): Promise<string> {
    if (await isRootMounted(folder)) return join(folder, 'rootfs');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await mountRoot(folder, layersFolder, layerNames);
  }

  /** Unmounts what nobody else holds. Idempotent. */
  async release(imageId: string, holder: string): Promise<void> {
    const holders = join(this.#folderOf(imageId), 'holders');
    const names = await namesIn(holders);
    if (!names.includes(holder)) return;
    await rm(join(holders, holder), { force: true });
    if (names.length === 1) await this.unmount(imageId);
  }

  /** For all who hold it. @returns whether it was mounted. */
  async unmount(imageId: string): Promise<boolean> {
    const folder = this.#folderOf(imageId);
    const wasMounted = unmountRoot(folder);
    await removeTree(folder);
    return wasMounted;
  }

  /** Where the image is mounted, if it is. */
  async pathOf(imageId: string): Promise<string | undefined> {
    const folder = this.#folderOf(imageId);
    return (await isRootMounted(folder)) ? join(folder, 'rootfs') : undefined;
  }

  /** Ids of the images that are mounted. */
  async ids(): Promise<string[]> {
    const mounted: string[] = [];
    for (const name of await namesIn(this.#folder))
      if (await isRootMounted(join(this.#folder, name))) mounted.push(`sha256:${name}`);
    return mounted;
  }

  #folderOf(imageId: string): string {
    return join(this.#folder, imageId.slice('sha256:'.length));
  }
}
