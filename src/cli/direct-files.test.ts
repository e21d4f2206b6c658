import { mkdtempSync, rmSync } from 'node:fs';
import * as node from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as direct from './direct-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'direct-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('has every function of the module it stands in for', () => {
  const missing = Object.keys(node).filter((name) => name !== 'default' && !(name in direct));
  expect(missing).toEqual([]);
});

test('what fails is a rejection with the same code, not an exception', async () => {
  const path = join(folder, 'absent');
  for (const module of [node, direct]) {
    const reading = module.readFile(path, 'utf8');
    await expect(reading).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
    await expect(module.rm(path)).rejects.toMatchObject({ code: 'ENOENT' });
  }
});

test('files are written, renamed, listed and read as by the other', async () => {
  const path = join(folder, 'file');
  await direct.writeFile(path, 'one', { mode: 0o600 });
  await direct.appendFile(path, new Uint8Array([33]));
  await direct.rename(path, `${path}.new`);
  expect(await direct.readdir(folder)).toEqual(await node.readdir(folder));
  expect(await node.readFile(`${path}.new`, 'utf8')).toBe('one!');
  expect((await direct.stat(`${path}.new`)).mode & 0o777).toBe(0o600);
});

test('an open file is read and written through its handle', async () => {
  const handle = await direct.open(join(folder, 'file'), 'w+');
  await direct.writeFile(handle, 'text');
  expect(await direct.readFile(join(folder, 'file'), 'utf8')).toBe('text');
  await handle.close();
});
