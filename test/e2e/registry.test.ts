import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { type ImageLibrary, openImageLibrary } from '../../src/engine/index.ts';
import { checkout } from '../harness/cloud.ts';
import {
  type FaultyRegistry,
  forward,
  PASSWORD,
  type Registry,
  startFaultyRegistry,
  startRegistry,
  USER,
} from '../harness/registry.ts';

const isRoot = process.geteuid?.() === 0;
const LAYER_BYTES = 1_500_000;

let home: string;
let registry: Registry;
let faulty: FaultyRegistry;
let source: ImageLibrary;
let opened = 0;

const access = { tlsVerify: false };

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'orrery-registry-test-'));
  registry = await startRegistry();
  faulty = await startFaultyRegistry(registry.host);
  source = await emptyLibrary();
  await makeImage('made:1', 3);
  await source.push('made:1', { ...access, destination: `${registry.host}/made:1` });
});
beforeEach(() => {
  faulty.fault = (_incoming, _answer, pass) => pass();
  faulty.requests.length = 0;
});
afterAll(async () => {
  await faulty?.close();
  await registry?.stop();
  await rm(home, { recursive: true, force: true });
});

async function emptyLibrary(): Promise<ImageLibrary & { directory: string }> {
  const directory = join(home, `library-${opened++}`);
  return Object.assign(await openImageLibrary({ directory, log: silentLog }), { directory });
}

async function tarOf(files: Record<string, Buffer>): Promise<Readable> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mtime: new Date(0) }, content);
  tar.finalize();
  return Readable.from(tar as unknown as AsyncIterable<Buffer>, { objectMode: false });
}

async function makeImage(reference: string, layerCount: number, layerBytes = LAYER_BYTES): Promise<string> {
  const layers = [];
  for (let i = 0; i < layerCount; i++)
    layers.push(await source.addLayer(await tarOf({ [`file-${i}`]: randomBytes(layerBytes) })));
  const { id } = await source.add({
    reference,
    layers,
    config: { Cmd: ['/file-0'] },
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    createdAt: new Date().toISOString(),
    history: layers.map((_layer, i) => ({ created_by: `layer ${i}` })),
  });
  return id;
}

/** Nothing of a pull that failed: no image, no blob, no layer, nothing half-written. */
async function expectNothing(directory: string): Promise<void> {
  const index = JSON.parse(await readFile(join(directory, 'images/index.json'), 'utf8')) as {
    manifests: unknown[];
  };
  expect(index.manifests).toEqual([]);
  for (const folder of ['images/blobs/sha256', 'images/ingest', 'layers'])
    expect(await readdir(join(directory, folder)), folder).toEqual([]);
}

test('an image comes back with the same id, by tag and by digest, and its layers are not fetched twice', async () => {
  const library = await emptyLibrary();
  const { id } = (await source.resolve('made:1'))!;
  const told: string[] = [];
  const pulled = await library.pull(`${faulty.host}/made:1`, {
    ...access,
    onProgress: ({ status }) => told.push(status),
  });
  expect(pulled).toMatchObject({ id, pulled: true, reference: `${faulty.host}/made:1` });
  expect(told.filter((status) => status === 'Pull complete')).toHaveLength(3);
  expect(await library.check()).toEqual([]);
  faulty.requests.length = 0;
  const { digest } = (await library.resolve(id))!;
  expect((await library.pull(`${faulty.host}/made@${digest}`, access)).id).toBe(id);
  expect(faulty.requests.filter((one) => one.includes('/blobs/'))).toHaveLength(1);
  expect(await library.pull(`${faulty.host}/made:1`, access)).toMatchObject({ id, pulled: false });
});

test.each([
  ['oci', 'gzip', 'application/vnd.oci.image.manifest.v1+json'],
  ['oci', 'zstd', 'application/vnd.oci.image.manifest.v1+json'],
  ['docker', 'gzip', 'application/vnd.docker.distribution.manifest.v2+json'],
] as const)(
  'a push as %s with %s keeps the image, and its manifest as it was sent',
  async (format, compression, mediaType) => {
    const destination = `${registry.host}/formats/${format}-${compression}:1`;
    const { digest } = await source.push('made:1', { ...access, destination, format, compression });
    const library = await emptyLibrary();
    await library.pull(destination, access);
    const image = await library.inspect(destination);
    expect(image).toMatchObject({ id: (await source.resolve('made:1'))!.id, digest, mediaType });
    const raw = await library.raw(destination);
    expect(`sha256:${createHash('sha256').update(raw.manifest).digest('hex')}`).toBe(digest);
  },
);

