import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../api-server.test-support.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function crd(plural: string, kind: string, schema: Json, more: Json = {}): Json {
  const { group = 'example.com', version = {}, spec = {}, names = {} } = more;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, ...more.metadata },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, ...names },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...version },
      ],
      ...spec,
    },
  };
}

const SPEC = (properties: Json, more: Json = {}) => ({
  type: 'object',
  properties: { spec: { type: 'object', properties, ...more } },
});

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

async function define(body: Json): Promise<Json> {
  const { status, body: created } = await server.post(CRDS, body);
  expect([status, created.message]).toEqual([201, undefined]);
  return established(created.metadata.name);
}

async function established(name: string): Promise<Json> {
  for (;;) {
    const { body } = await server.get(`${CRDS}/${name}`);
    const condition = body.status.conditions?.find((one: Json) => one.type === 'Established');
    if (condition?.status === 'True') return body;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const path = (plural: string, name = '', group = 'example.com', version = 'v1') =>
  `/apis/${group}/${version}/namespaces/default/${plural}${name && `/${name}`}`;

const object = (kind: string, name: string, spec: Json, more: Json = {}) => ({
  apiVersion: 'example.com/v1',
  kind,
  metadata: { name },
  spec,
  ...more,
});

describe('a definition', () => {
  test('is established with the conditions and names of upstream, and served at once', async () => {
    const made = await define(
      crd('crontabs', 'CronTab', SPEC({ cron: { type: 'string' } }), { names: { shortNames: ['ct'] } }),
    );
    expect(made.spec.names).toEqual({
      plural: 'crontabs',
      singular: 'crontab',
      kind: 'CronTab',
      listKind: 'CronTabList',
      shortNames: ['ct'],
    });
    expect(made.status.storedVersions).toEqual(['v1']);
    expect(made.status.conditions.map((one: Json) => [one.type, one.status, one.reason])).toEqual([
      ['NamesAccepted', 'True', 'NoConflicts'],
      ['Established', 'True', 'InitialNamesAccepted'],
    ]);
    const list = await server.get(path('crontabs'));
    expect([list.status, list.body.kind, list.body.items]).toEqual([200, 'CronTabList', []]);
    const { body: discovered } = await server.get('/apis/example.com/v1');
    expect(discovered.resources[0]).toMatchObject({ name: 'crontabs', kind: 'CronTab', shortNames: ['ct'] });
  });

  test('prunes, defaults, validates and counts generations', async () => {
    await define(
      crd(
        'widgets',
        'Widget',
        {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              required: ['size'],
              properties: {
                size: { type: 'integer', minimum: 1 },
                color: { type: 'string', default: 'red', enum: ['red', 'blue'] },
                tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
                any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              },
            },
            status: { type: 'object', properties: { ready: { type: 'boolean' } } },
          },
        },
        {
          version: {
            subresources: { status: {} },
            additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
            selectableFields: [{ jsonPath: '.spec.color' }],
          },
        },
      ),
    );
    const made = await server.send('POST', path('widgets'), {
      ...object('Widget', 'a', { size: 2, nope: 1, any: { x: [1] } }),
      status: { ready: true },
    });
    expect(made.status).toBe(201);
    expect(made.headers.warning).toBe('299 - "unknown field \\"spec.nope\\""');
    expect(made.body).toMatchObject({ spec: { size: 2, color: 'red', any: { x: [1] } } });
    expect(made.body.spec.nope).toBeUndefined();
    expect(made.body.status).toBeUndefined();
    const strict = await server.send(
      'POST',
      `${path('widgets')}?fieldValidation=Strict`,
      object('Widget', 'b', { size: 2, nope: 1 }),
    );
    expect([strict.status, strict.body.message]).toEqual([
      400,
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.nope"',
    ]);
    const bad = await server.post(
      path('widgets'),
      object('Widget', 'b', { size: 0, color: 'green', tags: ['x', 'x'] }),
    );
    expect(bad.status).toBe(422);
    expect(bad.body.message).toBe(
      'Widget.example.com "b" is invalid: [spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1, spec.color: Unsupported value: "green": supported values: "red", "blue", spec.tags[1]: Duplicate value: "x"]',
    );
    const status = await server.patch(`${path('widgets', 'a')}/status`, {
      status: { ready: true },
      spec: { size: 9 },
    });
    expect(status.body).toMatchObject({
      spec: { size: 2 },
      status: { ready: true },
      metadata: { generation: 1 },
    });
    const changed = await server.patch(path('widgets', 'a'), { spec: { size: 3 } });
    expect(changed.body.metadata.generation).toBe(2);
    const strategic = await server.patch(path('widgets', 'a'), {}, 'strategic-merge-patch+json');
    expect([strategic.status, strategic.body.message]).toEqual([
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    ]);
    const put = await server.put(path('widgets', 'a'), object('Widget', 'a', { size: 4 }));
    expect([put.status, put.body.message]).toEqual([
      422,
      'Widget.example.com "a" is invalid: metadata.resourceVersion: Invalid value: "": must be specified for an update',
    ]);
    const red = await server.get(`${path('widgets')}?fieldSelector=spec.color=red`);
    expect(red.body.items).toHaveLength(1);
    const table = await server.send('GET', path('widgets'), undefined, {
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    expect(table.body.rows[0].cells).toEqual(['a', 3]);
  });

  test('goes with all its objects, which end their watches', async () => {
    await define(crd('gones', 'Gone', SPEC({ x: { type: 'integer' } })));
    await server.post(path('gones'), object('Gone', 'one', { x: 1 }));
    const held = object(
      'Gone',
      'held',
      { x: 1 },
      { metadata: { name: 'held', finalizers: ['example.com/x'] } },
    );
    await server.post(path('gones'), held);
    const { body: watch } = await server.get(`${path('gones')}?watch=true`);
    const deleted = await server.delete(`${CRDS}/gones.example.com`);
    expect(deleted.status).toBe(200);
    const terminating = await server.get(`${CRDS}/gones.example.com`);
    expect(terminating.body.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    const refused = await server.post(path('gones'), object('Gone', 'two', { x: 1 }));
    expect([refused.status, refused.body.message]).toEqual([
      405,
      'create not allowed while custom resource definition is terminating',
    ]);
    await server.patch(path('gones', 'held'), { metadata: { finalizers: null } });
    for await (const _ of watch as AsyncIterable<Uint8Array>);
    expect((await server.get(`${CRDS}/gones.example.com`)).status).toBe(404);
    expect((await server.get(path('gones'))).status).toBe(404);
  });
});
