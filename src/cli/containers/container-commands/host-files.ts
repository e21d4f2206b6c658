import { createReadStream, createWriteStream, type Stats } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
} from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header, type Pack, pack } from 'tar-stream';
import { BadRequest } from '../../../base/index.ts';

type NewHeader = Partial<Header> & { name: string };

/** A file or folder of the host as a tar, its entries below `name`; '' leaves a folder's own entry out. */
export function packHostPath(path: string, name: string): Readable {
  const output = pack();
  void addTree(output, path, name, new Map()).then(
    () => output.finalize(),
    (error: Error) => output.destroy(error),
  );
  // tar-stream's own stream class is not Node's.
  return Readable.from(output);
}

async function addTree(output: Pack, path: string, name: string, links: Map<string, string>): Promise<void> {
  const found = await lstat(path);
  const header = headerOf(found, name);
  if (found.isDirectory()) {
    if (name !== '') await addEntry(output, { ...header, name: `${name}/`, type: 'directory', size: 0 });
    for (const child of (await readdir(path)).toSorted())
      await addTree(output, join(path, child), name === '' ? child : `${name}/${child}`, links);
  } else if (found.isSymbolicLink())
    await addEntry(output, { ...header, type: 'symlink', size: 0, linkname: await readlink(path) });
  else if (found.isFile()) {
    const identity = `${found.dev}:${found.ino}`;
    const first = found.nlink > 1 ? links.get(identity) : undefined;
    if (first !== undefined) await addEntry(output, { ...header, type: 'link', size: 0, linkname: first });
    else {
      links.set(identity, name);
      const entry = output.entry({ ...header, type: 'file', size: found.size });
      await pipeline(createReadStream(path), entry as unknown as NodeJS.WritableStream);
    }
  }
  // Sockets and devices are left where they are, as Podman does.
}

function headerOf(found: Stats, name: string): NewHeader {
  return { name, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid, mtime: found.mtime };
}

async function addEntry(output: Pack, header: NewHeader): Promise<void> {
  await new Promise<void>((done, fail) => {
    output.entry(header, (error) => (error ? fail(error) : done()));
  });
}

/**
 * Writes a container's tar into a folder of the host. Whatever names and links it holds, nothing outside of the
 * folder is written: the way to each entry is resolved first, and what stands in its place is taken away.
 * @throws BadRequest
 */
export async function unpackOnHost(tar: Readable, folder: string, isOverwriting: boolean): Promise<void> {
  const root = await realpath(folder);
  const entries = extract();
  const folders: { path: string; header: Header }[] = [];
  tar.on('error', (error) => entries.destroy(error));
  tar.pipe(entries as unknown as NodeJS.WritableStream);
  for await (const entry of entries) {
    const { header } = entry;
    const path = await placeOf(root, header.name);
    if (path !== root) {
      if (header.type === 'directory') folders.push({ path, header });
      await writeEntry(entry as unknown as Readable, header, { root, path, isOverwriting });
    }
    entry.resume();
  }
  // Last, so that a folder without a right to write does not keep its own files out.
  for (const { path, header } of folders.reverse()) await setAttributes(path, header);
}

async function placeOf(root: string, name: string): Promise<string> {
  const path = resolve(root, name.replace(/^\/+/, ''));
  if (path === root) return root;
  const parent = dirname(path);
  const outside = () => new BadRequest(`copying to host: ${name} leads out of ${root}`);
  if (parent !== root && relative(root, parent).startsWith('..')) throw outside();
  await mkdir(parent, { recursive: true });
  const real = await realpath(parent);
  if (real !== root && !real.startsWith(`${root === '/' ? '' : root}/`)) throw outside();
  return join(real, basename(path));
}

interface Place {
  root: string;
  path: string;
  isOverwriting: boolean;
}

async function writeEntry(body: Readable, header: Header, place: Place): Promise<void> {
  const { path } = place;
  await makeRoom(header, place);
  switch (header.type) {
    case 'directory':
      await mkdir(path, { recursive: true, mode: 0o700 });
      return;
    case 'symlink':
      await symlink(header.linkname ?? '', path);
      return;
    case 'link':
      await link(await placeOf(place.root, header.linkname ?? ''), path);
      return;
    case 'file':
    case 'contiguous-file':
      await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      await setAttributes(path, header);
      return;
    default:
      // Devices and pipes are not made on the host.
      return;
  }
}

async function makeRoom(header: Header, { root, path, isOverwriting }: Place): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined) return;
  const isFolder = header.type === 'directory';
  if (there.isDirectory() && isFolder) return;
  if (there.isDirectory() !== isFolder && !isOverwriting) {
    const name = `/${relative(root, path)}`;
    throw new BadRequest(
      `copier: put: error creating ${JSON.stringify(name)}: ${isFolder ? 'mkdir' : 'open'} ${name}: file exists`,
    );
  }
  await rm(path, { recursive: true });
}

async function setAttributes(path: string, header: Header): Promise<void> {
  // Set-id bits of a container's files mean nothing on the host.
  await chmod(path, (header.mode ?? 0o644) & 0o1777);
  if (header.mtime) await utimes(path, header.mtime, header.mtime);
}

/** What stands at a path of the host, symlinks followed; undefined when nothing does. */
export async function hostFile(
  path: string,
): Promise<{ isFolder: boolean; isFile: boolean; path: string } | undefined> {
  try {
    const found = await stat(path);
    return { isFolder: found.isDirectory(), isFile: found.isFile(), path: resolve(path) };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
