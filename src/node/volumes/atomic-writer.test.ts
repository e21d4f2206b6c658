import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeAtomically } from './atomic-writer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'atomic-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const owner = { uid: process.getuid!(), gid: process.getgid!() };

function payload(files: Record<string, string>) {
  return new Map(
    Object.entries(files).map(([path, text]) => [
      path,
      { content: Buffer.from(text), mode: 0o640, ...owner },
    ]),
  );
}

test('shows files through ..data, in folders too', async () => {
  await writeAtomically(folder, payload({ a: 'one', 'deep/b': 'two' }));
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('one');
  expect(readFileSync(join(folder, 'deep/b'), 'utf8')).toBe('two');
  expect(readlinkSync(join(folder, 'a'))).toBe('..data/a');
  expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o640);
});

test('swaps everything at once and takes away what is gone', async () => {
  await writeAtomically(folder, payload({ a: 'one', gone: 'x' }));
  const before = readlinkSync(join(folder, '..data'));
  expect(await writeAtomically(folder, payload({ a: 'new', b: 'two' }))).toBe(true);
  expect(readlinkSync(join(folder, '..data'))).not.toBe(before);
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('new');
  expect(readdirSync(folder).filter((name) => !name.startsWith('..'))).toEqual(['a', 'b']);
  expect(readdirSync(folder)).toHaveLength(4);
});

test('changes nothing when nothing changed', async () => {
  await writeAtomically(folder, payload({ a: 'one' }));
  const before = readlinkSync(join(folder, '..data'));
  expect(await writeAtomically(folder, payload({ a: 'one' }))).toBe(false);
  expect(readlinkSync(join(folder, '..data'))).toBe(before);
});
