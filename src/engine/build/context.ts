import { readFile, realpath, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import { decompressed } from '../images/rootfs-import.ts';
import { unpackLayer } from '../images/tar-unpack.ts';
import { resolveInRoot } from '../system/root-path.ts';
import { IgnoreRules } from './ignore.ts';
import type { BuildContext, BuildOptions, DockerfileSource } from './options.ts';
import { type SourceRoot, statOrNothing } from './tree-walk.ts';

/** Folders that COPY and ADD may read. */
export interface ContextRoots {
  main: SourceRoot;
  /** As it is shown in messages. */
  shownFolder: string;
  /** Named contexts that are folders. */
  named: ReadonlyMap<string, SourceRoot>;
}

/** The folder of a context; a tar is unpacked into `folder`. @throws BadRequest */
export async function contextFolder(context: BuildContext | undefined, folder: string): Promise<string> {
  if (context === undefined) return folder;
  if ('tar' in context) {
    await unpackLayer(await decompressed(context.tar), folder);
    return folder;
  }
  try {
    const real = await realpath(context.folder);
    if (!(await stat(real)).isDirectory()) throw new BadRequest(`${context.folder} is not a directory`);
    return real;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new BadRequest(`${context.folder}: no such file or directory`, { cause });
  }
}

export interface ReadDockerfile {
  name: string;
  text: string;
}

/** The Dockerfiles of a build, one after the other. @throws BadRequest `…: no such file or directory` */
export async function readDockerfiles(
  sources: readonly DockerfileSource[] | undefined,
  folder: string,
): Promise<ReadDockerfile[]> {
  if (sources === undefined || sources.length === 0) {
    for (const name of ['Containerfile', 'Dockerfile']) {
      const text = await readInContext(folder, name);
      if (text !== undefined) return [{ name: join(folder, name), text }];
    }
    throw new BadRequest(`${join(folder, 'Dockerfile')}: no such file or directory`);
  }
  return await Promise.all(sources.map((source) => readDockerfile(source, folder)));
}

async function readDockerfile(source: DockerfileSource, folder: string): Promise<ReadDockerfile> {
  if ('text' in source) return { name: '/dev/stdin', text: source.text };
  const { path } = source;
  if (path.endsWith('.in'))
    throw new BadRequest(`${path}: Dockerfiles for the C preprocessor are not supported`);
  const text = path.startsWith('/') ? await readOrNothing(path) : await readInContext(folder, path);
  if (text === undefined)
    throw new BadRequest(`${path.startsWith('/') ? path : join(folder, path)}: no such file or directory`);
  return { name: path.startsWith('/') ? path : join(folder, posix.resolve('/', path)), text };
}

/** A pipe in a context would never be at its end: what is not a file is not there. */
async function readInContext(folder: string, path: string): Promise<string | undefined> {
  const found = await resolveInRoot(folder, path, { followLast: true });
  return (await statOrNothing(found))?.isFile() === true ? await readOrNothing(found) : undefined;
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** `--ignorefile`, the Dockerfile's own, `.containerignore`, `.dockerignore`: the first that is there. */
export async function readIgnoreRules(
  folder: string,
  options: Pick<BuildOptions, 'ignoreFile'>,
  dockerfile: string | undefined,
): Promise<IgnoreRules> {
  if (options.ignoreFile !== undefined) {
    const text = await readOrNothing(options.ignoreFile);
    if (text === undefined) throw new BadRequest(`open ${options.ignoreFile}: no such file or directory`);
    return IgnoreRules.parse(text);
  }
  const own = dockerfile === undefined ? [] : [`${dockerfile}.containerignore`, `${dockerfile}.dockerignore`];
  for (const path of own) {
    const text = path.startsWith(`${folder}/`)
      ? await readInContext(folder, path.slice(folder.length))
      : await readOrNothing(path);
    if (text !== undefined) return IgnoreRules.parse(text);
  }
  for (const name of ['.containerignore', '.dockerignore']) {
    const path = await resolveInRoot(folder, name, { followLast: true });
    if ((await statOrNothing(path))?.isFile()) return IgnoreRules.parse((await readOrNothing(path)) ?? '');
  }
  return IgnoreRules.none;
}
