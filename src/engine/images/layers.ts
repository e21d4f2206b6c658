import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, pipeline as pipe, type Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { BadRequest, messageOf, removeTree, runCommand } from '../../base/index.ts';
import { exists, ownedName, removeAbandoned } from './blobs.ts';
import type { Compression } from './media-types.ts';
import { unpackLayer } from './tar-unpack.ts';

/**
 * Layers unpacked, once each, for overlayfs: `layers/<first 24 hex digits of the diffID>`; short, because the
 * kernel takes one page of mount options. A layer appears whole, by rename, and only when the bytes that were
 * unpacked had the digest its image promised.
 */
export class Layers {
  readonly folder: string;
  readonly #limitBytes: number | undefined;

  /** @param limitBytes how much one may unpack to; default: what the disk has room for */
  constructor(folder: string, limitBytes?: number) {
    this.folder = folder;
    this.#limitBytes = limitBytes;
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await removeAbandoned(this.folder);
  }

  nameOf(diffId: string): string {
    return diffId.slice('sha256:'.length, 'sha256:'.length + 24);
  }

  pathOf(diffId: string): string {
    return join(this.folder, this.nameOf(diffId));
  }

  async has(diffId: string): Promise<boolean> {
    return await exists(this.pathOf(diffId));
  }

  /**
   * @param options.plainBytes the length of a tar whose digest was found to be `diffId` as it came: it is not hashed
   *   again
   * @throws BadRequest when the content is malformed or not what `diffId` says.
   */
  async unpack(
    diffId: string,
    blob: Readable,
    compression: Compression,
    options: { sync: boolean; plainBytes?: number } = { sync: true },
  ): Promise<void> {
    const building = await this.stage();
    try {
      if (options.plainBytes !== undefined) await this.unpackTar(blob, building);
      const size = options.plainBytes ?? (await this.unpackInto(building, diffId, blob, compression));
      await this.noteSize(diffId, size);
      // A power failure must not leave a layer whose names are there and whose bytes are not.
      if (options.sync) await this.sync();
    } catch (error) {
      await removeTree(building);
      throw error;
    }
    // Another process may have been faster with the same bytes.
    await this.adopt(building, diffId);
  }

  /** @returns the length of its tar. @throws BadRequest when the content is not what `diffId` says. */
  async unpackInto(
    building: string,
    diffId: string,
    blob: Readable,
    compression: Compression,
  ): Promise<number> {
    return await throughDigest(blob, compression, diffId, (tar) => this.unpackTar(tar, building));
  }

  /** @throws BadRequest for what `unpackLayer` refuses. */
  async unpackTar(tar: Readable, building: string): Promise<void> {
    await unpackLayer(tar, building, this.#limitBytes);
  }

  /** A private folder to unpack into; `adopt` gives it its name. */
  async stage(): Promise<string> {
    const building = join(this.folder, ownedName());
    await mkdir(building, { mode: 0o755 });
    return building;
  }

  /** The layer appears under its name, unless it is there already. */
  async adopt(building: string, diffId: string): Promise<void> {
    try {
      await rename(building, this.pathOf(diffId));
    } catch (error) {
      await removeTree(building);
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  /** Keeps how long the layer's tar is, beside the layer; people are told sizes so. */
  async noteSize(diffId: string, sizeBytes: number): Promise<void> {
    await writeFile(`${this.pathOf(diffId)}.size`, String(sizeBytes), { mode: 0o600 });
  }

  /** Length of the layer's tar; undefined when nobody noted it. */
  async sizeOf(diffId: string): Promise<number | undefined> {
    try {
      const size = Number(await readFile(`${this.pathOf(diffId)}.size`, 'utf8'));
      return Number.isSafeInteger(size) && size > 0 ? size : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Waits until everything in the folder would survive a power failure. */
  async sync(): Promise<void> {
    await runCommand('sync', ['-f', this.folder]);
  }

  /** Removes every layer whose name is not in `keep`. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.folder))
      if (/^[0-9a-f]{24}(?:\.size)?$/.test(name) && !keep.has(name.slice(0, 24)))
        await rm(join(this.folder, name), { recursive: true, force: true });
  }
}

/** Checks a layer's bytes against its diffID without unpacking. @throws BadRequest */
export async function verifyDiffId(diffId: string, blob: Readable, compression: Compression): Promise<void> {
  await throughDigest(blob, compression, diffId, (tar) =>
    pipeline(tar, new Writable({ write: (_chunk, _encoding, done) => done() })),
  );
}

async function throughDigest(
  blob: Readable,
  compression: Compression,
  diffId: string,
  use: (tar: Readable) => Promise<void>,
): Promise<number> {
  const hash = createHash('sha256');
  let size = 0;
  const hashing = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      size += chunk.byteLength;
      done(null, chunk);
    },
  });
  const using = use(hashing);
  try {
    await Promise.all([pipeline(blob, decompressor(compression), hashing), using]);
  } catch (error) {
    hashing.destroy();
    await Promise.allSettled([using]);
    if (isDecompressionError(error))
      throw new BadRequest(`the layer ${diffId} cannot be decompressed: ${messageOf(error)}`, {
        cause: error,
      });
    throw error;
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== diffId) throw new BadRequest(`the layer's content is ${digest}, its image says ${diffId}`);
  return size;
}

/** What a decompressor gives at a time: each piece is a way to a thread of the pool and back. */
const PIECE_BYTES = 1 << 20;

export function decompressor(compression: Compression): Transform {
  if (compression === 'gzip') return createGunzip({ chunkSize: PIECE_BYTES });
  if (compression === 'zstd') return createZstdDecompress({ chunkSize: PIECE_BYTES });
  return new PassThrough();
}

/**
 * A stream through others, as `compose` gives it, but for one thing: who stops reading a composed one when its source
 * has been read to the end (the disk is full) has an AbortError thrown where nobody can catch it (Node 24).
 */
export function through<Last extends Transform>(content: Readable, ...steps: [...Transform[], Last]): Last {
  // What goes wrong is told to who reads the last one.
  pipe([content, ...steps], () => undefined);
  return steps.at(-1) as Last;
}

export function isDecompressionError(error: unknown): boolean {
  return /^Z_|^ERR_ZLIB|^ZSTD/.test((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
