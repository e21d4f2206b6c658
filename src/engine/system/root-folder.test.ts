import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
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

/** Swaps `a/b`, a folder with files, for a link to the victim and back, as fast as one process can. */
const SWAPPER = `
const fs = require('node:fs');
const [tree, victim] = process.argv.slice(1);
const attempt = (work) => {
  try {
    work();
  } catch (error) {
    // The remover was faster with this step.
    if (typeof error.syscall !== 'string') throw error;
  }
};
for (const end = Date.now() + 1500; Date.now() < end; ) {
  attempt(() => fs.mkdirSync(tree + '/a/b', { recursive: true }));
  attempt(() => fs.closeSync(fs.openSync(tree + '/a/b/precious', 'w')));
  attempt(() => fs.renameSync(tree + '/a/b', tree + '/aside'));
  attempt(() => fs.symlinkSync(victim, tree + '/a/b'));
  attempt(() => fs.unlinkSync(tree + '/a/b'));
  attempt(() => fs.unlinkSync(tree + '/aside/precious'));
  attempt(() => fs.rmdirSync(tree + '/aside'));
}
`;

test('a path with .. is found while others rename elsewhere', async () => {
  await mkdir(join(tree, 'a'));
  const script = `
    const fs = require('node:fs');
    const [path] = process.argv.slice(1);
    fs.writeFileSync(path + '1', '');
    process.stdout.write('begun');
    for (const end = Date.now() + 700; Date.now() < end; ) {
      fs.renameSync(path + '1', path + '2');
      fs.renameSync(path + '2', path + '1');
    }
  `;
  const renaming = spawn(process.execPath, ['-e', script, join(victim, 'renamed')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let isOver = false;
  const over = once(renaming, 'exit').then(() => {
    isOver = true;
  });
  await once(renaming.stdout!, 'data');
  while (!isOver) {
    const folder = new RootFolder(tree);
    for (let i = 0; i < 50; i++) folder.find('a/../a/../a/../a', { followLast: true });
    folder.close();
    await new Promise(setImmediate);
  }
  await over;
});

test('a folder that is swapped for a link while it is removed leads nowhere else', async () => {
  const swapper = spawn(process.execPath, ['-e', SWAPPER, tree, victim], { stdio: 'ignore' });
  let isOver = false;
  const over = new Promise<void>((resolve) => swapper.once('exit', () => resolve())).then(() => {
    isOver = true;
  });
  while (!isOver) await removeHeld(tree, 'a').catch(() => undefined);
  await over;
  expect(await readdir(victim)).toEqual(['precious']);
});
