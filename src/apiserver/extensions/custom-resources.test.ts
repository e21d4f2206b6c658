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

describe('rules', () => {
  const schema = SPEC(
    {
      min: { type: 'integer' },
      max: { type: 'integer' },
      name: {
        type: 'string',
        'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'name is immutable' }],
      },
      list: {
        type: 'array',
        items: {
          type: 'object',
          required: ['key'],
          properties: { key: { type: 'string' }, cpu: { 'x-kubernetes-int-or-string': true } },
          'x-kubernetes-validations': [
            { rule: 'self.key != "bad"', messageExpression: '"no " + self.key', fieldPath: '.key' },
          ],
        },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['key'],
      },
    },
    {
      'x-kubernetes-validations': [
        {
          rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
          message: 'min must not be above max',
        },
        { rule: '!has(self.max) || self.max < 100', reason: 'FieldValueForbidden' },
      ],
    },
  );

  test('refuse what breaks them, in the words of upstream', async () => {
    await define(crd('ruleds', 'Ruled', schema));
    const bad = await server.post(
      path('ruleds'),
      object('Ruled', 'a', { min: 5, max: 4, list: [{ key: 'bad' }] }),
    );
    expect([bad.status, bad.body.message]).toEqual([
      422,
      'Ruled.example.com "a" is invalid: [spec: Invalid value: "object": min must not be above max, spec.list[0].key: Invalid value: "object": no bad]',
    ]);
    const big = await server.post(path('ruleds'), object('Ruled', 'a', { max: 200 }));
    expect(big.body.message).toBe(
      'Ruled.example.com "a" is invalid: spec: Forbidden: failed rule: !has(self.max) || self.max < 100',
    );
    const good = await server.post(
      path('ruleds'),
      object('Ruled', 'a', { min: 1, max: 2, name: 'x', list: [{ key: 'k', cpu: 1 }] }),
    );
    expect(good.status).toBe(201);
    const renamed = await server.patch(path('ruleds', 'a'), { spec: { name: 'y' } });
    expect(renamed.body.message).toBe(
      'Ruled.example.com "a" is invalid: spec.name: Invalid value: "string": name is immutable',
    );
  });

  test('let pass what was there before them', async () => {
    await define(crd('olds', 'Old', SPEC({ a: { type: 'string' }, b: { type: 'string' } })));
    await server.post(path('olds'), object('Old', 'one', { a: 'long', b: 'x' }));
    const { body } = await server.get(`${CRDS}/olds.example.com`);
    body.spec.versions[0].schema.openAPIV3Schema = SPEC({
      a: { type: 'string', maxLength: 2, 'x-kubernetes-validations': [{ rule: 'self.size() < 3' }] },
      b: { type: 'string', default: 'y' },
      c: { type: 'string', default: 'new' },
    });
    expect((await server.put(`${CRDS}/olds.example.com`, body)).status).toBe(200);
    let read = await server.get(path('olds', 'one'));
    while (read.body.spec.c === undefined) read = await server.get(path('olds', 'one'));
    expect(read.body.spec).toEqual({ a: 'long', b: 'x', c: 'new' });
    expect((await server.patch(path('olds', 'one'), { spec: { b: 'z' } })).status).toBe(200);
    const changed = await server.patch(path('olds', 'one'), { spec: { a: 'longer' } });
    expect(changed.body.message).toContain('spec.a: Too long: may not be more than 2 bytes');
  });

  test('that would cost too much make a definition invalid', async () => {
    const nested = (most: Json) => ({
      type: 'array',
      ...most,
      items: { type: 'array', ...most, items: { type: 'string', ...(most.maxItems && { maxLength: 10 }) } },
      'x-kubernetes-validations': [{ rule: 'self.all(x, x.all(y, y == y))' }],
    });
    const costly = await server.post(CRDS, crd('costlies', 'Costly', SPEC({ a: nested({}) })));
    expect(costly.body.message).toContain(
      'spec.validation.openAPIV3Schema.properties[spec].properties[a].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)',
    );
    await define(crd('cheaps', 'Cheap', SPEC({ a: nested({ maxItems: 100 }) })));
  });

  test('that do not compile make a definition invalid', async () => {
    const broken = crd(
      'brokens',
      'Broken',
      SPEC(
        { a: { type: 'integer' } },
        { 'x-kubernetes-validations': [{ rule: 'self.b > 1' }, { rule: 'self.a' }] },
      ),
    );
    const { status, body } = await server.post(CRDS, broken);
    expect(status).toBe(422);
    expect(body.details.causes.map((one: Json) => [one.field, one.message])).toEqual([
      [
        'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule',
        `Invalid value: "self.b > 1": compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b > 1\n | ....^`,
      ],
      [
        'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[1].rule',
        'Invalid value: "self.a": must evaluate to bool, got int',
      ],
    ]);
  });
});

