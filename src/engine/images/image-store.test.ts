import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../base/index.ts';
import type { NewLayer } from '../engine.ts';
import { DiskImageStore } from './image-store.ts';

const isRoot = process.geteuid?.() === 0;
let folder: string;
let store: DiskImageStore;
let used: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-images-'));
  store = openStore(folder);
  await store.open();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function openStore(directory: string): DiskImageStore {
  return new DiskImageStore({
    directory,
    log: silentLog,
    canUnpack: isRoot,
    layersInUse: async () => [],
    usersOf: async () => used.map((name) => ({ id: name, name })),
  });
}

type TarEntry = { name: string; content?: string | Buffer; [header: string]: unknown };

async function tarOf(entries: TarEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, content ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

interface Made {
  config: Buffer;
  layer: Buffer;
}

async function makeImage(layer: TarEntry[], more: object = {}): Promise<Made> {
  const bytes = await tarOf(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: ['/hello'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(bytes)}`] },
      ...more,
    }),
  );
  return { config, layer: bytes };
}

async function dockerArchive({ config, layer }: Made, tags: string[] | null): Promise<Buffer> {
  return await tarOf([
    { name: 'abc/', type: 'directory' },
    { name: 'abc/layer.tar', content: layer },
    { name: `${sha256(config)}.json`, content: config },
    {
      name: 'manifest.json',
      content: JSON.stringify([
        { Config: `${sha256(config)}.json`, RepoTags: tags, Layers: ['abc/layer.tar'] },
      ]),
    },
  ]);
}

async function ociArchive({ config, layer }: Made, name: string, compress = true): Promise<Buffer> {
  const blob = compress ? gzipSync(layer) : layer;
  const describe = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.byteLength,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: describe(config, 'application/vnd.oci.image.config.v1+json'),
      layers: [describe(blob, `application/vnd.oci.image.layer.v1.tar${compress ? '+gzip' : ''}`)],
    }),
  );
  const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };
  const nested = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          ...describe(Buffer.from('x'), 'application/vnd.oci.image.manifest.v1+json'),
          platform: { os: 'linux', architecture: 's390x' },
        },
        { ...describe(manifest, 'application/vnd.oci.image.manifest.v1+json'), platform },
      ],
    }),
  );
  const top = {
    schemaVersion: 2,
    manifests: [
      {
        ...describe(nested, 'application/vnd.oci.image.index.v1+json'),
        annotations: { 'io.containerd.image.name': name },
      },
    ],
  };
  return await tarOf([
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify(top) },
    ...[config, blob, manifest, nested].map((bytes) => ({
      name: `blobs/sha256/${sha256(bytes)}`,
      content: bytes,
    })),
  ]);
}

const HELLO: TarEntry[] = [{ name: 'hello', content: 'hi', mode: 0o755 }];

test('loads a docker-archive and finds it by its familiar name, digest and id', async () => {
  const made = await makeImage(HELLO);
  const [loaded] = await store.load(Readable.from([await dockerArchive(made, ['hello:1'])]));
  expect(loaded).toEqual({ reference: 'docker.io/library/hello:1', id: `sha256:${sha256(made.config)}` });
  const image = await store.resolve('hello:1');
  expect(image).toMatchObject({
    id: loaded!.id,
    config: { Cmd: ['/hello'] },
    references: ['docker.io/library/hello:1'],
  });
  expect((await store.resolve(loaded!.id.slice(7, 19)))?.digest).toBe(image!.digest);
  expect((await store.resolve(image!.digest))?.id).toBe(loaded!.id);
  expect((await store.resolve(`hello@${image!.digest}`))?.id).toBe(loaded!.id);
  expect(await store.resolve('hello:2')).toBeUndefined();
  expect(await store.check()).toEqual([]);
});

test('loads a gzipped OCI archive in small chunks and picks this platform', async () => {
  const made = await makeImage([{ name: 'multi', content: 'm' }]);
  const bytes = gzipSync(await ociArchive(made, 'docker.io/library/multi:latest'));
  const chunks = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
    bytes.subarray(i * 100, i * 100 + 100),
  );
  const loaded = await store.load(Readable.from(chunks));
  expect(loaded).toEqual([
    { reference: 'docker.io/library/multi:latest', id: `sha256:${sha256(made.config)}` },
  ]);
});

test('an archive without a name loads as an image without one', async () => {
  const loaded = await store.load(
    Readable.from([await dockerArchive(await makeImage([{ name: 'n' }]), null)]),
  );
  expect(loaded[0]!.reference).toBeUndefined();
  expect((await store.list()).find((one) => one.id === loaded[0]!.id)?.references).toEqual([]);
});

test('a name moves to the newer image; the older one stays without a name', async () => {
  const [first] = await store.load(
    Readable.from([await dockerArchive(await makeImage([{ name: 'v1' }]), ['moving'])]),
  );
  const [second] = await store.load(
    Readable.from([await dockerArchive(await makeImage([{ name: 'v2' }]), ['moving'])]),
  );
  expect((await store.resolve('moving'))?.id).toBe(second!.id);
  expect((await store.resolve(first!.id))?.references).toEqual([]);
});

async function snapshot(): Promise<string> {
  const index = await readFile(join(folder, 'images/index.json'), 'utf8');
  const names = await Promise.all(
    ['images/blobs/sha256', 'images/ingest', 'layers'].map((one) => readdir(join(folder, one))),
  );
  return JSON.stringify([index, names.map((one) => one.sort())]);
}

const malformed: [string, () => Promise<Buffer>, RegExp][] = [
  ['nothing', async () => Buffer.alloc(0), /archive is empty|no image/],
  ['noise', async () => Buffer.from('this is not an archive at all'.repeat(100)), /not a valid tar/],
  [
    'noise that begins as gzip',
    async () => Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(2000, 7)]),
    /not a valid tar/,
  ],
  ['a tar without images', async () => await tarOf([{ name: 'readme' }]), /holds no image/],
  [
    'a cut off archive',
    async () => (await dockerArchive(await makeImage([{ name: 'cut' }]), ['cut'])).subarray(0, 3000),
    /valid tar|lacks|holds no image/,
  ],
  ['a name that climbs out', async () => await tarOf([{ name: '../../etc/evil' }]), /leaves the root/],
  [
    'a manifest that is no JSON',
    async () => await tarOf([{ name: 'manifest.json', content: '{' }]),
    /not JSON/,
  ],
  [
    'a layer that is missing',
    async () => {
      const { config } = await makeImage(HELLO);
      return await tarOf([
        { name: 'c.json', content: config },
        {
          name: 'manifest.json',
          content: JSON.stringify([{ Config: 'c.json', RepoTags: [], Layers: ['x/layer.tar'] }]),
        },
      ]);
    },
    /lacks x\/layer.tar/,
  ],
  [
    'a layer that is not what the config promises',
    async () => {
      const made = await makeImage([{ name: 'promised' }]);
      return await dockerArchive({ ...made, layer: await tarOf([{ name: 'other' }]) }, ['liar']);
    },
    /its image says/,
  ],
  [
    'a blob whose name lies',
    async () => {
      const bytes = await ociArchive(await makeImage([{ name: 'lie', content: 'truth' }]), 'liar', false);
      return await renamedBlob(bytes);
    },
    /./,
  ],
  [
    'an invalid reference',
    async () => await dockerArchive(await makeImage(HELLO), ['Not/Valid']),
    /invalid reference format/,
  ],
];

/** Changes one byte inside the layer: its tar stays readable, its digest is another. */
async function renamedBlob(archive: Buffer): Promise<Buffer> {
  const at = archive.indexOf('truth');
  const changed = Buffer.from(archive);
  changed[at] = 'T'.charCodeAt(0);
  return changed;
}

test.each(malformed)('refuses %s and changes nothing', async (_what, archive, message) => {
  const before = await snapshot();
  const error = await store.load(Readable.from([await archive()])).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'BadRequest', message: expect.stringMatching(message) });
  expect(await snapshot()).toBe(before);
});

test('a file that is empty, or cut off within a layer, is refused from the disk too', async () => {
  const made = await makeImage([{ name: 'big', content: Buffer.alloc(300_000, 1) }]);
  const whole = await dockerArchive(made, ['cut']);
  const file = join(folder, 'archive.tar');
  for (const length of [0, 300, 3000, 70_000, whole.length >> 1]) {
    await writeFile(file, whole.subarray(0, length));
    await expect(store.load(createReadStream(file)), `${length} bytes`).rejects.toMatchObject({
      code: 'BadRequest',
    });
  }
});

const hostile: [string, TarEntry[]][] = [
  ['a name with ..', [{ name: 'a/../../evil', content: 'x' }]],
  ['a hard link with ..', [{ name: 'l', type: 'link', linkname: '../../../../etc/passwd' }]],
  ['a hard link to a file that is not in the layer', [{ name: 'l', type: 'link', linkname: '/etc/passwd' }]],
  ["overlayfs' own attributes", [{ name: 'f', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } }]],
  ['a whiteout of the folder itself', [{ name: 'd/.wh...' }]],
];

test.skipIf(!isRoot).each(hostile)('refuses a layer with %s', async (_what, entries) => {
  await expect(
    store.load(Readable.from([await dockerArchive(await makeImage(entries), ['hostile'])])),
  ).rejects.toThrow();
  expect(await store.resolve('hostile')).toBeUndefined();
});

test.skipIf(!isRoot)('symlinks in a layer lead nowhere outside of it', async () => {
  const outside = join(folder, 'outside');
  await writeFile(outside, 'untouched');
  const made = await makeImage([
    { name: 'up', type: 'symlink', linkname: '../../../../../../../../' },
    { name: `up${outside}`, content: 'written through ..' },
    { name: 'abs', type: 'symlink', linkname: folder },
    { name: 'abs/outside', content: 'written through an absolute link' },
  ]);
  await store.load(Readable.from([await dockerArchive(made, ['links'])]));
  expect(await readFile(outside, 'utf8')).toBe('untouched');
  const layer = store.layers.pathOf(`sha256:${sha256(made.layer)}`);
  expect(await readFile(join(layer, folder, 'outside'), 'utf8')).toMatch(/^written/);
});

test.skipIf(!isRoot)('keeps owners, setuid, times, hard links, attributes and whiteouts', async () => {
  const made = await makeImage([
    { name: 'dir/', type: 'directory', mode: 0o1777, uid: 7, gid: 8, mtime: new Date(1_000_000_000_000) },
    { name: 'dir/su', content: 'x', mode: 0o4755, uid: 1, gid: 2, mtime: new Date(1_100_000_000_000) },
    { name: 'dir/same', type: 'link', linkname: 'dir/su' },
    { name: 'dir/.wh.gone' },
    { name: 'opaque/.wh..wh..opq' },
    { name: 'pipe', type: 'fifo' },
    { name: 'attr', content: 'x', pax: { 'SCHILY.xattr.user.note': 'kept' } },
  ]);
  await store.load(Readable.from([await dockerArchive(made, ['kept'])]));
  const layer = store.layers.pathOf(`sha256:${sha256(made.layer)}`);
  const [dir, su, same, gone, pipe] = await Promise.all(
    ['dir', 'dir/su', 'dir/same', 'dir/gone', 'pipe'].map((name) => lstat(join(layer, name))),
  );
  expect([dir!.mode & 0o7777, dir!.uid, dir!.gid, dir!.mtimeMs]).toEqual([0o1777, 7, 8, 1_000_000_000_000]);
  expect([su!.mode & 0o7777, su!.uid, su!.gid, su!.mtimeMs]).toEqual([0o4755, 1, 2, 1_100_000_000_000]);
  expect(same!.ino).toBe(su!.ino);
  expect(gone!.isCharacterDevice() && gone!.rdev === 0).toBe(true);
  expect(pipe!.isFIFO()).toBe(true);
});

test('pack makes the same image twice, and refuses scripts by naming the interpreter', async () => {
  const [first, second] = [
    await store.pack({ reference: 'packed:1', binaries: ['sh', 'cat'] }),
    await store.pack({ reference: 'packed:2', binaries: ['sh', 'cat'] }),
  ];
  expect(second.id).toBe(first.id);
  const script = join(folder, 'script');
  await writeFile(script, '#!/usr/bin/env node\n', { mode: 0o755 });
  await expect(store.pack({ reference: 'packed:3', binaries: [script] })).rejects.toThrow(
    `${script} is a script, not a program: it needs node`,
  );
  await expect(store.pack({ reference: 'packed:3', binaries: ['no-such-program'] })).rejects.toThrow(
    'no such program',
  );
});

test('remove drops the name, then the image, and keeps what others share', async () => {
  const [image] = await store.load(
    Readable.from([await dockerArchive(await makeImage([{ name: 'r' }]), ['r:1', 'r:2'])]),
  );
  await store.remove('r:1');
  expect((await store.resolve('r:2'))?.id).toBe(image!.id);
  used = ['web'];
  await expect(store.remove('r:2')).rejects.toThrow('is used by container web');
  used = [];
  await store.remove('r:2');
  expect(await store.resolve(image!.id)).toBeUndefined();
  await expect(store.remove('r:2')).rejects.toMatchObject({ code: 'NotFound' });
  expect(await store.check()).toEqual([]);
});

test('check names a damaged and a missing blob', async () => {
  const image = (await store.resolve('hello:1'))!;
  const path = store.blobs.pathOf(image.layers[0]!);
  const bytes = await readFile(path);
  await writeFile(path, 'damaged');
  expect((await store.check()).join('\n')).toContain(`blob ${image.layers[0]} is damaged`);
  await rm(path);
  expect(await store.check()).toEqual([`docker.io/library/hello:1: blob ${image.layers[0]} is missing`]);
  await writeFile(path, bytes);
});

test('two stores over one directory load at once without losing a name', async () => {
  const stores = [store, openStore(folder), openStore(folder)];
  const names = Array.from({ length: 12 }, (_, i) => `docker.io/library/many:${i}`);
  await Promise.all(
    names.map(async (name, i) =>
      stores[i % 3]!.load(
        Readable.from([await dockerArchive(await makeImage([{ name: `f${i % 4}` }]), [name])]),
      ),
    ),
  );
  const listed = (await store.list()).flatMap((one) => one.references);
  for (const name of names) expect(listed).toContain(name);
});

async function addedLayer(name: string, content: string): Promise<NewLayer> {
  return await store.addLayer(Readable.from([await tarOf([{ name, content }])]));
}

const NEW_IMAGE = {
  config: { Cmd: ['/hello'] },
  architecture: 'amd64',
  os: 'linux',
  createdAt: '2026-01-01T00:00:00Z',
};

test('layers made one by one become an image that runs, is found by every short name and checks clean', async () => {
  const layers = [await addedLayer('first', '1'), await addedLayer('second', '2')];
  const added = await store.add({
    ...NEW_IMAGE,
    reference: 'made/here',
    layers,
    history: [{ created_by: 'COPY first' }, { created_by: 'COPY second' }],
  });
  expect(added.reference).toBe('localhost/made/here:latest');
  for (const name of ['made/here', 'localhost/made/here', 'here:latest', added.id.slice(7, 12)])
    expect((await store.resolve(name))?.id, name).toBe(added.id);
  expect(await store.resolve('docker.io/made/here')).toBeUndefined();
  const image = (await store.resolve(added.id))!;
  expect((await store.layerFolders(image)).diffIds).toEqual(layers.map((one) => one.diffId));
  expect(await store.check()).toEqual([]);
});

test("Docker's manifest format is kept when it was asked for, and its additions to the config with it", async () => {
  const Healthcheck = { Test: ['CMD', 'true'] };
  const made = { ...NEW_IMAGE, layers: [await addedLayer('d', 'd')], history: [] };
  const config = { ...NEW_IMAGE.config, Healthcheck };
  const docker = await store.add({ ...made, config, format: 'docker' });
  const raw = await store.raw(docker.id);
  expect(JSON.parse(raw.manifest.toString()).mediaType).toMatch(/^application\/vnd.docker.*manifest.v2/);
  expect((await store.resolve(docker.id))!.config.Healthcheck).toEqual(Healthcheck);
  const oci = await store.add({ ...made, config, format: 'oci' });
  expect((await store.resolve(oci.id))!.config.Healthcheck).toBeUndefined();
});

test('a layer that no image names yet outlives the removal of an image; an unknown one is refused', async () => {
  const waiting = await addedLayer('waiting', 'w');
  const [other] = await store.load(
    Readable.from([await dockerArchive(await makeImage([{ name: 'o' }]), ['o'])]),
  );
  await store.remove(other!.id);
  await store.add({ ...NEW_IMAGE, layers: [waiting], history: [] });
  const unknown = { ...waiting, digest: `sha256:${'0'.repeat(64)}` };
  await expect(store.add({ ...NEW_IMAGE, layers: [unknown], history: [] })).rejects.toThrow('no such layer');
});

test.skipIf(!isRoot)('a layer that is refused leaves nothing behind', async () => {
  const before = await snapshot();
  await expect(addedLayer('a/../../evil', 'x')).rejects.toThrow('leaves the root');
  const cut = (await tarOf([{ name: 'cut', content: Buffer.alloc(100_000) }])).subarray(0, 50_000);
  await expect(store.addLayer(Readable.from([cut]))).rejects.toThrow();
  expect(await snapshot()).toBe(before);
});
