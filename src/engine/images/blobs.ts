import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, type WriteStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { OrreryError, removeTree, syncFolder, writeFileAtomic } from '../../base/index.ts';
import { isProcessAlive, processIdentity } from '../system/process-identity.ts';
import { type Descriptor, INDEX, type Index } from './media-types.ts';

/** A blob that was written and hashed but is not yet part of the store. */
export interface StagedBlob {
  path: string;
  digest: string;
  size: number;
}

/**
 * An OCI image layout on disk (image-spec v1.1, image-layout.md): `oci-layout`, `index.json`,
 * `blobs/sha256/<hex>`. A blob enters whole and fsynced, by rename; `index.json` is replaced atomically after
 * the blobs it names, so a crash at any instant leaves a valid layout, at worst with blobs nobody names.
 */
export class Blobs {
  readonly folder: string;
  readonly #ingest: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#ingest = join(folder, 'ingest');
  }

  async open(): Promise<void> {
    await mkdir(join(this.folder, 'blobs/sha256'), { recursive: true });
    await mkdir(this.#ingest, { recursive: true, mode: 0o700 });
    await this.#writeOnce('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    await this.#writeOnce(
      'index.json',
      JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }),
    );
    await removeAbandoned(this.#ingest);
  }

  async #writeOnce(name: string, content: string): Promise<void> {
    if (!(await exists(join(this.folder, name)))) await writeFileAtomic(join(this.folder, name), content);
  }

  pathOf(digest: string): string {
    return join(this.folder, 'blobs/sha256', digest.slice('sha256:'.length));
  }

  /** A private folder for one load; whoever made it removes it, or the next `open` after its death does. */
  async stage(): Promise<string> {
    const folder = join(this.#ingest, ownedName());
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  /** Streams into a staged file, hashing on the way. */
  async write(
    staging: string,
    content: AsyncIterable<Uint8Array> | Uint8Array,
    options: { flush: boolean } = { flush: true },
  ): Promise<StagedBlob> {
    const path = join(staging, randomBytes(8).toString('hex'));
    const hash = createHash('sha256');
    let size = 0;
    const file = await open(path, 'wx', 0o644);
    const out: WriteStream = file.createWriteStream({ flush: options.flush, highWaterMark: 1 << 20 });
    const written = new Promise<void>((resolve, reject) => out.on('close', resolve).on('error', reject));
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        hash.update(chunk as Uint8Array);
        size += (chunk as Uint8Array).byteLength;
        if (!out.write(chunk)) await once(out, 'drain');
      }
      out.end();
      await written;
    } catch (error) {
      // The file is of no use any more: how its own end goes tells nothing new.
      written.catch(() => undefined);
      out.destroy();
      throw error;
    }
    return { path, digest: `sha256:${hash.digest('hex')}`, size };
  }

  /** Moves staged blobs in; those already there stay. Call under the store's lock, before `writeIndex`. */
  async adopt(staged: readonly StagedBlob[]): Promise<void> {
    for (const blob of staged) await rename(blob.path, this.pathOf(blob.digest));
    await syncFolder(join(this.folder, 'blobs/sha256'));
  }

  async read(digest: string): Promise<Buffer> {
    return await readFile(this.pathOf(digest));
  }

  stream(digest: string): Readable {
    return createReadStream(this.pathOf(digest), { highWaterMark: 1 << 20 });
  }

  async readIndex(): Promise<Index> {
    const text = await readFile(join(this.folder, 'index.json'), 'utf8');
    try {
      return JSON.parse(text) as Index;
    } catch (cause) {
      throw new OrreryError('ImageStoreCorrupt', `${join(this.folder, 'index.json')} is not JSON`, { cause });
    }
  }

  async writeIndex(manifests: Descriptor[]): Promise<void> {
    const index: Index = { schemaVersion: 2, mediaType: INDEX, manifests };
    await writeFileAtomic(join(this.folder, 'index.json'), JSON.stringify(index, undefined, 2));
  }

  /** Digests of all blobs here. */
  async list(): Promise<string[]> {
    const names = await readdir(join(this.folder, 'blobs/sha256'));
    return names.filter((name) => /^[a-f0-9]{64}$/.test(name)).map((name) => `sha256:${name}`);
  }

  async delete(digest: string): Promise<void> {
    await rm(this.pathOf(digest), { force: true });
  }

  async sizeOf(digest: string): Promise<number | undefined> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** A name that tells who made the thing, so that a later process knows whether its maker still lives. */
export function ownedName(): string {
  return `${processIdentity(process.pid)}:${randomBytes(6).toString('hex')}`;
}

/** Removes the things in `folder` that carry an `ownedName` of a process that is no more. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = /^(\d+:\d+):[0-9a-f]{12}$/.exec(name)?.[1];
    if (owner !== undefined && !isProcessAlive(owner)) await removeTree(join(folder, name));
  }
}