test('a schema that is not structural is refused field by field', async () => {
  const { body } = await server.post(
    CRDS,
    crd('wrongs', 'Wrong', {
      type: 'object',
      properties: {
        a: {},
        b: { type: 'array' },
        c: { type: 'string', pattern: '(' },
        d: { type: 'object', oneOf: [{ properties: { e: { type: 'string' } } }] },
      },
    }),
  );
  expect(body.details.causes.map((one: Json) => `${one.field}: ${one.message}`)).toEqual([
    'spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
    'spec.validation.openAPIV3Schema.properties[b].items: Required value: must be specified',
    expect.stringContaining(
      'properties[c].pattern: Invalid value: "(": must be a valid regular expression, but isn',
    ),
    'spec.validation.openAPIV3Schema.properties[d].oneOf[0].properties[e].type: Forbidden: must be empty to be structural',
    'spec.validation.openAPIV3Schema.properties[d].properties[e]: Required value: because it is defined in spec.validation.openAPIV3Schema.properties[d].oneOf[0].properties[e]',
  ]);
});

test('a name another definition has is not accepted until it is free', async () => {
  await define(crd('firsts', 'First', SPEC({}), { names: { shortNames: ['fi'] } }));
  await server.post(CRDS, crd('seconds', 'Second', SPEC({}), { names: { shortNames: ['fi'] } }));
  const namesAccepted = async () =>
    (await server.get(`${CRDS}/seconds.example.com`)).body.status.conditions?.find(
      (one: Json) => one.type === 'NamesAccepted',
    );
  while ((await namesAccepted()) === undefined) await new Promise((resolve) => setImmediate(resolve));
  expect(await namesAccepted()).toMatchObject({
    status: 'False',
    reason: 'ShortNamesConflict',
    message: '"fi" is already in use',
  });
  expect((await server.get(path('seconds'))).status).toBe(404);
  await server.delete(`${CRDS}/firsts.example.com`);
  await established('seconds.example.com');
  expect((await server.get(path('seconds'))).status).toBe(200);
});

test('versions are converted by name, watched in the words of each, and applied by field', async () => {
  const properties = {
    replicas: { type: 'integer' },
    parts: {
      type: 'array',
      items: {
        type: 'object',
        properties: { n: { type: 'string' }, v: { type: 'integer' } },
        required: ['n'],
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['n'],
    },
  };
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: { type: 'object', properties },
        status: {
          type: 'object',
          properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
        },
      },
    },
  };
  const subresources = {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  };
  await define(
    crd(
      'twos',
      'Two',
      {},
      {
        spec: {
          versions: [
            { name: 'v1beta1', served: true, storage: false, schema, subresources },
            { name: 'v1', served: true, storage: true, schema, subresources },
          ],
        },
      },
    ),
  );
  const { body: group } = await server.get('/apis/example.com');
  expect(group.preferredVersion.version).toBe('v1');
  await server.post(path('twos', '', 'example.com', 'v1beta1'), {
    ...object('Two', 'a', { replicas: 2 }),
    apiVersion: 'example.com/v1beta1',
  });
  expect((await server.get(path('twos', 'a'))).body.apiVersion).toBe('example.com/v1');
  const events = await server.events(`${path('twos', '', 'example.com', 'v1beta1')}?watch=true`, 1);
  expect(events[0].object).toMatchObject({
    apiVersion: 'example.com/v1beta1',
    kind: 'Two',
    spec: { replicas: 2 },
  });
  const scale = await server.patch(`${path('twos', 'a')}/scale`, { spec: { replicas: 5 } });
  expect(scale.body).toMatchObject({ kind: 'Scale', spec: { replicas: 5 } });
  const apply = (manager: string, parts: Json) =>
    server.patch(
      `${path('twos', 'a')}?fieldManager=${manager}`,
      object('Two', 'a', { parts }),
      'apply-patch+yaml',
    );
  await apply('one', [{ n: 'x', v: 1 }]);
  await apply('two', [{ n: 'y', v: 2 }]);
  const merged = await apply('one', []);
  expect(merged.body.spec).toEqual({ replicas: 5, parts: [{ n: 'y', v: 2 }] });
  const conflict = await apply('one', [{ n: 'y', v: 3 }]);
  expect([conflict.status, conflict.body.message]).toEqual([
    409,
    'Apply failed with 1 conflict: conflict with "two": .spec.parts[n="y"].v',
  ]);
});

