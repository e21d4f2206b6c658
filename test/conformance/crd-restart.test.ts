import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, createApiServer, ensurePki, type Pki } from '../../src/apiserver/index.ts';
import { silentLog } from '../../src/base/index.ts';
import { openLmdbStore, type Store } from '../../src/store/index.ts';
import { eventually } from '../harness/cloud.ts';
import { WebhookServer } from './webhook-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const GROUP = 'restart.example.com';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
let directory: string;
let pki: Pki;
let store: Store;
let server: ApiServer;
let webhook: WebhookServer;

async function start(): Promise<void> {
  store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  server = await createApiServer({
    store,
    pki: pki.paths,
    log: silentLog,
    productVersion: '0.1.0',
    advertise: { address: '192.0.2.1', port: 6443 },
  });
  await server.bootstrap();
}

async function stop(): Promise<void> {
  await server.close();
  await store.close();
}

async function send(method: Json, path: string, body?: Json): Promise<{ status: number; body: Json }> {
  const type = method === 'PATCH' ? 'merge-patch+json' : 'json';
  const response = await server.handle(
    {
      method,
      path,
      headers: { 'content-type': `application/${type}` },
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    },
    ADMIN,
  );
  return { status: response.status, body: JSON.parse(Buffer.from(response.body as Uint8Array).toString()) };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-crd-'));
  pki = await ensurePki(join(directory, 'pki'));
  webhook = await WebhookServer.start([]);
  await start();
});

afterAll(async () => {
  await stop();
  await webhook.stop();
  await rm(directory, { recursive: true });
});

function definition(plural: string, kind: string, more: Json = {}): Json {
  const version = (name: string) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            properties: { n: { type: 'integer' }, m: { type: 'integer' } },
            'x-kubernetes-validations': [{ rule: '!has(self.n) || self.n < 10', message: 'too many' }],
          },
        },
      },
    },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [version('v1'), version('v2')],
      ...more,
    },
  };
}

const path = (plural: string, version = 'v1', name = '') =>
  `/apis/${GROUP}/${version}/namespaces/default/${plural}${name && `/${name}`}`;

async function define(body: Json): Promise<void> {
  const made = await send('POST', CRDS, body);
  expect([made.status, made.body.message]).toEqual([201, undefined]);
  const { plural } = body.spec.names;
  await eventually('it is served', async () =>
    (await send('GET', path(plural))).status === 200 ? true : undefined,
  );
}

const make = (plural: string, kind: string, name: string, more: Json = {}) =>
  send('POST', path(plural), {
    apiVersion: `${GROUP}/v1`,
    kind,
    metadata: { name, ...more.metadata },
    spec: { n: 1, ...more.spec },
  });

test('a restarted server serves stored kinds at once: objects, rules, and versions by webhook', async () => {
  webhook.answers['/convert'] = ({ objects, desiredAPIVersion }) => ({
    result: { status: 'Success' },
    convertedObjects: objects.map(({ spec: { n, m }, ...rest }: Json) => ({
      ...rest,
      apiVersion: desiredAPIVersion,
      spec: desiredAPIVersion.endsWith('v2') ? { m: n } : { n: m },
    })),
  });
  const clientConfig = { url: `https://127.0.0.1:${webhook.port}/convert`, caBundle: webhook.caBundle };
  const conversion = { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } };
  await define(definition('kept', 'Kept', { conversion }));
  expect((await make('kept', 'Kept', 'a', { spec: { n: 7 } })).status).toBe(201);
  await stop();
  await start();
  expect((await send('GET', path('kept', 'v1', 'a'))).body.spec).toEqual({ n: 7 });
  expect((await send('GET', path('kept', 'v2', 'a'))).body.spec).toEqual({ m: 7 });
  const refused = await make('kept', 'Kept', 'b', { spec: { n: 11 } });
  expect([refused.status, refused.body.message]).toEqual([422, expect.stringContaining('too many')]);
});

