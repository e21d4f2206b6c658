import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../base/index.ts';
import { mountRoot, unmountRoot } from '../containers/root-filesystem.ts';

/** The file system of a stage between two layers: an overlay over the layers so far, in a folder of its own. */
export class WorkingRoot {
  readonly folder: string;
  /** Where the image's `/` is. */
  readonly root: string;
  readonly #isMounted: boolean;

  private constructor(folder: string, root: string, isMounted: boolean) {
    this.folder = folder;
    this.root = root;
    this.#isMounted = isMounted;
  }

  /** @param layerNames top first; none for `FROM scratch`, whose root is an ordinary folder. */
  static async open(
    folder: string,
    layersFolder: string,
    layerNames: readonly string[],
  ): Promise<WorkingRoot> {
    await mkdir(join(folder, 'upper'), { recursive: true, mode: 0o755 });
    if (layerNames.length === 0) return new WorkingRoot(folder, join(folder, 'upper'), false);
    return new WorkingRoot(folder, await mountRoot(folder, layersFolder, layerNames), true);
  }

  get upper(): string {
    return join(this.folder, 'upper');
  }

  async hasChanges(): Promise<boolean> {
    return (await readdir(this.upper)).length > 0;
  }

  /** After this the upper folder is an ordinary one. */
  unmount(): void {
    if (this.#isMounted) unmountRoot(this.folder);
  }

  async discard(): Promise<void> {
    this.unmount();
    await removeTree(this.folder);
  }
}