test('a version shows no field that only another one has, which finds it again', async () => {
  const version = (name: string, storage: boolean, field: string) => {
    const spec = { type: 'object', properties: { [field]: { type: 'string' } } };
    const openAPIV3Schema = { type: 'object', properties: { spec } };
    return { name, served: true, storage, schema: { openAPIV3Schema } };
  };
  const versions = [version('v1', true, 'old'), version('v2', false, 'new')];
  await define(crd('changes', 'Change', {}, { spec: { versions } }));
  await server.post(path('changes', '', 'example.com', 'v2'), {
    ...object('Change', 'a', { new: 'yes' }),
    apiVersion: 'example.com/v2',
  });
  expect((await server.get(path('changes', 'a'))).body.spec).toEqual({});
  expect((await server.get(path('changes', 'a', 'example.com', 'v2'))).body.spec).toEqual({ new: 'yes' });
});

test('documents follow a definition', async () => {
  await define(
    crd('docs', 'Doc', SPEC({ text: { type: 'string', description: 'What it says.' } }), {
      group: 'docs.example.com',
    }),
  );
  const v3 = await server.get('/openapi/v3/apis/docs.example.com/v1');
  expect(
    v3.body.components.schemas['com.example.docs.v1.Doc'].properties.spec.properties.text.description,
  ).toBe('What it says.');
  expect(v3.body.components.schemas['com.example.docs.v1.Doc']['x-kubernetes-group-version-kind']).toEqual([
    { group: 'docs.example.com', kind: 'Doc', version: 'v1' },
  ]);
  const v2 = await server.get('/openapi/v2');
  expect(v2.body.definitions['com.example.docs.v1.DocList']).toBeDefined();
  const index = await server.get('/openapi/v3');
  const before = index.body.paths['apis/docs.example.com/v1'].serverRelativeURL;
  await server.patch(
    `${CRDS}/docs.docs.example.com`,
    [{ op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/description', value: 'A doc.' }],
    'json-patch+json',
  );
  let after = before;
  while (after === before)
    after = (await server.get('/openapi/v3')).body.paths['apis/docs.example.com/v1'].serverRelativeURL;
  await server.delete(`${CRDS}/docs.docs.example.com`);
  while ((await server.get('/openapi/v3/apis/docs.example.com/v1')).status !== 404)
    await new Promise((resolve) => setImmediate(resolve));
});

test('apply owns what a schema keeps without knowing it, field by field', async () => {
  const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  await define(crd('frees', 'Free', SPEC({ known: { type: 'string' }, any: free })));
  const apply = (manager: string, spec: Json) =>
    server.patch(
      `${path('frees', 'a')}?fieldManager=${manager}`,
      object('Free', 'a', spec),
      'apply-patch+yaml',
    );
  await apply('one', { known: 'x', any: { a: { b: 1, c: [1, 2] }, d: 'e' } });
  const both = await apply('two', { any: { a: { z: 1 } } });
  expect(both.body.spec).toEqual({ known: 'x', any: { a: { b: 1, c: [1, 2], z: 1 }, d: 'e' } });
  const owned = both.body.metadata.managedFields.find((one: Json) => one.manager === 'two');
  expect(owned.fieldsV1).toEqual({ 'f:spec': { 'f:any': { 'f:a': { '.': {}, 'f:z': {} } } } });
  const less = await apply('one', { any: { a: { c: [1] } } });
  expect(less.body.spec).toEqual({ any: { a: { c: [1], z: 1 } } });
});
