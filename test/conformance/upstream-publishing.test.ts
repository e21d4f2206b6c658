import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findKubectls, Kubectl } from './kubectl.ts';
import { DEFINITIONS, define, definition, JSON_PATCH, rawClient, type Send } from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What upstream's test/e2e/apimachinery/crd_publish_openapi.go asks of /openapi/v2 and kubectl.

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const kubectls = findKubectls();
const GROUP = 'publish.example.com';
const SPEC = {
  type: 'object',
  description: 'What a toy is.',
  properties: {
    parts: {
      description: 'Parts and what they are made of.',
      type: 'array',
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { description: 'Name of the part.', type: 'string' },
          mood: { type: 'string', enum: ['Good', 'Bad'] },
          stuffs: { description: 'List of stuffs.', type: 'array', items: { type: 'string' } },
        },
      },
    },
  },
};
const TOY = { description: 'A toy for testing', type: 'object', properties: { spec: SPEC } };

let running: RunningServer;
let send: Send;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
});

afterAll(async () => {
  await running?.stop();
});

/** Where a definition stands in the document, without what the server adds to each. */
async function published(name: string): Promise<Json> {
  const { body } = await send('GET', '/openapi/v2');
  const found = body.definitions[name];
  if (found === undefined) return undefined;
  const { 'x-kubernetes-group-version-kind': _gvk, properties, ...rest } = found;
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...own } = properties ?? {};
  return Object.keys(own).length === 0 ? rest : { ...rest, properties: own };
}

async function within(ms: number, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + ms;
  while (!(await look())) expect(performance.now()).toBeLessThan(end);
}

const nameOf = (kind: string, version = 'v1') => `com.example.publish.${version}.${kind}`;

test('a schema is published as it was given, within a second', async () => {
  await define(send, definition(GROUP, 'toy', TOY));
  await within(1000, async () => (await published(nameOf('Toy'))) !== undefined);
  expect(await published(nameOf('Toy'))).toEqual(TOY);
});

test('of a root that keeps unknown fields nothing but that it is an object', async () => {
  const keeps = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { spec: SPEC } };
  await define(send, definition(GROUP, 'blob', keeps));
  const { body } = await send('GET', '/openapi/v2');
  expect(body.definitions[nameOf('Blob')]).toEqual({
    type: 'object',
    'x-kubernetes-group-version-kind': [{ group: GROUP, version: 'v1', kind: 'Blob' }],
  });
});

test('what version 2 cannot say is left out, what version 3 can say is there', async () => {
  const schema = {
    type: 'object',
    required: ['gone', 'kept'],
    properties: {
      gone: { type: 'string', nullable: true },
      kept: { type: 'integer', anyOf: [{ minimum: 1 }, { maximum: -1 }], default: 2 },
      port: { 'x-kubernetes-int-or-string': true },
      loose: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { a: { type: 'string' } },
      },
      inner: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        properties: { spec: { type: 'object' } },
      },
    },
  };
  const version = { selectableFields: [{ jsonPath: '.kept' }] };
  await define(send, definition(GROUP, 'odd', schema, { version }));
  const v2 = await published(nameOf('Odd'));
  expect(v2).toMatchObject({
    required: ['kept'],
    'x-kubernetes-selectable-fields': [{ fieldPath: 'kept' }],
  });
  expect(v2.properties).toMatchObject({
    gone: {},
    kept: { type: 'integer', default: 2 },
    port: { 'x-kubernetes-int-or-string': true },
    loose: { 'x-kubernetes-preserve-unknown-fields': true },
  });
  expect(v2.properties.gone).toEqual({});
  expect(v2.properties.kept.anyOf).toBeUndefined();
  expect(v2.properties.loose.type).toBeUndefined();
  expect(v2.properties.inner.required).toEqual(['kind', 'apiVersion']);
  expect(Object.keys(v2.properties.inner.properties).sort()).toEqual([
    'apiVersion',
    'kind',
    'metadata',
    'spec',
  ]);
  const v3 = (await send('GET', `/openapi/v3/apis/${GROUP}/v1`)).body.components.schemas[nameOf('Odd')];
  expect(v3.required).toEqual(['gone', 'kept']);
  expect(v3.properties.gone).toEqual({ type: 'string', nullable: true });
  expect(v3.properties.port.anyOf).toEqual([{ type: 'integer' }, { type: 'string' }]);
  expect(v3.properties.loose.properties).toEqual({ a: { type: 'string' } });
});

test('versions come, are renamed and are no longer served, and the others stay as they are', async () => {
  const crd = definition(GROUP, 'multi', TOY, { versions: ['v2', 'v3'] });
  await define(send, crd);
  const path = `${DEFINITIONS}/${crd.metadata.name}`;
  const is = async (version: string, served: boolean) =>
    within(1000, async () => ((await published(nameOf('Multi', version))) !== undefined) === served);
  await is('v2', true);
  await is('v3', true);
  const rename = [
    { op: 'test', path: '/spec/versions/1/name', value: 'v3' },
    { op: 'replace', path: '/spec/versions/1/name', value: 'v4' },
  ];
  expect((await send('PATCH', path, rename, JSON_PATCH)).status).toBe(200);
  await is('v4', true);
  await is('v3', false);
  expect(await published(nameOf('Multi', 'v2'))).toEqual(TOY);
  const { body } = await send('GET', path);
  body.spec.versions[1].served = false;
  expect((await send('PUT', path, body)).status).toBe(200);
  await is('v4', false);
  expect(await published(nameOf('Multi', 'v2'))).toEqual(TOY);
  await send('DELETE', path);
  await is('v2', false);
});

describe.each(kubectls.slice(-1))('$name', ({ path }) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    const admin = { commonName: 'orrery-admin', organizations: ['system:masters'] };
    kubectl = await Kubectl.create(path, await running.kubeconfig(admin), 'default');
  });
  afterAll(() => kubectl?.dispose());

  test('explains what was published, and says what is not there', async () => {
    expect(await kubectl.ok('explain', 'toys')).toMatch(
      /DESCRIPTION:[\s\S]*A toy for testing[\s\S]*FIELDS:[\s\S]*apiVersion[\s\S]*<string>[\s\S]*spec[\s\S]*<Object>[\s\S]*What a toy is/,
    );
    expect(await kubectl.ok('explain', 'toys.spec.parts')).toMatch(
      /parts.*<\[\]Object>[\s\S]*FIELDS:[\s\S]*name[\s\S]*<string>[\s\S]*-?required-?[\s\S]*stuffs[\s\S]*<\[\]string>/,
    );
    expect(await kubectl.fails('explain', 'toys.spec.parts2')).toContain('field "parts2" does not exist');
    expect(await kubectl.ok('explain', 'blobs')).toMatch(/DESCRIPTION:\s+<empty>/);
  });

  test('sends anything where anything may be', async () => {
    const blob = { apiVersion: `${GROUP}/v1`, kind: 'Blob', metadata: { name: 'b' }, a: { b: [{ c: 'd' }] } };
    expect(await kubectl.with(JSON.stringify(blob), 'create', '-f', '-')).toContain('created');
    expect(await kubectl.with(JSON.stringify(blob), 'apply', '-f', '-')).toContain('configured');
    expect(await kubectl.ok('delete', 'blobs', 'b')).toContain('deleted');
  });
});
