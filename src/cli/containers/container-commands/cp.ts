import { basename, dirname, posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequest, NotFound } from '../../../base/index.ts';
import type { Libpod, PathStat } from '../../../libpod/index.ts';
import { type CommandDefinition, exactArgs, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { checkTar, parseCopyPath, renamed } from './copy-names.ts';
import { hostFile, packHostPath, unpackOnHost } from './host-files.ts';

/** Go's os.ModeDir. */
const IS_FOLDER = 0x8000_0000;
const NEEDS_FOLDER = 'destination must be a directory when copying a directory';

export const cp: CommandDefinition<ToolContext> = {
  usage: '[options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH',
  description: `Copy the contents of SRC_PATH to the DEST_PATH.

You can copy from the container's file system to the local machine or the reverse, from the local filesystem to the container. If "-" is specified for either the SRC_PATH or DEST_PATH, you can also stream a tar archive from STDIN or to STDOUT. The CONTAINER can be a running or stopped container. The SRC_PATH or DEST_PATH can be a file or a directory.
`,
  examples: ['cp [options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH'],
  flags: [
    flag('bool', 'archive,a', 'Chown copied files to the primary uid/gid of the destination container.', {
      default: true,
    }),
    flag('bool', 'extract', 'Deprecated...', { hidden: true }),
    flag('bool', 'follow-link,L', 'Always follow symbol link in SRC_PATH', { tools: ['docker'] }),
    flag('bool', 'overwrite', 'Allow to overwrite directories with non-directories and vice versa', {
      tools: ['podman'],
    }),
    flag('bool', 'pause', 'Deprecated', { hidden: true, default: true }),
    flag('bool', 'quiet,q', 'Suppress progress output during copy', { tools: ['docker'] }),
  ],
  args: exactArgs(2),
  run: async ({ args, flags }, context) => {
    const source = parseCopyPath(args[0]!);
    const target = parseCopyPath(args[1]!);
    if (source.path === '' || target.path === '')
      throw new BadRequest(
        `invalid arguments ${JSON.stringify(args[0])}, ${JSON.stringify(args[1])}: you must specify paths`,
      );
    if (source.container === undefined && target.container === undefined)
      throw new BadRequest('container name or ID must be given for the source or the destination');
    const copy: Copy = {
      libpod: await context.libpod(),
      context,
      options: { chown: flags.bool('archive'), overwrite: flags.bool('overwrite') },
    };
    for (const { container } of [source, target])
      if (container !== undefined && !(await copy.libpod.containers.exists(container)))
        throw new NotFound(`container ${JSON.stringify(container)} does not exist`);
    if (source.container === undefined) await copyIn(copy, source.path, target as InContainer);
    else if (target.container === undefined) await copyOut(copy, source as InContainer, target.path);
    else await copyBetween(copy, source as InContainer, target as InContainer);
    return 0;
  },
};

interface Copy {
  libpod: Libpod;
  context: ToolContext;
  options: { chown: boolean; overwrite: boolean };
}

interface InContainer {
  container: string;
  path: string;
}

/** `folder/.`: what is in it. */
const isContents = (path: string) => path === '.' || path.endsWith('/.');

async function sourceStat({ libpod }: Copy, { container, path }: InContainer): Promise<PathStat> {
  try {
    return await libpod.containers.statPath(container, path);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw notInContainer(path, container, error);
  }
}

function notInContainer(path: string, container: string, cause: unknown): NotFound {
  return new NotFound(
    `${JSON.stringify(path)} could not be found on container ${container}: no such file or directory`,
    {
      cause,
    },
  );
}

/** The source as a tar; a symlink that leads nowhere is nothing. */
async function sourceTar(copy: Copy, { container, path }: InContainer): Promise<Readable> {
  try {
    return (await copy.libpod.containers.copyOut(container, path)).tar;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw notInContainer(path, container, error);
  }
}

const isFolder = (found: PathStat) => Math.floor(found.mode / IS_FOLDER) % 2 === 1;

async function copyOut(copy: Copy, source: InContainer, hostPath: string): Promise<void> {
  const { context, options } = copy;
  const found = await sourceStat(copy, source);
  if (hostPath === '-') {
    await pipeline(await sourceTar(copy, source), context.stdout, { end: false });
    return;
  }
  const there = await hostFile(hostPath);
  const missing = new NotFound(
    `${JSON.stringify(hostPath)} could not be found on the host: no such file or directory`,
  );
  if (there === undefined && hostPath.endsWith('/')) throw missing;
  const parent = there === undefined ? await hostFile(dirname(hostPath)) : undefined;
  if (there === undefined && parent === undefined) throw missing;
  if (there !== undefined && !there.isFolder && !there.isFile)
    throw new BadRequest(
      `invalid destination: ${JSON.stringify(there.path)} must be a directory or a regular file`,
    );
  if (there !== undefined && isFolder(found) && !there.isFolder) throw new BadRequest(NEEDS_FOLDER);
  const tar = await sourceTar(copy, source);
  const folder = there === undefined ? parent!.path : there.isFolder ? there.path : dirname(there.path);
  const name =
    there?.isFolder === true
      ? isFolder(found) && isContents(source.path)
        ? ''
        : nameIn(source.path, found)
      : basename(hostPath);
  await unpackOnHost(await renamed(tar, name), folder, options.overwrite);
}

/** What a copied thing is called: its own name, also when it was reached by `..` or a link. */
function nameIn(path: string, found: PathStat): string {
  const name = posix.basename(posix.normalize(path));
  return name === '' || name === '.' || name === '..' || name === '/'
    ? posix.basename(found.linkTarget || found.name)
    : name;
}

interface TargetInContainer {
  folder: string;
  /** What it is called there; undefined keeps its own name. */
  name?: string;
  isFolder: boolean;
}

async function targetOf(
  copy: Copy,
  { container, path }: InContainer,
  isStdin: boolean,
): Promise<TargetInContainer> {
  const { containers } = copy.libpod;
  const last = await lastLink(copy, { container, path });
  const place = { folder: posix.dirname(last.path), name: posix.basename(last.path) };
  if (last.found !== undefined)
    return isFolder(last.found) ? { folder: last.path, isFolder: true } : { ...place, isFolder: false };
  if (path.endsWith('/')) throw notInContainer(path, container, undefined);
  if (isStdin) throw new BadRequest('destination must be a directory when copying from stdin');
  try {
    await containers.statPath(container, place.folder);
  } catch (cause) {
    if (cause instanceof NotFound) throw notInContainer(path, container, cause);
    throw cause;
  }
  return { ...place, isFolder: true };
}

const MAX_LINKS = 40;

/** Where symlinks lead: what is copied to one that leads nowhere is made there. */
async function lastLink(
  { libpod }: Copy,
  { container, path }: InContainer,
): Promise<{ path: string; found?: PathStat }> {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    let found: PathStat;
    try {
      found = await libpod.containers.statPath(container, at);
    } catch (error) {
      if (error instanceof NotFound) return { path: at };
      throw error;
    }
    if (found.linkTarget === '') return { path: at, found };
    const base = posix.dirname(at.replace(/(.)\/+$/, '$1'));
    at = found.linkTarget.startsWith('/') ? found.linkTarget : posix.join(base, found.linkTarget);
  }
  throw new BadRequest(`${JSON.stringify(path)}: too many levels of symbolic links`);
}

