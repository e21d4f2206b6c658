import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RootFolder, removeHeld } from './root-folder.ts';

let base: string;
let tree: string;
let victim: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'root-folder-'));
  tree = join(base, 'tree');
  victim = join(base, 'victim');
  await mkdir(tree);
  await mkdir(victim);
  await writeFile(join(victim, 'precious'), 'x');
});

afterEach(() => rm(base, { recursive: true, force: true }));

test('absolute links and `..` stay in the tree', async () => {
  await symlink(victim, join(tree, 'absolute'));
  await symlink('../../../../victim', join(tree, 'climbing'));
  const root = new RootFolder(tree);
  expect(() => root.find('/absolute/precious', { followLast: true })).toThrow('no such file');
  expect(() => root.find('/climbing/precious', { followLast: true })).toThrow('no such file');
  expect(() => root.find('/../victim/precious', { followLast: true })).toThrow('no such file');
  root.close();
});

test('removes a folder with all in it, and of links only the links', async () => {
  await mkdir(join(tree, 'a/b/c'), { recursive: true });
  await writeFile(join(tree, 'a/b/file'), '');
  await symlink(victim, join(tree, 'a/b/link'));
  await removeHeld(tree, 'a');
  await removeHeld(tree, 'absent');
  expect(await readdir(tree)).toEqual([]);
  expect(existsSync(join(victim, 'precious'))).toBe(true);
});

test('a folder that is swapped for a link while it is removed leads nowhere else', async () => {
  for (let round = 0; round < 200; round++) {
    await mkdir(join(tree, 'a/b'), { recursive: true });
    for (const name of ['1', '2', '3']) await writeFile(join(tree, 'a/b', name), '');
    const swap = async () => {
      await rename(join(tree, 'a/b'), join(tree, 'aside'));
      await symlink(victim, join(tree, 'a/b'));
    };
    // Either may be too late for the other; whatever comes first, what is outside stays.
    await Promise.allSettled([removeHeld(tree, 'a'), swap()]);
    await Promise.all(['a', 'aside'].map((name) => removeHeld(tree, name)));
  }
  expect(await readdir(victim)).toEqual(['precious']);
});
