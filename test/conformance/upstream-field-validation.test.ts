import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  APPLY,
  define,
  definition,
  JSON_PATCH,
  MERGE,
  rawClient,
  type Send,
  STRATEGIC,
  YAML,
} from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What upstream's test/e2e/apimachinery/field_validation.go and test/integration/apiserver/field_validation_test.go
// compare: which fields are told, in which order, in which words.

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const STRICT = '?fieldManager=tester&fieldValidation=Strict';
const WARN = '?fieldManager=tester&fieldValidation=Warn';
const TEMPLATE =
  '"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i","odd":1,"imagePullPolicy":"Always","imagePullPolicy":"Never"}]}}';
const BAD = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"odd1":1,"odd2":1,"odd2":2,"paused":true,"paused":false,${TEMPLATE}}}`;
const TOLD = [
  'unknown field "spec.odd1"',
  'unknown field "spec.odd2"',
  'duplicate field "spec.paused"',
  'unknown field "spec.template.spec.containers[0].odd"',
  'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
];
const GOOD = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{${TEMPLATE.replace('"odd":1,', '').replace(',"imagePullPolicy":"Never"', '')}}}`;

let running: RunningServer;
let send: Send;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
});

afterAll(async () => {
  await running?.stop();
});

describe('a built-in kind', () => {
  test('tells unknown and repeated fields in the order of the text', async () => {
    const { status, body } = await send('POST', DEPLOYMENTS + STRICT, BAD);
    expect([status, body.message]).toEqual([
      400,
      `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${TOLD.join(', ')}`,
    ]);
    const warned = await send('POST', `${DEPLOYMENTS}${WARN}&dryRun=All`, BAD);
    expect([warned.status, warned.warnings]).toEqual([201, TOLD]);
    const ignored = await send('POST', `${DEPLOYMENTS}?dryRun=All&fieldValidation=Ignore`, BAD);
    expect([ignored.status, ignored.warnings]).toEqual([201, []]);
  });

  test('tells unknown fields of the metadata', async () => {
    const { body } = await send(
      'POST',
      DEPLOYMENTS + STRICT,
      GOOD.replace('"name":"d"', '"name":"d","odd":1'),
    );
    expect(body.message).toContain('strict decoding error: unknown field "metadata.odd"');
  });

  test('tells of YAML which lines repeat a key, all at once or one warning each', async () => {
    const yaml = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: conf\n  name: conf\nzodd: 1\nodd: 1\ndata:\n  a: "1"\n  a: "2"\n`;
    const path = '/api/v1/namespaces/default/configmaps';
    const strict = await send('POST', path + STRICT, yaml, YAML);
    expect(strict.body.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n' +
        '  line 5: key "name" already set in map\n  line 10: key "a" already set in map, unknown field "odd", unknown field "zodd"',
    );
    const warned = await send('POST', path + WARN, yaml, YAML);
    expect(warned.warnings).toEqual([
      'line 5: key "name" already set in map',
      'line 10: key "a" already set in map',
      'unknown field "odd"',
      'unknown field "zodd"',
    ]);
    expect(warned.body.data).toEqual({ a: '2' });
  });

  describe('patched', () => {
    beforeAll(async () => {
      expect((await send('POST', DEPLOYMENTS, GOOD)).status).toBe(201);
    });

    const bad = '{"spec":{"odd2":1,"odd2":2,"odd1":1,"paused":true,"paused":false}}';
    const told = [
      'duplicate field "spec.odd2"',
      'duplicate field "spec.paused"',
      'unknown field "spec.odd1"',
      'unknown field "spec.odd2"',
    ];

    test.each([
      ['merge', MERGE],
      ['strategic merge', STRATEGIC],
    ])('%s: is an invalid patch', async (_name, headers) => {
      const { status, body } = await send('PATCH', `${DEPLOYMENTS}/d${STRICT}`, bad, headers);
      expect([status, body.reason, body.details.causes[0].field]).toEqual([422, 'Invalid', 'patch']);
      expect(body.message).toMatch(/^ "" is invalid: patch: Invalid value: /);
      expect(body.message.endsWith(`strict decoding error: ${told.join(', ')}`)).toBe(true);
      expect((await send('PATCH', `${DEPLOYMENTS}/d${WARN}`, bad, headers)).warnings).toEqual(told);
    });

    test('JSON patch: operations are looked at too', async () => {
      const operations =
        '[{"op":"add","path":"/spec/odd","value":1,"foo":1},{"op":"add","path":"/x","path":"/spec/paused","value":true}]';
      const { body } = await send('PATCH', `${DEPLOYMENTS}/d${STRICT}`, operations, JSON_PATCH);
      expect(body.message).toContain(
        'strict decoding error: json patch unknown field "[0].foo", json patch duplicate field "[1].path", unknown field "spec.odd"',
      );
    });

    test('of another type: is an invalid patch too', async () => {
      const { status, body } = await send(
        'PATCH',
        `${DEPLOYMENTS}/d`,
        { spec: { replicas: 'x' } },
        STRATEGIC,
      );
      expect([status, body.message]).toEqual([
        422,
        ' "" is invalid: patch: Invalid value: "map[spec:map[replicas:x]]": json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
      ]);
    });

    test('applied: repeated keys by line, and a field that is not declared whatever is asked', async () => {
      const yaml =
        'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\nspec:\n  paused: true\n  paused: false\n';
      const strict = await send('PATCH', `${DEPLOYMENTS}/d${STRICT}`, yaml, APPLY);
      expect([strict.status, strict.body.message]).toEqual([
        400,
        'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key "paused" already set in map',
      ]);
      const warned = await send('PATCH', `${DEPLOYMENTS}/d${WARN}`, yaml, APPLY);
      expect(warned.warnings).toEqual(['line 7: key "paused" already set in map']);
      const ignore = `${DEPLOYMENTS}/d?fieldManager=tester&fieldValidation=Ignore`;
      const { body } = await send('PATCH', ignore, yaml.replace('paused: true', 'odd: 1'), APPLY);
      expect(body.message).toContain('.spec.odd: field not declared in schema');
    });
  });
});

describe('a custom kind', () => {
  const GROUP = 'fields.example.com';
  const path = `/apis/${GROUP}/v1/noxus`;
  const text = { type: 'string' };
  const template = {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    properties: { metadata: { type: 'object', properties: { name: text } }, spec: { type: 'object' } },
  };
  const spec = { type: 'object', properties: { foo: text, cronSpec: text, template } };

  beforeAll(async () => {
    await define(send, definition(GROUP, 'noxu', { type: 'object', properties: { spec } }));
    await define(
      send,
      definition(GROUP, 'loose', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
    );
  });

  const head = (kind: string, meta = '') =>
    `apiVersion: ${GROUP}/v1\nkind: ${kind}\nmetadata:\n  name: mytest\n${meta}`;

  test('is applied when it is as its schema says, also with a finalizer of no domain', async () => {
    const yaml = `${head('Noxu', '  finalizers:\n  - test-finalizer\n')}spec:\n  foo: foo1\n`;
    const { status, body, warnings } = await send('PATCH', `${path}/mytest${STRICT}`, yaml, APPLY);
    expect([status, body.metadata?.finalizers]).toEqual([201, ['test-finalizer']]);
    expect(warnings).toEqual([
      'metadata.finalizers: "test-finalizer": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers',
    ]);
  });

  test('is applied with unknown fields where its schema keeps them', async () => {
    const yaml = `${head('Loose')}spec:\n  unknown: uk1\n`;
    const { status } = await send('PATCH', `/apis/${GROUP}/v1/looses/mytest${STRICT}`, yaml, APPLY);
    expect(status).toBe(201);
  });

  test('is refused with fields its schema does not declare, also in metadata, its own and those inside', async () => {
    const yaml = `${head('Noxu', '  unknownMeta: unknown\n')}unknownField: unknown\nspec:\n  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n      unknownSubMeta: unknown\n      name: sub\n`;
    const { body } = await send('PATCH', `${path}/other${STRICT}`, yaml.replace('mytest', 'other'), APPLY);
    for (const field of ['.unknownField', '.metadata.unknownMeta', '.spec.template.metadata.unknownSubMeta'])
      expect(body.message).toContain(`${field}: field not declared in schema`);
  });

  test('tells repeated keys first, then metadata, then the rest, then metadata inside', async () => {
    const json = `{"apiVersion":"${GROUP}/v1","kind":"Noxu","metadata":{"name":"x","name":"x","odd":1},"spec":{"zodd":1,"odd":1,"odd":2,"foo":"a","foo":"b","template":{"apiVersion":"a/v1","kind":"B","metadata":{"name":"n","odd":1}}}}`;
    const { body } = await send('POST', path + STRICT, json);
    expect(body.message).toBe(
      'Noxu in version "v1" cannot be handled as a Noxu: strict decoding error: duplicate field "metadata.name", duplicate field "spec.odd", duplicate field "spec.foo", ' +
        'unknown field "metadata.odd", unknown field "spec.odd", unknown field "spec.zodd", unknown field "spec.template.metadata.odd"',
    );
  });

  test('tells repeated keys of an apply by line even where unknown fields are kept', async () => {
    const yaml = `\n${head('Loose')}spec:\n  unknown: uk1\n  foo: foo1\n  foo: foo2\n`;
    const { bytes } = await send('PATCH', `/apis/${GROUP}/v1/looses/mytest${STRICT}`, yaml, APPLY);
    expect(bytes.toString()).toContain('line 9: key \\"foo\\" already set in map');
  });
});