test('zstd in the docker format is refused by name', async () => {
  await expect(
    source.push('made:1', {
      ...access,
      destination: `${registry.host}/no:1`,
      format: 'docker',
      compression: 'zstd',
    }),
  ).rejects.toThrow('no layers compressed with zstd');
});

test('a second repository of the registry gets the layers by a mount', async () => {
  const library = await emptyLibrary();
  await library.pull(`${faulty.host}/made:1`, access);
  faulty.requests.length = 0;
  await library.push(`${faulty.host}/made:1`, { ...access, destination: `${faulty.host}/elsewhere:1` });
  expect(faulty.requests.filter((one) => one.startsWith('POST') && one.includes('mount='))).toHaveLength(4);
  expect(faulty.requests.filter((one) => one.startsWith('PATCH'))).toEqual([]);
});

test('unknown names, and plain HTTP where it was not allowed, are said in words people search for', async () => {
  const library = await emptyLibrary();
  await expect(library.pull(`${registry.host}/made:none`, access)).rejects.toMatchObject({
    code: 'NotFound',
    message: `initializing source docker://${registry.host}/made:none: reading manifest none in ${registry.host}/made: manifest unknown: manifest unknown`,
  });
  await expect(library.pull(`${registry.host}/made:1`, { retries: 0 })).rejects.toThrow(
    'server gave HTTP response to HTTPS client',
  );
});

test('tags are listed, repositories found', async () => {
  const tags = await source.search(`${registry.host}/made`, { ...access, listTags: true });
  expect(tags.map((one) => one.tag)).toEqual(['1']);
  const found = await source.search(`${registry.host}/mad`, access);
  expect(found.map((one) => one.name)).toContain(`${registry.host}/made`);
});

for (const kind of ['basic', 'token'] as const)
  test(`${kind} authentication: refused without, and after a logout; works after a login`, async () => {
    const guarded = await startRegistry(kind);
    try {
      const authFile = join(home, `auth-${kind}.json`);
      const destination = `${guarded.host}/private/made:1`;
      const push = () => source.push('made:1', { ...access, authFile, destination });
      await expect(push()).rejects.toThrow(/unauthorized: authentication required|denied/);
      await expect(
        source.login(guarded.host, { username: USER, password: 'wrong' }, { ...access, authFile }),
      ).rejects.toThrow(`logging into "${guarded.host}": invalid username/password`);
      await source.login(guarded.host, { username: USER, password: PASSWORD }, { ...access, authFile });
      await push();
      const library = await emptyLibrary();
      await library.pull(destination, { ...access, authFile });
      expect(await source.logout(guarded.host, { authFile })).toEqual([guarded.host]);
      await expect(push()).rejects.toThrow(/unauthorized|denied/);
      const given = { ...access, credentials: { username: USER, password: PASSWORD } };
      await source.push('made:1', { ...given, destination });
    } finally {
      await guarded.stop();
    }
  });

const isLayer = (incoming: IncomingMessage) => incoming.method === 'GET' && incoming.url!.includes('/blobs/');

test('connections that break in the middle of every layer are taken up where they broke', async () => {
  const library = await emptyLibrary();
  const seen = new Map<string, number>();
  faulty.fault = (incoming, answer, pass) => {
    const times = (seen.get(incoming.url!) ?? 0) + 1;
    seen.set(incoming.url!, times);
    if (!isLayer(incoming) || times > 3) return pass();
    forward(registry.host, incoming, answer, (real) => breakAfter(real, answer, 200_000));
  };
  await library.pull(`${faulty.host}/made:1`, access);
  expect(await library.check()).toEqual([]);
  expect(Math.max(...seen.values())).toBeGreaterThan(3);
});

function breakAfter(real: IncomingMessage, answer: ServerResponse, limit: number): void {
  answer.writeHead(real.statusCode!, real.headers);
  let sent = 0;
  real.on('data', (chunk: Buffer) => {
    answer.write(chunk.subarray(0, Math.max(0, limit - sent)));
    sent += chunk.byteLength;
    if (sent >= limit) {
      real.destroy();
      answer.destroy();
    }
  });
  real.on('end', () => answer.end());
}

test('503 and 429 are tried again', async () => {
  const library = await emptyLibrary();
  let refusals = 0;
  faulty.fault = (_incoming, answer, pass) => {
    if (refusals >= 3) return pass();
    refusals += 1;
    answer.writeHead(refusals % 2 === 0 ? 503 : 429).end();
  };
  await library.pull(`${faulty.host}/made:1`, access);
  expect(refusals).toBe(3);
});

