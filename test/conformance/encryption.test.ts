import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  type ApiServer,
  createApiServer,
  encryptingStore,
  ensurePki,
  readEncryptionConfiguration,
  unreadableValues,
} from '../../src/apiserver/index.ts';
import { silentLog, writeFileAtomic } from '../../src/base/index.ts';
import { type Client, CONFIG_MAPS, createClient, SECRETS } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { checkStore, openLmdbStore, type Store } from '../../src/store/index.ts';

interface Running {
  client: Client;
  api: ApiServer;
  store: Store;
  stop(): Promise<void>;
}

const directories: string[] = [];
let running: Running | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-encryption-'));
  directories.push(directory);
  return directory;
}

const aesgcm = (name: string, fill: number) => ({
  aesgcm: { keys: [{ name, secret: Buffer.alloc(32, fill).toString('base64') }] },
});

async function configurationOf(directory: string, providers: object[]) {
  const file = join(directory, 'encryption.json');
  const kind = 'EncryptionConfiguration';
  const resources = [{ resources: ['secrets'], providers }];
  await writeFileAtomic(file, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind, resources }));
  return readEncryptionConfiguration(file);
}

/** The server over what is in a directory, with these providers for Secrets. */
async function start(directory: string, ...providers: object[]): Promise<Running> {
  await running?.stop();
  const pki = await ensurePki(join(directory, 'pki'));
  const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  const configuration = providers.length === 0 ? undefined : await configurationOf(directory, providers);
  const api = await createApiServer({
    store: encryptingStore(store, configuration),
    pki: pki.paths,
    log: silentLog,
    productVersion: '0.1.0',
    advertise: { address: '192.0.2.1', port: 6443 },
  });
  await api.bootstrap();
  const transport = api.localTransport({ name: 'admin', groups: ['system:masters'] });
  running = {
    client: createClient(transport, { userAgent: 'test' }),
    api,
    store,
    stop: async () => {
      running = undefined;
      await api.close({ graceMs: 100 });
      await store.close();
    },
  };
  return running;
}

const data = { word: Buffer.from('xylophone-marimba').toString('base64') };
const make = ({ client }: Running, name: string) =>
  client.resource<corev1.Secret>(SECRETS).create({ metadata: { name, namespace: 'default' }, data });
const raw = async ({ store }: Running, name: string) =>
  Buffer.from((await store.get(`/core/secrets/root/default/${name}`))!.value).toString('latin1');

test('Secrets are read, listed, watched, changed and deleted as ever, and no plain text of them is in the file', async () => {
  const directory = await makeDirectory();
  const server = await start(directory, aesgcm('one', 1), { identity: {} });
  const secrets = server.client.resource<corev1.Secret>(SECRETS);
  const { metadata } = await secrets.list({ namespace: 'default' });
  const made = await make(server, 'a');
  expect(await raw(server, 'a')).toMatch(/^k8s:enc:aesgcm:v1:one:/);
  expect(await secrets.get('a', 'default')).toEqual(made);
  expect((await secrets.list({ namespace: 'default' })).items[0]).toMatchObject({
    data,
    metadata: made.metadata,
  });
  const changed = await secrets.update({ ...made, metadata: { ...made.metadata, labels: { at: 'work' } } });
  await secrets.delete('a', { namespace: 'default' });
  const seen: unknown[] = [];
  const ending = new AbortController();
  const watch = { namespace: 'default', resourceVersion: metadata.resourceVersion!, signal: ending.signal };
  for await (const { type, object } of secrets.watch({ ...watch, labelSelector: 'at=work' })) {
    seen.push([type, object.data, object.metadata.resourceVersion]);
    if (seen.length === 2) break;
  }
  ending.abort();
  expect(seen).toEqual([
    ['ADDED', data, changed.metadata.resourceVersion],
    ['DELETED', data, expect.stringMatching(/^\d+$/)],
  ]);
  await server.stop();
  const file = await readFile(join(directory, 'store', 'store.mdb'));
  expect(file.includes('xylophone')).toBe(false);
  expect(file.includes(data.word)).toBe(false);
});

test('what is not configured lies in the store as it is sent', async () => {
  const server = await start(await makeDirectory(), aesgcm('one', 1));
  const sent = { metadata: { name: 'c', namespace: 'default' }, data: { a: 'b' } };
  await server.client.resource<corev1.ConfigMap>(CONFIG_MAPS).create(sent);
  const stored = await server.store.get('/core/configmaps/root/default/c');
  const answer = await server.api.handle(
    { method: 'GET', path: '/api/v1/namespaces/default/configmaps/c', headers: {} },
    { name: 'admin', groups: ['system:masters'] },
  );
  expect(Buffer.from(answer.body as Uint8Array).equals(Buffer.from(stored!.value))).toBe(true);
});

test('keys are rotated: the old one reads until everything has been written again', async () => {
  const directory = await makeDirectory();
  await make(await start(directory), 'plain');
  await make(await start(directory, aesgcm('one', 1), { identity: {} }), 'old');
  const server = await start(directory, aesgcm('two', 2), aesgcm('one', 1), { identity: {} });
  const secrets = server.client.resource<corev1.Secret>(SECRETS);
  // kubectl get secrets -o json | kubectl replace -f -
  for (const secret of (await secrets.list({ namespace: 'default' })).items) await secrets.update(secret);
  expect(await raw(server, 'old')).toMatch(/^k8s:enc:aesgcm:v1:two:/);
  expect(await raw(server, 'plain')).toMatch(/^k8s:enc:aesgcm:v1:two:/);
  const after = await start(directory, aesgcm('two', 2));
  expect(
    (await after.client.resource<corev1.Secret>(SECRETS).list({ namespace: 'default' })).items,
  ).toHaveLength(2);
});

test('without the right key reading fails as upstream, naming the object; the server goes on, and the check says it', async () => {
  const directory = await makeDirectory();
  await make(await start(directory, aesgcm('one', 1)), 'a');
  const why = (failure: string) =>
    `Internal error occurred: unable to transform key "/core/secrets/root/default/a": ${failure}`;
  for (const [providers, failure] of [
    [[aesgcm('one', 9)], 'cipher: message authentication failed'],
    [[aesgcm('two', 1)], 'no matching key was found for the provided AES transformer'],
    [[], 'identity transformer tried to read encrypted data'],
  ] as const) {
    const { client } = await start(directory, ...providers);
    const secrets = client.resource<corev1.Secret>(SECRETS);
    await expect(secrets.get('a', 'default')).rejects.toMatchObject({ message: why(failure), status: 500 });
    await expect(secrets.list({ namespace: 'default' })).rejects.toMatchObject({ message: why(failure) });
    await client.resource(CONFIG_MAPS).list({ namespace: 'default' });
  }
  await running!.stop();
  const place = join(directory, 'store');
  const right = await configurationOf(directory, [aesgcm('one', 1)]);
  expect((await checkStore(place, unreadableValues(right))).problems).toEqual([]);
  const wrong = await configurationOf(directory, [aesgcm('one', 9)]);
  expect((await checkStore(place, unreadableValues(wrong))).problems).toEqual([
    `"/core/secrets/root/default/a" cannot be read: ${why('cipher: message authentication failed')}`,
  ]);
});
