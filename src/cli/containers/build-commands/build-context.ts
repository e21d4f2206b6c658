import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { BadRequest, OrreryError } from '../../../base/index.ts';
import type { BuildOptions } from '../../../engine/index.ts';

type Sources = Pick<BuildOptions, 'context' | 'dockerfiles'>;

/**
 * What `CONTEXT` and `--file` mean: a folder, `-` or a URL for a tar or a Dockerfile; a Dockerfile is looked
 * for in the context first, then here. @throws BadRequest
 */
export async function readSources(
  argument: string | undefined,
  files: readonly string[],
  stdin: Readable,
): Promise<Sources> {
  if (files.includes('-') && argument === '-')
    throw new BadRequest('cannot read both the context and the Dockerfile from standard input');
  if (argument === '-') return withFiles(await packed(stdin), files);
  if (argument !== undefined && /^https?:\/\//.test(argument)) {
    if (/\.git(?:#|$)/.test(argument)) throw noGit(argument);
    return withFiles(await packed(await fetched(argument)), files);
  }
  if (argument !== undefined && /^(?:git:\/\/|git@|github\.com\/)/.test(argument)) throw noGit(argument);
  const folder = argument ?? homeOf(files);
  const texts: Sources['dockerfiles'] = [];
  for (const file of files) {
    if (file === '-') texts.push({ text: await textOf(stdin) });
    else if (/^https?:\/\//.test(file)) texts.push({ text: await textOf(await fetched(file)) });
    else texts.push({ path: placeOf(file, folder) });
  }
  return { context: { folder }, ...(texts.length > 0 && { dockerfiles: texts }) };
}

function noGit(url: string): BadRequest {
  return new BadRequest(`the build context ${url} is a git repository: not supported`);
}

/** Without a context it is the folder of the first Dockerfile. */
function homeOf(files: readonly string[]): string {
  const [first] = files;
  return first === undefined || first === '-' ? '.' : dirname(resolve(first));
}

function placeOf(file: string, folder: string): string {
  if (isAbsolute(file)) return file;
  if (existsSync(join(folder, file))) return file;
  return existsSync(file) ? resolve(file) : file;
}

/** A tar is a context; anything else is a Dockerfile in an empty one. */
async function packed(stream: Readable): Promise<Sources> {
  const bytes = await bytesOf(stream);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const isZstd = bytes.readUInt32LE(0) === 0xfd2fb528;
  const isTar = bytes.toString('latin1', 257, 262) === 'ustar';
  if (!isGzip && !isZstd && !isTar) return { dockerfiles: [{ text: bytes.toString() }] };
  const raw = Readable.from([bytes]);
  if (isTar) return { context: { tar: raw } };
  return { context: { tar: raw.pipe(isGzip ? createGunzip() : createZstdDecompress()) } };
}

function withFiles(sources: Sources, files: readonly string[]): Sources {
  if (files.length === 0 || sources.context === undefined) return sources;
  return { ...sources, dockerfiles: files.map((path) => ({ path })) };
}

async function textOf(stream: Readable): Promise<string> {
  return (await bytesOf(stream)).toString();
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  const bytes = Buffer.concat(chunks);
  return bytes.byteLength < 4 ? Buffer.concat([bytes, Buffer.from('\n\n\n\n')]) : bytes;
}

async function fetched(url: string): Promise<Readable> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new OrreryError('BuildFailed', `Get "${url}": ${String((cause as Error).cause ?? cause)}`, {
      cause,
    });
  }
  if (!response.ok || response.body === null)
    throw new OrreryError('BuildFailed', `invalid response status ${response.status} from ${url}`);
  return Readable.fromWeb(response.body as never);
}
