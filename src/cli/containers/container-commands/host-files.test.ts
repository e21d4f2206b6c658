import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packHostPath, unpackOnHost } from './host-files.ts';

let base: string;
let target: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'host-files-'));
  target = join(base, 'target');
  mkdirSync(target);
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'kept'), 'kept');
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

function tarOf(...entries: [Partial<Header> & { name: string }, string?][]): Readable {
  const output = pack();
  for (const [header, body = ''] of entries) output.entry(header, body);
  output.finalize();
  return Readable.from(output);
}

const outside = () => readdirSync(join(base, 'outside')).sort();

test('names that climb are refused', async () => {
  await expect(unpackOnHost(tarOf([{ name: '../outside/new' }, 'x']), target, true)).rejects.toThrow(
    'leads out of',
  );
  expect(outside()).toEqual(['kept']);
});

test('an absolute name is taken as one below the folder', async () => {
  await unpackOnHost(tarOf([{ name: join(base, 'outside', 'new') }, 'x']), target, true);
  expect(outside()).toEqual(['kept']);
  expect(readFileSync(join(target, base, 'outside', 'new'), 'utf8')).toBe('x');
});

test('a symlink of the archive is no way out for its later entries', async () => {
  const way = { name: 'way', type: 'symlink' as const, linkname: '../outside' };
  await expect(unpackOnHost(tarOf([way], [{ name: 'way/new' }, 'x']), target, true)).rejects.toThrow(
    'leads out of',
  );
  expect(outside()).toEqual(['kept']);
});

test('a file that takes the place of a symlink is not written through it', async () => {
  const link = { name: 'file', type: 'symlink' as const, linkname: '../outside/kept' };
  await unpackOnHost(tarOf([link], [{ name: 'file' }, 'mine']), target, true);
  expect(readFileSync(join(base, 'outside', 'kept'), 'utf8')).toBe('kept');
  expect(readFileSync(join(target, 'file'), 'utf8')).toBe('mine');
});

test('a folder entry where a symlink stands changes nothing behind it', async () => {
  const mode = statSync(join(base, 'outside')).mode;
  const link = { name: 'folder', type: 'symlink' as const, linkname: '../outside' };
  const folder = { name: 'folder/', type: 'directory' as const, mode: 0o777 };
  await unpackOnHost(tarOf([link], [folder], [{ name: 'folder/new' }, 'x']), target, true);
  expect(statSync(join(base, 'outside')).mode).toBe(mode);
  expect(outside()).toEqual(['kept']);
});

test('a hard link reaches files of the archive only', async () => {
  const climb = { name: 'stolen', type: 'link' as const, linkname: '../outside/kept' };
  await expect(unpackOnHost(tarOf([climb]), target, true)).rejects.toThrow('leads out of');
  const link = { name: 'link', type: 'symlink' as const, linkname: '../outside/kept' };
  const hard = { name: 'hard', type: 'link' as const, linkname: 'link' };
  await unpackOnHost(tarOf([link], [hard], [{ name: 'hard' }, 'mine']), target, true);
  expect(readFileSync(join(base, 'outside', 'kept'), 'utf8')).toBe('kept');
});

test('a folder is not put in the place of a file, nor a file in that of a folder, unless asked', async () => {
  writeFileSync(join(target, 'a'), 'file');
  const folder = () => tarOf([{ name: 'a/', type: 'directory' }], [{ name: 'a/b' }, 'x']);
  await expect(unpackOnHost(folder(), target, false)).rejects.toThrow(
    'error creating "/a": mkdir /a: file exists',
  );
  await unpackOnHost(folder(), target, true);
  await expect(unpackOnHost(tarOf([{ name: 'a' }, 'y']), target, false)).rejects.toThrow(
    'error creating "/a": open /a: file exists',
  );
  expect(readFileSync(join(target, 'a', 'b'), 'utf8')).toBe('x');
});

test('devices, pipes and set-id bits of a container mean nothing on the host', async () => {
  await unpackOnHost(
    tarOf(
      [{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }],
      [{ name: 'pipe', type: 'fifo' }],
      [{ name: 'program', mode: 0o4755 }, 'x'],
    ),
    target,
    true,
  );
  expect(readdirSync(target)).toEqual(['program']);
  expect(statSync(join(target, 'program')).mode & 0o7777).toBe(0o755);
});

test('a tree goes out and comes back the same', async () => {
  const source = join(base, 'source');
  mkdirSync(join(source, 'deep'), { recursive: true });
  writeFileSync(join(source, 'deep', 'file'), 'text', { mode: 0o640 });
  await unpackOnHost(packHostPath(source, 'copy'), target, false);
  expect(readFileSync(join(target, 'copy', 'deep', 'file'), 'utf8')).toBe('text');
  expect(statSync(join(target, 'copy', 'deep', 'file')).mode & 0o777).toBe(0o640);
});
