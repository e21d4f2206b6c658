import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { libc } from '../system/libc.ts';
import { changesOf } from './layer-changes.ts';
import { layerTar } from './layer-tar.ts';
import { encodeTarHeader } from './tar-header.ts';
import { unpackLayer } from './tar-unpack.ts';

const isRoot = process.geteuid?.() === 0;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layer-tar-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function bytesOf(...args: Parameters<typeof layerTar>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of layerTar(...args)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function make(root: string): void {
  mkdirSync(join(root, 'b/deep'), { recursive: true });
  writeFileSync(join(root, 'b/deep/file'), 'content');
  linkSync(join(root, 'b/deep/file'), join(root, 'b/second'));
  symlinkSync('../outside', join(root, 'a-link'));
  writeFileSync(join(root, 'setuid'), '');
  chmodSync(join(root, 'setuid'), 0o4755);
  writeFileSync(join(root, `${'n'.repeat(120)}`), 'long name');
  writeFileSync(join(root, 'ümlaut'), 'utf-8');
  writeFileSync(join(root, 'big'), Buffer.alloc(3_000_000, 'x'));
}

test('writes what tar reads, with links, modes and long names', async () => {
  const root = join(folder, 'root');
  make(root);
  const out = join(folder, 'out');
  mkdirSync(out);
  execFileSync('tar', ['-xpf', '-', '-C', out], { input: await bytesOf(root) });
  const list = (of: string) =>
    execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %y %m %s %n %l\\n'], { cwd: of })
      .toString()
      .split('\n')
      .filter((line) => !/ d /.test(line))
      .sort();
  expect(list(out)).toEqual(list(root));
});

test('gives the same bytes for the same folder, whatever the order of its making', async () => {
  for (const name of ['one', 'two']) make(join(folder, name));
  const one = await bytesOf(join(folder, 'one'), { mtimeSeconds: 1_000_000_000 });
  utimesSync(join(folder, 'two/big'), 5, 5);
  expect(one.equals(await bytesOf(join(folder, 'two'), { mtimeSeconds: 1_000_000_000 }))).toBe(true);
});

test('leaves out what is excluded, with all below it', async () => {
  make(join(folder, 'root'));
  const tar = await bytesOf(join(folder, 'root'), { exclude: (path) => path === 'b' });
  expect(execFileSync('tar', ['-tf', '-'], { input: tar }).toString()).not.toContain('b/');
});

test('says a size beyond eight gigabytes and a great owner in an extended header', () => {
  const bytes = encodeTarHeader({
    name: 'f',
    type: 'file',
    mode: 0o644,
    uid: 4_000_000_000,
    gid: 0,
    size: 2 ** 40,
    mtimeSeconds: -5,
  }).toString('latin1');
  expect(bytes).toContain('uid=4000000000\n');
  expect(bytes).toContain('size=1099511627776\n');
  expect(bytes).toContain('mtime=-5\n');
});

test.runIf(isRoot)('turns overlay marks into whiteouts and back, and keeps binary attributes', async () => {
  const upper = join(folder, 'upper');
  mkdirSync(join(upper, 'replaced'), { recursive: true });
  libc().mknod(join(upper, 'gone'), 0o020000, 0, 0);
  libc().mknod(join(upper, 'null'), 0o020666, 1, 3);
  libc().setXattr(join(upper, 'replaced'), 'trusted.overlay.opaque', Buffer.from('y'));
  writeFileSync(join(upper, 'capable'), '');
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  libc().setXattr(join(upper, 'capable'), 'security.capability', capability);
  const tar = await bytesOf(upper);
  const names = execFileSync('tar', ['-tf', '-'], { input: tar }).toString().trim().split('\n');
  expect(names).toEqual(['capable', '.wh.gone', 'null', 'replaced/', 'replaced/.wh..wh..opq']);
  expect(tar.includes(Buffer.concat([Buffer.from('SCHILY.xattr.security.capability='), capability]))).toBe(
    true,
  );
  rmSync(join(upper, 'capable'));
  const again = join(folder, 'again');
  mkdirSync(again);
  // As if it had been deleted at another time.
  lutimesSync(join(upper, 'gone'), 1, 1);
  await unpackLayer(layerTar(upper), again);
  expect((await bytesOf(again)).equals(await bytesOf(upper))).toBe(true);
});

test.runIf(isRoot)('refuses a folder that overlayfs moved, for its content is elsewhere', async () => {
  mkdirSync(join(folder, 'upper/moved'), { recursive: true });
  libc().setXattr(join(folder, 'upper/moved'), 'trusted.overlay.redirect', Buffer.from('/old'));
  await expect(bytesOf(join(folder, 'upper'))).rejects.toMatchObject({ code: 'LayerUnreadable' });
});

test.runIf(isRoot)('lists what an upper folder adds, changes and deletes', async () => {
  const [upper, top, bottom] = ['upper', 'top', 'bottom'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(bottom, 'etc/old'), { recursive: true });
  mkdirSync(join(top, 'etc'), { recursive: true });
  mkdirSync(join(upper, 'etc/old'), { recursive: true });
  for (const file of ['etc/hosts', 'etc/hidden', 'etc/old/one']) writeFileSync(join(bottom, file), '');
  libc().mknod(join(top, 'etc/hidden'), 0o020000, 0, 0);
  writeFileSync(join(upper, 'etc/hosts'), 'changed');
  writeFileSync(join(upper, 'etc/hidden'), 'new again');
  writeFileSync(join(upper, 'etc/old/two'), '');
  libc().setXattr(join(upper, 'etc/old'), 'trusted.overlay.opaque', Buffer.from('y'));
  expect(await changesOf(upper, [top, bottom])).toEqual([
    { path: '/etc', kind: 'C' },
    { path: '/etc/hidden', kind: 'A' },
    { path: '/etc/hosts', kind: 'C' },
    { path: '/etc/old', kind: 'C' },
    { path: '/etc/old/one', kind: 'D' },
    { path: '/etc/old/two', kind: 'A' },
  ]);
});
