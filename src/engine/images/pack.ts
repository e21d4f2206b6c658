import { createReadStream } from 'node:fs';
import { access, constants, open, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { BadRequest } from '../../base/index.ts';
import type { PackOptions } from '../engine.ts';
import type { FoundImage } from './archive.ts';
import { exists, type StagedBlob } from './blobs.ts';
import { readElf } from './elf.ts';
import {
  CONFIG,
  type ConfigBlob,
  hostArchitecture,
  LAYER_TAR,
  MANIFEST,
  type Manifest,
} from './media-types.ts';
import { normaliseReference } from './reference.ts';
import { sharedLibraryClosure } from './shared-libraries.ts';

/** One thing in the image; `source` is a host path, `content` bytes of our own. */
type TreeEntry = { mode: number } & (
  | { kind: 'folder' }
  | { kind: 'link'; target: string }
  | { kind: 'file'; source: string; size: number }
  | { kind: 'text'; content: string }
);
type Tree = Map<string, TreeEntry>;

const DEFAULT_SEARCH_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const NAME_SERVICES = ['libnss_files.so.2', 'libnss_dns.so.2'];

/**
 * Makes a one-layer image from programs of this host. The same inputs give the same digest: entries are
 * sorted, times are 0, owners are root.
 *
 * @throws BadRequest for a script (naming the interpreter to pack too), a missing program or library.
 */
export async function packImage(
  options: PackOptions,
  store: { write(content: Readable | Uint8Array): Promise<StagedBlob>; searchPath?: string[] },
): Promise<FoundImage> {
  const reference = normaliseReference(options.reference);
  if (options.binaries.length === 0) throw new BadRequest('an image needs at least one program');
  const binaries: string[] = [];
  for (const name of options.binaries)
    binaries.push(await findProgram(name, store.searchPath ?? DEFAULT_SEARCH_PATH));
  const tree = await buildTree(binaries, options.files ?? []);
  const tar = pack();
  const [layer] = await Promise.all([store.write(tar as unknown as Readable), writeTree(tree, tar)]);
  const config = await store.write(Buffer.from(JSON.stringify(configOf(options, binaries, layer.digest))));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: config.digest, size: config.size },
    layers: [{ mediaType: LAYER_TAR, digest: layer.digest, size: layer.size }],
  };
  return {
    references: [reference],
    manifest,
    manifestBytes: Buffer.from(JSON.stringify(manifest)),
    blobs: [config, layer],
  };
}

function configOf(options: PackOptions, binaries: readonly string[], diffId: string): ConfigBlob {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', ...options.env };
  return {
    created: '1970-01-01T00:00:00Z',
    architecture: hostArchitecture(),
    os: 'linux',
    config: {
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: options.entrypoint ?? [`/usr/local/bin/${basename(binaries[0]!)}`],
      ...(options.cmd && { Cmd: options.cmd }),
      ...(options.workingDir && { WorkingDir: options.workingDir }),
      ...(options.user && { User: options.user }),
      ...(options.exposedPorts && {
        ExposedPorts: Object.fromEntries(
          options.exposedPorts.map((port) => [port.includes('/') ? port : `${port}/tcp`, {}]),
        ),
      }),
    },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  };
}

async function findProgram(name: string, searchPath: readonly string[]): Promise<string> {
  const candidates = name.includes('/') ? [resolve(name)] : searchPath.map((folder) => join(folder, name));
  for (const candidate of candidates) {
    if (!(await isExecutable(candidate))) continue;
    await refuseScript(candidate);
    return candidate;
  }
  const [only] = candidates;
  if (name.includes('/') && only !== undefined && (await exists(only)))
    throw new BadRequest(`${name}: not an executable file`, {
      hint: `chmod +x ${name}, or put it into the image as a file`,
    });
  throw new BadRequest(`${name}: no such program on this host`, { details: { searched: candidates } });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Absent or not executable: the search goes on, and its end is an error of its own.
    return false;
  }
}

async function refuseScript(path: string): Promise<void> {
  const file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
  await file.close();
  const line = buffer.toString('utf8', 0, bytesRead).split('\n')[0]!;
  if (line.startsWith('#!')) {
    const words = line.slice(2).trim().split(/\s+/);
    const interpreter = basename(words[0]!) === 'env' ? (words[1] ?? 'env') : words[0]!;
    throw new BadRequest(`${path} is a script, not a program: it needs ${interpreter}`, {
      hint: `pack ${interpreter} as the program and add ${path} as a file`,
      details: { script: path, interpreter },
    });
  }
  if ((await readElf(path)) === undefined)
    throw new BadRequest(`${path} is neither an ELF program nor a script`);
}

