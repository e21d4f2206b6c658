import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import type { LibpodEvent } from '../libpod.ts';
import { LocalSecrets } from './local-secrets.ts';

let directory: string;
let secrets: LocalSecrets;
let events: Omit<LibpodEvent, 'Time'>[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-secrets-'));
  events = [];
  secrets = new LocalSecrets({
    directory,
    clock: new ManualClock(),
    events: { append: async (event) => void events.push(event) },
  });
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test('a secret is found by name, id and a beginning of the id, and only read gives its bytes', async () => {
  const bytes = Buffer.from([0, 255, 10, 104, 105]);
  const id = await secrets.create('db-pass', bytes, { labels: { tier: 'db' } });
  expect(id).toMatch(/^[0-9a-f]{25}$/);
  for (const name of ['db-pass', id, id.slice(0, 6)]) expect((await secrets.inspect(name)).ID).toBe(id);
  expect(await secrets.read('db-pass')).toEqual(bytes);
  expect(JSON.stringify([await secrets.list(), events])).not.toContain('hi');
});

test('its file is for its owner alone, and goes with it', async () => {
  const id = await secrets.create('s', Buffer.from('x'));
  const path = join(directory, 'data', id);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'data'))).mode & 0o777).toBe(0o700);
  expect(await secrets.remove('s')).toBe(id);
  expect(await readdir(join(directory, 'data'))).toEqual([]);
  expect(await secrets.exists('s')).toBe(false);
});

test('a name is given once, unless it is to be replaced', async () => {
  const first = await secrets.create('s', Buffer.from('one'));
  await expect(secrets.create('s', Buffer.from('two'))).rejects.toThrow('s: secret name in use');
  const second = await secrets.create('s', Buffer.from('two'), { replace: true });
  expect(second).not.toBe(first);
  expect((await secrets.read('s')).toString()).toBe('two');
  expect(await readdir(join(directory, 'data'))).toEqual([second]);
});

test('bytes that a process left without a record are taken away by the next creation', async () => {
  await secrets.create('a', Buffer.from('x'));
  await writeFile(join(directory, 'data', 'f'.repeat(25)), 'left');
  const id = await secrets.create('b', Buffer.from('y'));
  expect(await readdir(join(directory, 'data'))).toHaveLength(2);
  expect(await readFile(join(directory, 'data', id), 'utf8')).toBe('y');
});

test.each(['', '-x', 'x-', '../x', 'a b', 'a'.repeat(65)])('refuses the name %j', async (name) => {
  await expect(secrets.create(name, Buffer.from('x'))).rejects.toThrow('invalid secret name');
});

test('refuses nothing and too much', async () => {
  for (const size of [0, 512_000])
    await expect(secrets.create('s', Buffer.alloc(size))).rejects.toThrow('less than 512000 bytes');
  await secrets.create('s', Buffer.alloc(511_999));
});

test('refuses drivers and filters by name', async () => {
  await expect(secrets.create('s', Buffer.from('x'), { driver: 'pass' })).rejects.toThrow('"pass"');
  await expect(secrets.list({ label: ['x'] })).rejects.toThrow('invalid filter "label"');
  await expect(
    secrets.create('s', Buffer.from('x'), { driver: 'shell', driverOpts: { store: 'cat' } }),
  ).rejects.toThrow('shell driver requires list, lookup, delete');
});

test('commands of the user keep what the shell driver is given', async () => {
  const file = (id: string) => `${directory}/kept-${id}`;
  const driverOpts = {
    store: `cat > ${file('$SECRET_ID')}`,
    lookup: `cat ${file('$SECRET_ID')}`,
    delete: `rm ${file('$SECRET_ID')}`,
    list: 'true',
  };
  const bytes = Buffer.from([1, 200, 0, 7]);
  const id = await secrets.create('s', bytes, { driver: 'shell', driverOpts });
  expect(await readFile(file(id))).toEqual(bytes);
  expect(await secrets.read('s')).toEqual(bytes);
  await secrets.remove('s');
  await expect(stat(file(id))).rejects.toThrow('ENOENT');
});