test('what a conversion webhook says is not believed: no object but the one it was given', async () => {
  const tell = (change: (object: Json) => Json) => {
    webhook.answers['/convert'] = ({ objects, desiredAPIVersion }) => ({
      result: { status: 'Success' },
      convertedObjects: objects.map((object: Json) => change({ ...object, apiVersion: desiredAPIVersion })),
    });
    return send('GET', path('kept', 'v2', 'a'));
  };
  const metadata = (more: Json) => (object: Json) => ({
    ...object,
    metadata: { ...object.metadata, ...more },
  });
  const lies: [(object: Json) => Json, string][] = [
    [() => null, 'invalid groupVersion'],
    [() => [], 'invalid groupVersion'],
    [(object) => ({ ...object, kind: {} }), 'invalid kind (expected Kept, received {})'],
    [(object) => ({ ...object, metadata: 5 }), 'must have the same name: a != '],
    [metadata({ name: 'b' }), 'must have the same name: a != b'],
    [metadata({ uid: { toString: 1 } }), 'must have the same UID'],
    [metadata({ labels: 'x' }), 'invalid metadata.labels of type string in converted object'],
    [metadata({ annotations: { a: 1 } }), 'metadata.annotations[a] must be a string, but is int64'],
  ];
  for (const [lie, why] of lies) {
    const { status, body } = await tell(lie);
    expect([status, body.message]).toEqual([500, expect.stringContaining(why)]);
  }
  const told = await tell(metadata({ resourceVersion: '1', labels: { a: 'b' }, finalizers: ['x/y'] }));
  expect(told.body.metadata).toMatchObject({ labels: { a: 'b' } });
  expect(told.body.metadata.finalizers).toBeUndefined();
  expect(told.body.metadata.resourceVersion).not.toBe('1');
});

test('a schema whose enum holds an object with a toString of its own is read', async () => {
  const body = definition('enums', 'Enum');
  const rules = [{ rule: 'self != ""' }];
  const odd = { type: 'string', enum: [{ toString: 5 }], 'x-kubernetes-validations': rules };
  body.spec.versions[0].schema.openAPIV3Schema.properties.odd = odd;
  expect((await send('POST', CRDS, body)).status).toBeLessThan(500);
});

test('a definition that was going goes on going', async () => {
  await define(definition('goers', 'Goer'));
  expect(
    (await make('goers', 'Goer', 'held', { metadata: { finalizers: ['example.com/held'] } })).status,
  ).toBe(201);
  await send('DELETE', `${CRDS}/goers.${GROUP}`);
  await eventually('its instance is deleted', async () =>
    (await send('GET', path('goers', 'v1', 'held'))).body.metadata.deletionTimestamp === undefined
      ? undefined
      : true,
  );
  await stop();
  await start();
  expect((await send('GET', `${CRDS}/goers.${GROUP}`)).status).toBe(200);
  expect((await make('goers', 'Goer', 'more')).status).toBeGreaterThanOrEqual(400);
  await send('PATCH', path('goers', 'v1', 'held'), { metadata: { finalizers: null } });
  await eventually('it is gone', async () =>
    (await send('GET', `${CRDS}/goers.${GROUP}`)).status === 404 ? true : undefined,
  );
});

test('a stored definition that is none keeps neither the server nor other kinds from being served', async () => {
  const key = (name: string) => `/apiextensions.k8s.io/customresourcedefinitions/root/-/${name}.${GROUP}`;
  const stored = {
    nothing: '{}',
    broken: '{"metadata":{"name":"broken.restart.example.com"},"spec":{"group":5}}',
    odd: JSON.stringify(
      definition('odd', 'Odd', {
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: 5 } },
          },
        ],
      }),
    ),
    cut: '{"metadata":',
  };
  for (const [name, text] of Object.entries(stored))
    await store.write({ type: 'put', key: key(name), value: { bytes: Buffer.from(text) } });
  // While it runs, and when it starts.
  for (const plural of ['before', 'after']) {
    const kind = plural === 'before' ? 'Before' : 'After';
    await define(definition(plural, kind));
    expect((await make(plural, kind, 'a')).status).toBe(201);
    expect((await send('GET', '/openapi/v2')).body.definitions).toHaveProperty(
      `com.example.restart.v1.${kind}`,
    );
    await stop();
    await start();
  }
  for (const plural of ['before', 'after', 'kept'])
    expect((await send('GET', path(plural, 'v1', 'a'))).status).toBe(200);
  for (const name of Object.keys(stored)) await store.write({ type: 'delete', key: key(name) });
});
