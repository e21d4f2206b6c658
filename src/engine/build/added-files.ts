import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, open, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { BadRequest, OrreryError } from '../../base/index.ts';
import { unpackLayer } from '../images/tar-unpack.ts';
import type { CopySource } from './tree-walk.ts';

const MAGICS: { kind: string; bytes: number[] }[] = [
  { kind: 'gzip', bytes: [0x1f, 0x8b] },
  { kind: 'bzip2', bytes: [0x42, 0x5a, 0x68] },
  { kind: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0] },
  { kind: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
];

export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** What ADD would clone: refused by name. */
export function isGit(text: string): boolean {
  return /^(?:git:\/\/|git@|ssh:\/\/)|^https?:\/\/[^#?]+\.git(?:#|$)/i.test(text);
}

/** Fetches a URL of ADD into `folder`. @throws OrreryError BuildFailed @throws BadRequest for another checksum */
export async function fetchAdded(
  url: string,
  folder: string,
  options: { checksum?: string | undefined; signal?: AbortSignal | undefined },
): Promise<CopySource> {
  await mkdir(folder, { recursive: true });
  const name = basename(new URL(url).pathname);
  if (name === '') throw new BadRequest(`cannot determine filename from url: ${url}`);
  const path = join(folder, name);
  let response: Response;
  try {
    response = await fetch(url, { ...(options.signal && { signal: options.signal }) });
  } catch (cause) {
    throw new OrreryError('BuildFailed', `Get "${url}": ${reasonOf(cause)}`, { cause });
  }
  if (!response.ok || response.body === null)
    throw new OrreryError('BuildFailed', `invalid response status ${response.status} from ${url}`);
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body as never), hashing, createWriteStream(path));
  const digest = `sha256:${hash.digest('hex')}`;
  if (options.checksum !== undefined && options.checksum !== digest)
    throw new BadRequest(`unexpected response digest for "${url}": ${digest}, want ${options.checksum}`);
  await chmod(path, 0o600);
  const modified = Date.parse(response.headers.get('last-modified') ?? '');
  const seconds = Number.isNaN(modified) ? 0 : modified / 1000;
  await utimes(path, seconds, seconds);
  return { path, name, relative: name, info: await lstat(path) };
}

/** fetch says `fetch failed`; why is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * A local archive that ADD unpacks, unpacked into `folder`; undefined for any other file, by its content and
 * not its name. @throws BadRequest for an archive that is malformed or would escape.
 */
export async function unpackAdded(source: CopySource, folder: string): Promise<CopySource | undefined> {
  if (!source.info.isFile() || source.info.size === 0) return undefined;
  if (!(await isTar(source.path))) return undefined;
  await mkdir(folder, { recursive: true });
  await unpackLayer(await decompressed(source.path), folder);
  return { path: folder, name: source.name, relative: '', info: await lstat(folder) };
}

async function isTar(path: string): Promise<boolean> {
  const stream = await decompressed(path);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).byteLength;
      if (length >= 512) break;
    }
  } catch {
    // What cannot be decompressed is an ordinary file, which ADD copies.
    return false;
  }
  const head = Buffer.concat(chunks);
  return head.byteLength >= 512 && head.toString('latin1', 257, 262) === 'ustar';
}

async function decompressed(path: string): Promise<Readable> {
  const file = await open(path);
  const head = Buffer.alloc(6);
  await file.read(head, 0, 6, 0);
  await file.close();
  const kind = MAGICS.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte))?.kind;
  const raw = createReadStream(path, { highWaterMark: 1 << 20 });
  if (kind === undefined) return raw;
  if (kind === 'xz' || kind === 'bzip2') {
    raw.destroy();
    return throughProgram(kind, path);
  }
  const unzip = kind === 'gzip' ? createGunzip() : createZstdDecompress();
  raw.on('error', (error) => unzip.destroy(error));
  return raw.pipe(unzip);
}

/** Node has no xz and no bzip2. */
function throughProgram(program: string, path: string): Readable {
  const child = spawn(program, ['-dc', path], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.on('error', (cause) =>
    child.stdout.destroy(
      new BadRequest(`ADD of an archive compressed with ${program} needs the program ${program}`, { cause }),
    ),
  );
  return child.stdout;
}
