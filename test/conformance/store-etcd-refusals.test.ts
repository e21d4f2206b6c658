import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeAuthority, makeCertificate } from '../../src/apiserver/pki/certificates.ts';
import { silentLog } from '../../src/base/index.ts';
import { compactStore, openStore, parseStoreUrl, type Store } from '../../src/store/index.ts';
import { freePort } from '../harness/cloud.ts';
import { type EtcdCluster, startEtcd } from '../harness/etcd.ts';

let home: string;
let etcd: EtcdCluster;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'orrery-etcd-refusals-'));
  etcd = await startEtcd({ flags: ['--quota-backend-bytes', String(16 * 2 ** 20)] });
});
afterAll(async () => {
  await etcd.stop();
  rmSync(home, { recursive: true });
});

const open = (url: string, options: Parameters<typeof openStore>[0]['etcd'] = {}): Promise<Store> =>
  openStore({ location: parseStoreUrl(url), etcd: { patienceMs: 300, ...options }, log: silentLog });

test('an etcd that is not there is named', async () => {
  const url = `etcd://127.0.0.1:${await freePort()}`;
  await expect(open(url)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    message: expect.stringMatching(
      /^the store in etcd at 127\.0\.0\.1:\d+ cannot be used: connect ECONNREFUSED [\d.:]+$/,
    ),
  });
});

test('endpoints of two clusters are refused', async () => {
  const other = await startEtcd();
  try {
    const both = `etcd://${[...etcd.endpoints, ...other.endpoints].join(',')}`;
    await expect(open(both)).rejects.toMatchObject({
      code: 'StoreForeign',
      message: expect.stringContaining('another cluster'),
    });
  } finally {
    await other.stop();
  }
});

/** Something that answers etcd's Status, and nothing else. */
async function answering(status: (respond: (error: object | null, answer?: Buffer) => void) => void) {
  const server = new Server();
  const bytes = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b };
  const answers = { responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };
  server.addService(
    {
      Status: {
        path: '/etcdserverpb.Maintenance/Status',
        requestStream: false,
        responseStream: false,
        ...bytes,
        ...answers,
      },
    },
    { Status: (_: unknown, respond: Parameters<typeof status>[0]) => status(respond) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  );
  return { url: `etcd://127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

test('an etcd that is too old, and one that denies us, are refused for what they are', async () => {
  const version = Buffer.from('3.3.27');
  const old = await answering((respond) =>
    respond(null, Buffer.concat([Buffer.of(0x12, version.length), version])),
  );
  await expect(open(old.url)).rejects.toMatchObject({
    code: 'StoreTooOld',
    message: expect.stringContaining('is version 3.3.27'),
  });
  old.stop();
  // As etcd 3.4 says it with authentication on (rpctypes/error.go).
  for (const [code, details] of [
    [3, 'etcdserver: user name is empty'],
    [7, 'etcdserver: permission denied'],
    [16, 'etcdserver: invalid auth token'],
  ] as const) {
    const denying = await answering((respond) => respond({ code, details }));
    await expect(open(denying.url)).rejects.toMatchObject({
      code: 'StoreDenied',
      message: expect.stringContaining(details),
    });
    denying.stop();
  }
});

test('what is not etcd is refused', async () => {
  const server = createServer((_, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await expect(open(`etcd://127.0.0.1:${port}`)).rejects.toMatchObject({
    code: expect.stringMatching(/^Store(Unavailable|Foreign)$/),
  });
  server.closeAllConnections();
  server.close();
});

test('over TLS: a client certificate lets in, none and an unknown authority do not', async () => {
  const authority = await makeAuthority('ca', Date.now(), 1);
  const request = {
    commonName: 'etcd',
    hosts: ['127.0.0.1'],
    usages: ['client', 'server'],
    validDays: 1,
  } as const;
  const pair = await makeCertificate(authority, request, Date.now());
  const file = (name: string, pem: string): string => {
    writeFileSync(join(home, name), pem);
    return join(home, name);
  };
  const files = ['--cert-file', file('etcd.pem', pair.certificate), '--key-file', file('etcd.key', pair.key)];
  const secure = await startEtcd({
    flags: [...files, '--client-cert-auth', '--trusted-ca-file', file('ca.pem', authority.certificate)],
  });
  const url = secure.url.replace('etcd:', 'etcds:');
  try {
    const tls = {
      ca: Buffer.from(authority.certificate),
      certificate: Buffer.from(pair.certificate),
      key: Buffer.from(pair.key),
    };
    const store = await open(url, { tls, patienceMs: 5000 });
    await store.write({ type: 'put', key: '/a', value: { bytes: Buffer.from('secret') } });
    await store.close();
    await expect(open(url, { tls: { ca: tls.ca } })).rejects.toMatchObject({ code: 'StoreUnavailable' });
    await expect(open(url, { tls: { certificate: tls.certificate, key: tls.key } })).rejects.toMatchObject({
      code: 'StoreUnavailable',
      message: expect.stringMatching(/certificate/),
    });
  } finally {
    await secure.stop();
  }
});

test('a value larger than etcd takes is refused for what it is, and a foreign prefix is left alone', async () => {
  const store = await open(etcd.url, { prefix: '/large' });
  const value = { bytes: Buffer.alloc(1.6 * 2 ** 20) };
  await expect(store.write({ type: 'put', key: '/a', value })).rejects.toMatchObject({
    code: 'StoreValueTooLarge',
  });
  await store.close();
});

test('an etcd whose quota is used up refuses writes as a full disk does, and takes them again after compaction', async () => {
  const place = { location: parseStoreUrl(etcd.url), etcd: { prefix: '/full' }, log: silentLog };
  const store = await open(etcd.url, { prefix: '/full', patienceMs: 5000 });
  const value = { bytes: Buffer.alloc(2 ** 20, 'x') };
  let failure: unknown;
  for (let i = 0; i < 64 && failure === undefined; i++)
    await store.write({ type: 'put', key: '/a', value }).catch((error: unknown) => (failure = error));
  expect(failure).toMatchObject({ code: 'StoreFull', message: expect.stringContaining('NOSPACE') });
  expect(store.writeFailure!()).toMatchObject({ code: 'StoreFull' });
  await (await open(etcd.url, { prefix: '/full' })).close();
  expect((await store.get('/a'))?.value).toHaveLength(2 ** 20);
  await compactStore(place, () => undefined);
  await store.write({ type: 'put', key: '/a', value });
  expect(store.writeFailure!()).toBeUndefined();
  await store.close();
});