async function buildTree(
  binaries: readonly string[],
  files: readonly { source: string; destination: string }[],
): Promise<Tree> {
  const tree: Tree = new Map();
  addBase(tree);
  for (const binary of binaries) await addFile(tree, binary, `usr/local/bin/${basename(binary)}`);
  const extras: string[] = [];
  for (const { source, destination } of files) {
    if (!isAbsolute(destination))
      throw new BadRequest(`the destination ${destination} is not an absolute path`);
    if ((await exists(source)) === false) throw new BadRequest(`${source}: no such file`);
    extras.push(...(await addPath(tree, await realpath(source), destination.slice(1))));
  }
  const programs = [...binaries, ...extras];
  const { paths, libraryFolder } = await sharedLibraryClosure(programs);
  for (const path of paths) await addFile(tree, path, path.slice(1));
  if (libraryFolder !== undefined) await addLoaderNeeds(tree, paths, libraryFolder);
  if (await exists(CERTIFICATES)) await addFile(tree, CERTIFICATES, CERTIFICATES.slice(1));
  addShortcuts(tree);
  addParents(tree);
  return tree;
}

function addBase(tree: Tree): void {
  for (const path of ['dev', 'etc', 'proc', 'sys', 'run', 'var', 'usr/local/bin', 'home'])
    tree.set(path, { kind: 'folder', mode: 0o755 });
  tree.set('root', { kind: 'folder', mode: 0o700 });
  for (const path of ['tmp', 'var/tmp']) tree.set(path, { kind: 'folder', mode: 0o1777 });
  const text = (path: string, content: string) => tree.set(path, { kind: 'text', mode: 0o644, content });
  text(
    'etc/passwd',
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  );
  text('etc/group', 'root:x:0:\nnogroup:x:65534:\n');
  text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
}

/** glibc's name services, and a link in a default folder to every library that only the host's cache knows. */
async function addLoaderNeeds(tree: Tree, paths: readonly string[], libraryFolder: string): Promise<void> {
  for (const name of NAME_SERVICES) {
    const path = join(libraryFolder, name);
    if (await exists(path)) await addFile(tree, path, path.slice(1));
  }
  for (const path of paths) {
    const inDefault = join(libraryFolder, basename(path)).slice(1);
    if (/\.so/.test(path) && !/\/ld-/.test(path) && !tree.has(inDefault))
      tree.set(inDefault, { kind: 'link', mode: 0o777, target: path });
  }
}

/** `/bin/sh` and `/usr/bin/env` are where scripts and probes look: let those folders lead to the programs. */
function addShortcuts(tree: Tree): void {
  const used = (folder: string) => [...tree.keys()].some((path) => path.startsWith(`${folder}/`));
  if (!used('bin')) tree.set('bin', { kind: 'link', mode: 0o777, target: 'usr/local/bin' });
  if (!used('usr/bin')) tree.set('usr/bin', { kind: 'link', mode: 0o777, target: 'local/bin' });
}

function addParents(tree: Tree): void {
  for (const path of [...tree.keys()])
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent))
      if (!tree.has(parent)) tree.set(parent, { kind: 'folder', mode: 0o755 });
}

/** Adds a file or a whole folder. @returns the host paths of the programs among them. */
async function addPath(tree: Tree, source: string, destination: string): Promise<string[]> {
  const info = await stat(source);
  if (!info.isDirectory()) {
    await addFile(tree, source, destination);
    return (info.mode & 0o111) === 0 ? [] : [source];
  }
  tree.set(destination, { kind: 'folder', mode: info.mode & 0o7777 });
  const programs: string[] = [];
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const from = join(source, entry.name);
    const to = join(destination, entry.name);
    if (entry.isSymbolicLink()) tree.set(to, { kind: 'link', mode: 0o777, target: await readlink(from) });
    else if (entry.isDirectory() || entry.isFile()) programs.push(...(await addPath(tree, from, to)));
    else throw new BadRequest(`${from} is neither a file, a folder nor a link`);
  }
  return programs;
}

async function addFile(tree: Tree, source: string, destination: string): Promise<void> {
  const info = await stat(source);
  if (!info.isFile()) throw new BadRequest(`${source} is not a file`);
  tree.set(destination, { kind: 'file', mode: info.mode & 0o7777, source, size: info.size });
}

async function writeTree(tree: Tree, tar: Pack): Promise<void> {
  try {
    for (const [path, entry] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1)))
      await writeEntry(tar, path, entry);
    tar.finalize();
  } catch (error) {
    tar.destroy(error as Error);
    throw error;
  }
}

async function writeEntry(tar: Pack, path: string, entry: TreeEntry): Promise<void> {
  const common = { name: path, mode: entry.mode, uid: 0, gid: 0, mtime: new Date(0) };
  switch (entry.kind) {
    case 'folder':
      tar.entry({ ...common, type: 'directory' });
      return;
    case 'link':
      tar.entry({ ...common, type: 'symlink', linkname: entry.target });
      return;
    case 'text':
      tar.entry({ ...common, type: 'file' }, entry.content);
      return;
    case 'file':
      await pipeline(
        createReadStream(entry.source, { highWaterMark: 1 << 20 }),
        tar.entry({ ...common, type: 'file', size: entry.size }) as unknown as NodeJS.WritableStream,
      );
  }
}
