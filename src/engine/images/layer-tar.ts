import {
  closeSync,
  constants,
  createReadStream,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { OrreryError } from '../../base/index.ts';
import { insideOwner } from '../containers/user-namespace.ts';
import type { IdMappings } from '../engine.ts';
import { libc } from '../system/libc.ts';
import { END_OF_TAR, encodeTarHeader, padding, type TarEntryHeader } from './tar-header.ts';

const CHUNK_BYTES = 1 << 20;
/** A file of at most this is read at once. */
const SMALL_BYTES = 64 << 10;

/** Overlayfs keeps its marks in one of these, by how it was mounted (`userxattr`). */
const MARKS = ['trusted.overlay.', 'user.overlay.'];

export interface LayerTarOptions {
  /** Every time becomes this (seconds since 1970): SOURCE_DATE_EPOCH, `--timestamp`. */
  mtimeSeconds?: number;
  /** Paths relative to the folder, without a slash at the beginning, that are left out with all below. */
  exclude?: (path: string) => boolean;
  /** The tar is of a whole root file system, not of a layer: whiteouts of overlayfs are left out. */
  isRoot?: boolean;
  /** Owners are written as a user namespace with these ids sees them. */
  idMappings?: IdMappings;
}

interface Found {
  /** Relative to the root. */
  path: string;
  full: string;
  info: Stats;
}

/**
 * An overlay's upper folder (or any folder) as a layer's tar (OCI image-spec v1.1, layer.md): a device 0:0
 * becomes `.wh.<name>`, an opaque folder `.wh..wh..opq`; hard links, devices and extended attributes are kept,
 * sockets left out. Names are sorted, times whole seconds: the same folder gives the same bytes.
 *
 * @throws OrreryError LayerUnreadable for a folder overlayfs moved or a file whose data it left below, which
 * only that overlay can read, and for a name that is not UTF-8.
 */
export function layerTar(folder: string, options: LayerTarOptions = {}): Readable {
  return Readable.from(tarChunks(folder, options), { objectMode: false, highWaterMark: CHUNK_BYTES });
}

async function* tarChunks(folder: string, options: LayerTarOptions): AsyncGenerator<Buffer> {
  const firstNames = new Map<string, string>();
  // Small pieces travel together: a stream's step costs more than a header.
  let batch: Buffer[] = [];
  let batchBytes = 0;
  const add = (...pieces: Buffer[]) => {
    batch.push(...pieces);
    for (const piece of pieces) batchBytes += piece.byteLength;
  };
  const flush = () => {
    const whole = Buffer.concat(batch);
    batch = [];
    batchBytes = 0;
    return whole;
  };
  for await (const found of walk(folder, '', options)) {
    const { info, full } = found;
    if (info.isSocket()) continue;
    const linkKey = !info.isDirectory() && info.nlink > 1 ? `${info.dev}:${info.ino}` : undefined;
    const first = linkKey === undefined ? undefined : firstNames.get(linkKey);
    const whitesOut = isWhiteout(info);
    if (whitesOut && options.isRoot) continue;
    const header = whitesOut ? whiteoutOf(found) : headerOf(found, first);
    Object.assign(header, insideOwner(options.idMappings, { uid: header.uid ?? 0, gid: header.gid ?? 0 }));
    if (options.mtimeSeconds !== undefined) header.mtimeSeconds = options.mtimeSeconds;
    if (linkKey !== undefined && first === undefined && !whitesOut) firstNames.set(linkKey, found.path);
    add(encodeTarHeader(header));
    if (info.isDirectory() && !options.isRoot && isOpaque(full))
      add(encodeTarHeader(emptyFile(`${found.path}/.wh..wh..opq`, header.mtimeSeconds)));
    if (header.size > SMALL_BYTES) {
      yield flush();
      yield* fileChunks(full, header.size);
    } else if (header.size > 0) for await (const chunk of fileChunks(full, header.size)) add(chunk);
    add(padding(header.size));
    if (batchBytes >= CHUNK_BYTES) yield flush();
  }
  add(END_OF_TAR);
  yield flush();
}

/** Every path below, parents before children, in the order of their bytes. */
async function* walk(root: string, below: string, options: LayerTarOptions): AsyncGenerator<Found> {
  // Metadata and small files are read synchronously: ten times faster than in the thread pool, and never long.
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`;
    if (options.exclude?.(path)) continue;
    if (name.includes('\uFFFD'))
      throw new OrreryError('LayerUnreadable', `the name ${JSON.stringify(path)} is not UTF-8`);
    const full = join(root, path);
    const info = lstatSync(full);
    yield { path, full, info };
    if (info.isDirectory()) yield* walk(root, path, options);
  }
}

/** Overlayfs (kernel Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). */
export function isWhiteout(info: Stats): boolean {
  return info.isCharacterDevice() && info.rdev === 0;
}

export function isOpaque(folder: string): boolean {
  return MARKS.some((mark) => libc().getXattr(folder, `${mark}opaque`)?.toString() === 'y');
}

/** The moment of a deletion is nobody's business: it would only make two layers of the same content differ. */
function whiteoutOf({ path }: Found): TarEntryHeader {
  const slash = path.lastIndexOf('/') + 1;
  return emptyFile(`${path.slice(0, slash)}.wh.${path.slice(slash)}`, 0);
}

function emptyFile(name: string, mtimeSeconds: number): TarEntryHeader {
  return { name, type: 'file', mode: 0o600, uid: 0, gid: 0, size: 0, mtimeSeconds };
}

function headerOf({ path, full, info }: Found, first: string | undefined): TarEntryHeader {
  const type = first === undefined ? typeOf(info) : 'link';
  const xattrs = type === 'link' ? undefined : readXattrs(full);
  return {
    name: path,
    type,
    mode: info.mode & 0o7777,
    uid: info.uid,
    gid: info.gid,
    size: type === 'file' ? info.size : 0,
    mtimeSeconds: Math.floor(info.mtimeMs / 1000),
    ...(type === 'link' && { linkname: first! }),
    ...(type === 'symlink' && { linkname: readlinkSync(full) }),
    ...((type === 'character-device' || type === 'block-device') && deviceNumbers(info.rdev)),
    ...(xattrs && xattrs.size > 0 && { xattrs }),
  };
}

function typeOf(info: Stats): TarEntryHeader['type'] {
  if (info.isDirectory()) return 'directory';
  if (info.isSymbolicLink()) return 'symlink';
  if (info.isCharacterDevice()) return 'character-device';
  if (info.isBlockDevice()) return 'block-device';
  return info.isFIFO() ? 'fifo' : 'file';
}

function deviceNumbers(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

function readXattrs(path: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const name of libc().listXattrs(path)) {
    const mark = MARKS.find((one) => name.startsWith(one));
    if (mark !== undefined && ['redirect', 'metacopy'].includes(name.slice(mark.length)))
      throw new OrreryError('LayerUnreadable', `${path} carries ${name}: its content is in another layer`);
    // A label is of this host, given anew where the image runs.
    if (mark !== undefined || name === 'security.selinux' || name.startsWith('system.')) continue;
    const value = libc().getXattr(path, name);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

/** Exactly `size` bytes, whatever happens to the file meanwhile. @throws OrreryError LayerUnreadable when it shrank. */
async function* fileChunks(path: string, size: number): AsyncGenerator<Buffer> {
  let left = size;
  if (size <= SMALL_BYTES) {
    const content = readSmall(path, size);
    left -= content.byteLength;
    yield content;
  } else {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
    const stream = createReadStream(path, {
      flags: flags as unknown as string,
      highWaterMark: CHUNK_BYTES,
      end: size - 1,
    });
    for await (const chunk of stream) {
      left -= (chunk as Buffer).byteLength;
      yield chunk as Buffer;
    }
  }
  if (left > 0) throw new OrreryError('LayerUnreadable', `${path} became shorter while it was read`);
}

function readSmall(path: string, size: number): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const content = Buffer.allocUnsafe(size);
    return content.subarray(0, readSync(file, content, 0, size, 0));
  } finally {
    closeSync(file);
  }
}
