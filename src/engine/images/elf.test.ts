import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readElf } from './elf.ts';
import { readLoaderCache, sharedLibraryClosure } from './shared-libraries.ts';

test('reads the interpreter and the needed libraries of a program of this host', async () => {
  const elf = await readElf(process.execPath);
  expect(elf?.bits).toBe(64);
  expect(elf?.interpreter).toMatch(/\/ld-(linux|musl)/);
  expect(elf?.needed).toContain('libc.so.6');
});

test('says undefined for a file that is not ELF', async () => {
  const path = join(tmpdir(), `orrery-elf-${process.pid}`);
  await writeFile(path, '#!/bin/sh\necho hi\n');
  expect(await readElf(path)).toBeUndefined();
  await rm(path);
});

test('finds the closure: loader, libc, and what they need in turn', async () => {
  const { paths, libraryFolder } = await sharedLibraryClosure([process.execPath]);
  expect(paths.some((path) => path.endsWith('/libc.so.6'))).toBe(true);
  expect(paths.some((path) => /\/ld-linux/.test(path))).toBe(true);
  expect(libraryFolder).toBeDefined();
});

test("reads the loader's cache", async () => {
  const cache = await readLoaderCache('/etc/ld.so.cache');
  expect(cache.get('libc.so.6')?.[0]).toMatch(/^\/.*libc\.so\.6$/);
});
