import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NotFound, runCommand, systemClock } from '../../src/base/index.ts';
import { LocalVolumes } from '../../src/libpod/volumes/local-volumes.ts';

const ID = 'a'.repeat(64);
let folder: string;
let volumes: LocalVolumes;
let containers: { id: string; volumes: string[] }[];
let removed: string[];

describe.skipIf(process.geteuid?.() !== 0)('volumes', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'orrery-volumes-'));
    containers = [];
    removed = [];
    volumes = await LocalVolumes.open({
      directory: join(folder, 'volumes'),
      locks: join(folder, 'locks'),
      clock: systemClock,
      containers: () => ({
        list: async () => containers,
        remove: async (id) => {
          removed.push(id);
          containers = containers.filter((one) => one.id !== id);
        },
      }),
      events: { append: async () => undefined },
    });
  });

  afterEach(async () => {
    await volumes.reset();
    await rm(folder, { recursive: true });
  });

  test('a volume is a folder that is there once, found by a beginning of its name', async () => {
    const made = await volumes.create({ Name: 'data-1', Labels: { a: '1' } });
    expect(made).toMatchObject({ Driver: 'local', NeedsCopyUp: true, NeedsChown: true, MountCount: 0 });
    expect((await stat(made.Mountpoint)).mode & 0o777).toBe(0o755);
    expect((await volumes.inspect('dat')).Name).toBe('data-1');
    await expect(volumes.create({ Name: 'data-1' })).rejects.toThrow(
      'volume with name data-1 already exists',
    );
    expect((await volumes.create({ Name: 'data-1', ignore: true })).CreatedAt).toBe(made.CreatedAt);
    await expect(volumes.inspect('other')).rejects.toThrow(
      'no volume with name "other" found: no such volume',
    );
  });

  test('eight who make the same volume at once make one', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => volumes.create({ Name: 'one', ignore: true })),
    );
    expect(outcomes.map((one) => one.status)).toEqual(Array.from({ length: 8 }, () => 'fulfilled'));
    expect((await volumes.list()).map((one) => one.Name)).toEqual(['one']);
    expect(await readdir(join(folder, 'volumes'))).toEqual(['one']);
  });

  test('a volume in use stays, unless its containers may go with it', async () => {
    await volumes.create({ Name: 'v' });
    containers = [{ id: ID, volumes: ['v'] }];
    await expect(volumes.remove('v')).rejects.toThrow(
      `volume v is being used by the following container(s): ${ID}: volume is being used`,
    );
    await volumes.remove('v', { force: true });
    expect(removed).toEqual([ID]);
    await expect(volumes.inspect('v')).rejects.toThrow(NotFound);
  });

  test('prune takes what nobody uses and the filter fits, and counts its bytes', async () => {
    for (const Name of ['a', 'b', 'c'])
      await volumes.create({ Name, ...(Name !== 'a' && { Labels: { tier: 'x' } }) });
    await writeFile(join((await volumes.inspect('b')).Mountpoint, 'file'), Buffer.alloc(1234));
    containers = [{ id: ID, volumes: ['c'] }];
    expect(await volumes.prune({ label: ['tier'] })).toEqual({ deleted: ['b'], reclaimedBytes: 1234 });
    expect((await volumes.list({ dangling: ['true'] })).map((one) => one.Name)).toEqual(['a']);
    await expect(volumes.prune({ name: ['a'] })).rejects.toThrow('"name" is an invalid volume filter');
  });

  test("a new volume takes the image's content once, with owners and modes", async () => {
    const image = join(folder, 'image');
    await mkdir(join(image, 'deep'), { recursive: true });
    await writeFile(join(image, 'deep', 'file'), 'from the image', { mode: 0o640 });
    await runCommand('chown', ['-R', '7:8', image]);
    await runCommand('chmod', ['1770', image]);
    const { Mountpoint } = await volumes.create({ Name: 'v' });
    await volumes.mount('v', ID);
    await volumes.prepare('v', { imageFolder: image, uid: 1, gid: 1 });
    expect(await readFile(join(Mountpoint, 'deep', 'file'), 'utf8')).toBe('from the image');
    const facts = await stat(Mountpoint);
    expect([facts.uid, facts.gid, facts.mode & 0o7777]).toEqual([7, 8, 0o1770]);
    expect(await volumes.inspect('v')).toMatchObject({
      NeedsCopyUp: false,
      NeedsChown: false,
      MountCount: 1,
    });
    await rm(join(Mountpoint, 'deep'), { recursive: true });
    await volumes.prepare('v', { imageFolder: image, uid: 1, gid: 1 });
    expect(await readdir(Mountpoint)).toEqual([]);
  });

  test('without content at its place a volume belongs to the user, and may be filled another time', async () => {
    const { Mountpoint } = await volumes.create({ Name: 'v' });
    await volumes.prepare('v', { uid: 33, gid: 44 });
    const { uid, gid } = await stat(Mountpoint);
    expect([uid, gid]).toEqual([33, 44]);
    expect(await volumes.inspect('v')).toMatchObject({ NeedsCopyUp: true, NeedsChown: false });
  });

  test('a copy that was cut off is begun anew', async () => {
    const image = join(folder, 'image');
    await mkdir(image);
    await writeFile(join(image, 'whole'), 'whole');
    const { Mountpoint } = await volumes.create({ Name: 'v' });
    await writeFile(join(Mountpoint, 'whole'), 'wh');
    const path = join(folder, 'volumes', 'v', 'volume.json');
    const record = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...record, filler: '999999:1' }));
    await volumes.prepare('v', { imageFolder: image, uid: 0, gid: 0 });
    expect(await readFile(join(Mountpoint, 'whole'), 'utf8')).toBe('whole');
  });

  test("a driver's options are mounted with the first use and unmounted after the last", async () => {
    const { Mountpoint } = await volumes.create({
      Name: 't',
      DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=9' },
    });
    const type = async () => (await runCommand('stat', ['-f', '-c', '%T', Mountpoint])).stdout.trim();
    await volumes.mount('t', ID);
    await volumes.mount('t', 'b'.repeat(64));
    expect([await type(), (await stat(Mountpoint)).uid]).toEqual(['tmpfs', 9]);
    await volumes.unmount('t', ID);
    expect(await type()).toBe('tmpfs');
    await volumes.unmount('t', 'b'.repeat(64));
    expect(await type()).not.toBe('tmpfs');
  });

  test('a bind needs a folder that is there', async () => {
    await expect(
      volumes.create({ Name: 'b', DriverOpts: { type: 'bind', device: '/bogus' } }),
    ).rejects.toThrow(
      "invalid volume option device for driver 'local': stat /bogus: no such file or directory",
    );
    const target = join(folder, 'target');
    await mkdir(target);
    await writeFile(join(target, 'seen'), '');
    await volumes.create({ Name: 'b', DriverOpts: { type: 'none', o: 'bind', device: target } });
    expect(await readdir(await volumes.mount('b', ID))).toEqual(['seen']);
    await volumes.unmount('b', ID);
  });

  test.each([
    [{ Driver: 'image' }, 'the volume driver "image" is not supported'],
    [{ Driver: 'rexray' }, 'volume plugin rexray'],
    [{ DriverOpts: { speed: '1' } }, "invalid mount option speed for driver 'local': invalid argument"],
    [{ DriverOpts: { o: 'size=1g' } }, 'Filesystem does not support Project Quota'],
    [{ DriverOpts: { o: 'uid=me' } }, 'cannot convert UID me to integer'],
    [{ DriverOpts: { type: '-F', device: 'x' } }, 'invalid mount option type'],
    [{ Name: '../x' }, 'names must match'],
  ])('refuses %j', async (options, message) => {
    await expect(volumes.create({ Name: 'v', ...options })).rejects.toThrow(message);
    expect(await volumes.list()).toEqual([]);
  });

  test('uid and gid of the options are the owner, and stay it', async () => {
    const { Mountpoint } = await volumes.create({ Name: 'v', DriverOpts: { o: 'uid=5,gid=6' } });
    await volumes.prepare('v', { uid: 1, gid: 1 });
    const { uid, gid } = await stat(Mountpoint);
    expect([uid, gid]).toEqual([5, 6]);
  });

  test('what is exported can be imported, compressed or not', async () => {
    const one = await volumes.create({ Name: 'one' });
    await writeFile(join(one.Mountpoint, 'file'), 'content', { mode: 0o600 });
    await runCommand('chown', ['12:34', join(one.Mountpoint, 'file')]);
    const tar = await buffer(await volumes.export('one'));
    for (const [name, bytes] of Object.entries({ plain: tar, zipped: gzipSync(tar) })) {
      const { Mountpoint } = await volumes.create({ Name: name });
      await volumes.import(name, Readable.from([bytes]));
      const facts = await stat(join(Mountpoint, 'file'));
      expect(await readFile(join(Mountpoint, 'file'), 'utf8')).toBe('content');
      expect([facts.uid, facts.gid, facts.mode & 0o777]).toEqual([12, 34, 0o600]);
    }
    expect((await volumes.list()).map((one) => one.MountCount)).toEqual([0, 0, 0]);
  });

  test('an import writes nothing outside of the volume, through whatever links', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    const { Mountpoint } = await volumes.create({ Name: 'v' });
    // As a container that has the volume may leave it.
    await symlink(outside, join(Mountpoint, 'there'));
    const archive = pack();
    archive.entry({ name: 'mine', type: 'symlink', linkname: outside });
    archive.entry({ name: 'there/a' }, 'x');
    archive.entry({ name: 'mine/b' }, 'x');
    archive.entry({ name: '../../outside/c' }, 'x');
    archive.finalize();
    await expect(volumes.import('v', archive as unknown as Readable)).rejects.toThrow('tar:');
    expect(await readdir(outside)).toEqual([]);
    expect(await readdir(join(folder, 'volumes', 'v'))).toEqual(['_data', 'uses', 'volume.json']);
    await expect(volumes.import('v', Readable.from([Buffer.alloc(3000, 7)]))).rejects.toThrow('tar');
  });
});