async function copyIn(copy: Copy, hostPath: string, target: InContainer): Promise<void> {
  const { libpod, context, options } = copy;
  const isStdin = hostPath === '-';
  const found = isStdin ? undefined : await hostFile(hostPath);
  if (!isStdin && found === undefined)
    throw new NotFound(
      `${JSON.stringify(hostPath)} could not be found on the host: no such file or directory`,
    );
  const place = await targetOf(copy, target, isStdin);
  if (isStdin && !place.isFolder)
    throw new BadRequest('destination must be a directory when copying from stdin');
  if (found?.isFolder && !place.isFolder) throw new BadRequest(NEEDS_FOLDER);
  const name = place.name ?? (found?.isFolder && isContents(hostPath) ? '' : basename(found?.path ?? ''));
  const tar = isStdin ? await checkedInput(context.stdin) : packHostPath(found!.path, name);
  await libpod.containers.copyIn(target.container, place.folder, tar, {
    ...{ chown: options.chown, noOverwriteDirNonDir: !options.overwrite },
  });
}

/** Standard input, after a look at how it begins. */
async function checkedInput(stdin: NodeJS.ReadStream): Promise<Readable> {
  const output = new PassThrough();
  const start: Buffer[] = [];
  let length = 0;
  const input = stdin[Symbol.asyncIterator]();
  while (length < 512) {
    const { value, done } = await input.next();
    if (done) break;
    start.push(Buffer.from(value as Buffer));
    length += (value as Buffer).length;
  }
  checkTar(Buffer.concat(start));
  const rest = async function* () {
    yield Buffer.concat(start);
    for (let next = await input.next(); !next.done; next = await input.next()) yield next.value as Buffer;
  };
  void pipeline(rest(), output).catch((error: Error) => output.destroy(error));
  return output;
}

async function copyBetween(copy: Copy, source: InContainer, target: InContainer): Promise<void> {
  const { libpod, options } = copy;
  const found = await sourceStat(copy, source);
  const place = await targetOf(copy, target, false);
  if (isFolder(found) && !place.isFolder) throw new BadRequest(NEEDS_FOLDER);
  const tar = await sourceTar(copy, source);
  const own = isFolder(found) && isContents(source.path) ? '' : nameIn(source.path, found);
  await libpod.containers.copyIn(target.container, place.folder, await renamed(tar, place.name ?? own), {
    ...{ chown: options.chown, noOverwriteDirNonDir: !options.overwrite },
  });
}
