import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'orrery-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('makes a folder and those above it, and is content with one that is there', async () => {
  const path = join(folder, 'a/b/c');
  await Promise.all([makeFolder(path, 0o700), makeFolder(path, 0o700)]);
  await makeFolder(path, 0o700);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test('refuses a file in the way', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file'), 0o755)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(folder, 'file/x'), 0o755)).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('up --data-dir /proc/x does not hang', async () => {
  await expect(makeFolder('/proc/x/y', 0o755)).rejects.toMatchObject({ code: 'ENOENT' });
});
