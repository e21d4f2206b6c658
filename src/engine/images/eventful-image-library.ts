import type { Readable } from 'node:stream';
import type {
  ImageEvent,
  ImportOptions,
  LoadedImage,
  LoadOptions,
  PullOptions,
  PushedImage,
  PushOptions,
  SaveOptions,
} from '../engine.ts';
import { DiskImageLibrary } from './image-library.ts';
import type { DiskImageStoreOptions } from './image-store.ts';

export type TellImageEvent = (event: ImageEvent) => Promise<void>;

/** The library that tells what it did, once it is done, in Podman's words and with the names people gave. */
export class EventfulImageLibrary extends DiskImageLibrary {
  readonly #tell: TellImageEvent;

  constructor(options: DiskImageStoreOptions & { tell: TellImageEvent }) {
    super(options);
    this.#tell = options.tell;
  }

  override async built(id: string): Promise<void> {
    await this.#tell({ status: 'build', id: hexOf(id), name: hexOf(id) });
  }

  override async tag(reference: string, name: string): Promise<void> {
    await super.tag(reference, name);
    await this.#tell({ status: 'tag', id: await this.#idOf(reference), name });
  }

  override async untag(reference: string, names?: string[]): Promise<string[]> {
    const id = await this.#idOf(reference);
    const untagged = await super.untag(reference, names);
    for (const name of untagged) await this.#tell({ status: 'untag', id, name });
    return untagged;
  }

  override async removeImage(
    reference: string,
    options?: { force?: boolean; noPrune?: boolean; allNames?: boolean },
  ): Promise<{ untagged: string[]; deleted: string[] }> {
    const id = await this.#idOf(reference);
    const removed = await super.removeImage(reference, options);
    for (const name of removed.untagged) await this.#tell({ status: 'untag', id, name });
    for (const deleted of removed.deleted.map(hexOf))
      await this.#tell({ status: 'remove', id: deleted, name: deleted === id ? reference : deleted });
    return removed;
  }

  override async prune(
    options?: Parameters<DiskImageLibrary['prune']>[0],
  ): Promise<{ deleted: string[]; untagged: string[]; reclaimedBytes: number }> {
    const pruned = await super.prune(options);
    for (const id of pruned.deleted.map(hexOf)) await this.#tell({ status: 'remove', id, name: id });
    return pruned;
  }

  override async loadFrom(
    source: Readable | { folder: string },
    options: LoadOptions = {},
  ): Promise<LoadedImage[]> {
    const loaded = await super.loadFrom(source, options);
    await this.#tell({ status: 'loadfromarchive', id: '', name: options.origin ?? '' });
    return loaded;
  }

  override async save(references: string[], options: SaveOptions): Promise<Readable> {
    const archive = await super.save(references, options);
    await this.#tellSaved(references, options.destination ?? '');
    return archive;
  }

  override async saveToFolder(reference: string, folder: string, options: SaveOptions): Promise<void> {
    await super.saveToFolder(reference, folder, options);
    await this.#tellSaved([reference], folder);
  }

  async #tellSaved(references: readonly string[], name: string): Promise<void> {
    for (const reference of references)
      await this.#tell({ status: 'save', id: await this.#idOf(reference), name });
  }

  override async importRootfs(tar: Readable, options: ImportOptions): Promise<LoadedImage> {
    const imported = await super.importRootfs(tar, options);
    await this.#tell({ status: 'import', id: hexOf(imported.id), name: options.reference ?? '' });
    return imported;
  }

  override async pull(reference: string, options?: PullOptions): Promise<LoadedImage & { pulled: boolean }> {
    const pulled = await super.pull(reference, options);
    const wasAskedFor = options?.policy === undefined || options.policy === 'always';
    if (pulled.pulled || wasAskedFor) await this.#tell({ status: 'pull', id: '', name: reference });
    return pulled;
  }

  override async push(reference: string, options?: PushOptions): Promise<PushedImage> {
    const pushed = await super.push(reference, options);
    await this.#tell({
      status: 'push',
      id: await this.#idOf(reference),
      name: options?.destination ?? reference,
    });
    return pushed;
  }

  /** '' for one that is not there, which the work itself refuses. */
  async #idOf(reference: string): Promise<string> {
    return hexOf((await this.resolve(reference))?.id ?? '');
  }
}

function hexOf(id: string): string {
  return id.replace('sha256:', '');
}
