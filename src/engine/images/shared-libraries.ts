import { access, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import { type ElfFile, readElf } from './elf.ts';

export interface Closure {
  /** Files to copy, by the path at which the loader looks for them. */
  paths: string[];
  /** Where libc lies: a folder the loader always searches, cache or not. */
  libraryFolder: string | undefined;
}

const DEFAULT_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];

/**
 * The shared libraries and loaders that ELF files need, as the dynamic loader of this host finds them:
 * run path, ld.so.cache, default folders (ld.so(8)). Libraries that a program opens by name at run time
 * (dlopen) are not known to anyone but the program.
 *
 * @throws BadRequest naming a library that this host does not have.
 */
export async function sharedLibraryClosure(files: readonly string[]): Promise<Closure> {
  const cache = await readLoaderCache('/etc/ld.so.cache');
  const found = new Set<string>();
  const pending = [...files];
  const read = new Set<string>();
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (read.has(path)) continue;
    read.add(path);
    const elf = await readElf(path);
    if (elf === undefined) continue;
    if (elf.interpreter !== undefined) add(elf.interpreter);
    for (const name of elf.needed) add(await locate(name, path, elf, cache));
  }
  function add(path: string): void {
    found.add(path);
    pending.push(path);
  }
  const libc = [...found].find((path) => /\/libc\.so\.6$/.test(path));
  return { paths: [...found].sort(), libraryFolder: libc === undefined ? undefined : dirname(libc) };
}

async function locate(
  name: string,
  from: string,
  elf: ElfFile,
  cache: Map<string, string[]>,
): Promise<string> {
  if (name.includes('/')) return name;
  const origin = dirname(await realpath(from));
  const folders = elf.runPaths.map((path) => path.replace(/\$(?:ORIGIN|\{ORIGIN\})/g, origin));
  const candidates = [
    ...folders.map((folder) => join(folder, name)),
    ...(cache.get(name) ?? []),
    ...DEFAULT_FOLDERS.map((folder) => join(folder, name)),
  ];
  for (const candidate of candidates) if (await fits(candidate, elf)) return candidate;
  throw new BadRequest(`${from} needs the shared library ${name}, which is not on this host`, {
    details: { binary: from, library: name },
  });
}

async function fits(path: string, elf: ElfFile): Promise<boolean> {
  try {
    await access(path);
  } catch {
    // Not there or not readable: the next candidate is as good, and none at all is an error of its own.
    return false;
  }
  const library = await readElf(path);
  return library !== undefined && library.bits === elf.bits && library.machine === elf.machine;
}

/**
 * ld.so.cache in the format of glibc ≥ 2.2 (dl-cache.h): 48 bytes of header (magic, count at 20), then
 * entries of 24 bytes: flags, offset of the name, offset of the path. Absent on musl: an empty map.
 */
export async function readLoaderCache(path: string): Promise<Map<string, string[]>> {
  const byName = new Map<string, string[]>();
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return byName;
    throw error;
  }
  const start = bytes.indexOf('glibc-ld.so.cache1.1');
  if (start < 0) return byName;
  const text = (offset: number) => {
    const from = start + offset;
    return bytes.toString('utf8', from, bytes.indexOf(0, from));
  };
  const count = bytes.readUInt32LE(start + 20);
  for (let i = 0; i < count; i++) {
    const at = start + 48 + i * 24;
    const name = text(bytes.readUInt32LE(at + 4));
    const paths = byName.get(name);
    const library = text(bytes.readUInt32LE(at + 8));
    if (paths === undefined) byName.set(name, [library]);
    else paths.push(library);
  }
  return byName;
}