test('an upload that breaks goes on from where the registry is', async () => {
  await makeImage('upload:1', 1);
  let broken = 0;
  faulty.fault = (incoming, answer, pass) => {
    if (incoming.method !== 'PATCH' || broken > 0) return pass();
    broken += 1;
    incoming.once('data', () => {
      incoming.destroy();
      answer.destroy();
    });
  };
  await source.push('upload:1', { ...access, destination: `${faulty.host}/upload:1` });
  expect(broken).toBe(1);
  const library = await emptyLibrary();
  await library.pull(`${registry.host}/upload:1`, access);
  expect(await library.check()).toEqual([]);
});

/** The answer with its body, and the length that goes with it, changed. */
function changed(change: (body: Buffer) => Buffer) {
  return (incoming: IncomingMessage, answer: ServerResponse) =>
    forward(registry.host, incoming, answer, async (real) => {
      const chunks: Buffer[] = [];
      for await (const chunk of real) chunks.push(chunk as Buffer);
      const body = change(Buffer.concat(chunks));
      const {
        'content-length': _length,
        'docker-content-digest': _digest,
        etag: _etag,
        ...headers
      } = real.headers;
      answer.writeHead(real.statusCode!, { ...headers, 'content-length': body.byteLength }).end(body);
    });
}

const flip = (body: Buffer) => Buffer.concat([body.subarray(0, -1), Buffer.from([body.at(-1)! ^ 1])]);
const manifestEdit = (
  edit: (manifest: { layers: Record<string, unknown>[] } & Record<string, unknown>) => object,
) => changed((body) => Buffer.from(JSON.stringify(edit(JSON.parse(body.toString())))));

const lies: [
  string,
  'manifests' | 'blobs',
  (incoming: IncomingMessage, answer: ServerResponse) => void,
  RegExp,
][] = [
  [
    'a blob of other bytes',
    'blobs',
    changed(flip),
    /does not have the digest|its image says|cannot be decompressed|not JSON/,
  ],
  ['a blob that is longer', 'blobs', changed((body) => Buffer.concat([body, body])), /its manifest says/],
  ['a blob that is shorter', 'blobs', changed((body) => body.subarray(0, 100)), /its manifest says/],
  [
    'a blob without end',
    'blobs',
    (_incoming, answer) => {
      answer.writeHead(200);
      const more = () =>
        void (answer.write(randomBytes(65_536)) ? setImmediate(more) : answer.once('drain', more));
      more();
      answer.on('close', () => answer.removeAllListeners('drain'));
    },
    /longer than the \d+ bytes|does not have the digest/,
  ],
  ['a manifest of 5 MiB', 'manifests', changed(() => Buffer.alloc(5 << 20, 32)), /larger than 4194304 bytes/],
  [
    'a size that is a lie',
    'manifests',
    manifestEdit((one) => ({ ...one, layers: one.layers.map((layer) => ({ ...layer, size: 10 })) })),
    /its manifest says 10/,
  ],
  [
    'a foreign layer',
    'manifests',
    manifestEdit((one) => ({
      ...one,
      layers: one.layers.map((layer) => ({
        ...layer,
        mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      })),
    })),
    /foreign.* is not supported/,
  ],
  [
    'layers and config that disagree',
    'manifests',
    manifestEdit((one) => ({ ...one, layers: one.layers.slice(1) })),
    /disagree on the number of layers/,
  ],
  ['an HTML page', 'manifests', changed(() => Buffer.from('<html>')), /is not JSON/],
];

test.each(lies)(
  'a registry that sends %s is refused, and nothing stays',
  async (_what, part, lie, message) => {
    const library = await emptyLibrary();
    faulty.fault = (incoming, answer, pass) =>
      incoming.method === 'GET' && incoming.url!.includes(`/${part}/`) ? lie(incoming, answer) : pass();
    await expect(library.pull(`${faulty.host}/made:1`, access)).rejects.toThrow(message);
    await expectNothing(library.directory);
    faulty.fault = (_incoming, _answer, pass) => pass();
    await library.pull(`${faulty.host}/made:1`, access);
  },
);

test('image lists that nest without end are refused; one with this platform in it is taken', async () => {
  const library = await emptyLibrary();
  const index = (digest: string, size: number, mediaType: string) =>
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [{ mediaType, digest, size }],
      }),
    );
  const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const blobs = new Map<string, Buffer>();
  let top = index(`sha256:${'1'.repeat(64)}`, 10, 'application/vnd.oci.image.index.v1+json');
  for (let depth = 0; depth < 10; depth++) {
    blobs.set(digestOf(top), top);
    top = index(digestOf(top), top.byteLength, 'application/vnd.oci.image.index.v1+json');
  }
  await library.pull(`${registry.host}/made:1`, access);
  const image = await library.inspect('made:1');
  await library.removeImage('made:1');
  const list = index(image.digest, 500, image.mediaType);
  faulty.fault = (incoming, answer, pass) => {
    const name = incoming.url!.split('/manifests/')[1];
    if (name === undefined) return pass();
    const body = name === 'deep' ? top : name === 'list' ? list : blobs.get(name);
    if (body === undefined) return pass();
    answer.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' }).end(body);
  };
  await expect(library.pull(`${faulty.host}/made:deep`, access)).rejects.toThrow(
    'nests image indexes too deep',
  );
  await library.pull(`${faulty.host}/made:list`, access);
  expect((await library.inspect(`${faulty.host}/made@${digestOf(list)}`)).id).toBe(image.id);
});

test('a mirror is asked first, the registry when the mirror has nothing; blocked is blocked', async () => {
  const registriesConf = join(home, 'registries.conf');
  await writeFile(
    registriesConf,
    `unqualified-search-registries = ["example.test"]
[[registry]]
prefix = "example.test/team"
location = "${registry.host}"
insecure = true
[[registry.mirror]]
location = "${faulty.host}/nothing-here"
insecure = true
[[registry]]
location = "blocked.test"
blocked = true
[aliases]
"short" = "example.test/team/made"
`,
  );
  const library = await emptyLibrary();
  const pulled = await library.pull('short:1', { registriesConf, retries: 0 });
  expect(pulled.reference).toBe('example.test/team/made:1');
  expect(faulty.requests.some((one) => one.includes('/v2/nothing-here/made/manifests/1'))).toBe(true);
  await expect(library.pull('blocked.test/a', { registriesConf })).rejects.toThrow('blocked.test is blocked');
});

test('policy.json lets in what it names, and nothing else', async () => {
  const signaturePolicy = join(home, 'policy.json');
  const accept = [{ type: 'insecureAcceptAnything' }];
  const policy = {
    default: [{ type: 'reject' }],
    transports: { docker: { [`${registry.host}/made`]: accept } },
  };
  await writeFile(signaturePolicy, JSON.stringify(policy));
  const library = await emptyLibrary();
  await library.pull(`${registry.host}/made:1`, { ...access, signaturePolicy });
  await expect(library.pull(`${faulty.host}/made:1`, { ...access, signaturePolicy })).rejects.toMatchObject({
    code: 'ImageRejected',
  });
});

test('kill -9 in the middle of a pull leaves nothing, and the next pull works', async () => {
  const library = await emptyLibrary();
  let stalled = 0;
  const isStalled = new Promise<void>((resolve) => {
    faulty.fault = (incoming, answer, pass) => {
      if (!isLayer(incoming)) return pass();
      forward(registry.host, incoming, answer, (real) => {
        answer.writeHead(real.statusCode!, real.headers);
        // The config is small and passes; each layer stops after its first half.
        let sent = 0;
        real.on('data', (chunk: Buffer) => {
          sent += chunk.byteLength;
          if (sent < LAYER_BYTES / 2) answer.write(chunk);
          else if (stalled < 3) {
            stalled += 1;
            real.destroy();
            if (stalled === 3) resolve();
          }
        });
        real.on('end', () => answer.end());
      });
    };
  });
  const node = spawn(process.execPath, [
    join(checkout, 'test/harness/pull-image.ts'),
    library.directory,
    `${faulty.host}/made:1`,
  ]);
  await isStalled;
  const closed = once(node, 'close');
  node.kill('SIGKILL');
  await closed;
  faulty.fault = (_incoming, _answer, pass) => pass();
  const next = await openImageLibrary({ directory: library.directory, log: silentLog });
  await expectNothing(library.directory);
  await next.pull(`${faulty.host}/made:1`, access);
  expect(await next.check()).toEqual([]);
}, 60_000);

test('two processes pull the same image at once', async () => {
  const one = await emptyLibrary();
  const two = await openImageLibrary({ directory: one.directory, log: silentLog });
  const pulled = await Promise.all(
    [one, two].map((library) => library.pull(`${faulty.host}/made:1`, access)),
  );
  expect(pulled[0]!.id).toBe(pulled[1]!.id);
  expect(await one.check()).toEqual([]);
});

test.skipIf(!isRoot)('a full disk fails the pull, and leaves what was there', async () => {
  const directory = join(home, 'full');
  spawnSync('mkdir', ['-p', directory]);
  expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', directory]).status).toBe(0);
  try {
    const library = await openImageLibrary({ directory, log: silentLog });
    await expect(library.pull(`${faulty.host}/made:1`, access)).rejects.toMatchObject({ code: 'ENOSPC' });
    await expectNothing(directory);
    expect(await library.describe()).toEqual([]);
  } finally {
    spawnSync('umount', ['-l', directory]);
  }
});
