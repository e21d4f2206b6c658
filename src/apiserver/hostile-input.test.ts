import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, CONFIG_MAPS, configMap, pod, TestServer } from './api-server.test-support.ts';

/** What a client may send to hurt: each gets a plain refusal, in no time, and changes nothing. */
let server: TestServer;
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const PODS = '/api/v1/namespaces/default/pods';
const POLLUTING = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await server.post(CONFIG_MAPS, configMap('target'));
  await server.post(DEPLOYMENTS, {
    metadata: { name: 'target' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'main', image: 'x' }] },
      },
    },
  });
});

afterAll(() => server.stop());

/** Ten times what it takes on a busy machine, a tenth of what it took before it was bounded. */
async function refusedSoon(sent: () => Promise<Answer>): Promise<void> {
  const start = performance.now();
  const { status, body } = await sent();
  expect([status >= 400 && status < 500, body]).toEqual([true, body]);
  expect(performance.now() - start).toBeLessThan(4000);
}

const yaml = (text: string) => () =>
  server.send('POST', CONFIG_MAPS, text, { headers: { 'content-type': 'application/yaml' } });

describe('bodies', () => {
  const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;

  test('nested deeper than anything can walk', async () => {
    await refusedSoon(() => server.post(CONFIG_MAPS, deep));
    await refusedSoon(() => server.post(CONFIG_MAPS, '['.repeat(200_000)));
    const named = (kind: string, field: string) =>
      `{"apiVersion":"${kind === 'ConfigMap' ? 'v1' : 'apps/v1'}","kind":"${kind}","metadata":{"name":"target"},"${field}":${deep}}`;
    for (const type of ['merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml']) {
      await refusedSoon(() =>
        server.patch(`${CONFIG_MAPS}/target?fieldManager=m`, named('ConfigMap', 'data'), type),
      );
      await refusedSoon(() =>
        server.patch(`${DEPLOYMENTS}/target?fieldManager=m`, named('Deployment', 'spec'), type),
      );
    }
    const add = `[{"op":"add","path":"/data","value":${deep}}]`;
    await refusedSoon(() => server.patch(`${CONFIG_MAPS}/target`, add, 'json-patch+json'));
    await refusedSoon(yaml('['.repeat(100_000)));
    await refusedSoon(yaml(Array.from({ length: 1200 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')));
  });

  test('copies of copies', async () => {
    const copies = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/k${i}` }));
    await refusedSoon(() => server.patch(`${CONFIG_MAPS}/target`, copies, 'json-patch+json'));
  });

  test('YAML that multiplies, or takes the parser long', async () => {
    const lines = (more: (name: string, before: string) => string) =>
      [...'bcdefghi'].map((name, i) => more(name, 'abcdefgh'[i]!)).join('\n');
    const many = (before: string) => Array(9).fill(`*${before}`).join(',');
    await refusedSoon(yaml(`a: &a [x]\n${lines((name, before) => `${name}: &${name} [${many(before)}]`)}`));
    await refusedSoon(yaml(`metadata: &a\n  name: c\n  labels: *a\n`));
    for (const text of [
      `[${','.repeat(2_000_000)}]`,
      `a: "${'\\x'.repeat(1_000_000)}"`,
      '{'.repeat(1_000_000),
      '&a '.repeat(900_000),
      '%\n'.repeat(900_000),
      Array.from({ length: 150_000 }, (_, i) => `k${i}: 1`).join('\n'),
    ])
      await refusedSoon(yaml(text));
    const repeats = Array.from({ length: 30_000 }, () => `a: 1`).join('\n');
    await refusedSoon(yaml(`metadata: {}\n${repeats}`));
  });

  test('strings that expressions could backtrack on', async () => {
    const long = (piece: string) => `${piece.repeat(200_000)}!`;
    for (const text of ['a', 'a.', 'a-', '1', '/', ' '].map(long)) {
      await refusedSoon(() =>
        server.post(CONFIG_MAPS, { metadata: { name: text, labels: { [text]: text } } }),
      );
      const container = { name: text, image: 'x', resources: { limits: { cpu: text, memory: text } } };
      await refusedSoon(() => server.post(PODS, pod('p', { containers: [container] })));
      await refusedSoon(() => server.get(`${CONFIG_MAPS}?labelSelector=${encodeURIComponent(text)}`));
      await refusedSoon(() => server.get(`${CONFIG_MAPS}?fieldSelector=${encodeURIComponent(text)}`));
      await refusedSoon(() => server.send('GET', CONFIG_MAPS, undefined, { headers: { accept: text } }));
    }
  });
});

describe('paths and queries', () => {
  test('a segment neither climbs nor hides a separator', async () => {
    for (const segment of [
      '..',
      '.',
      '%2e%2e',
      'a%2Fb',
      '..%2Froot',
      'a%00',
      'a%25',
      '%FF',
      'a'.repeat(5000),
    ])
      for (const path of [
        `${CONFIG_MAPS}/${segment}`,
        `/api/v1/namespaces/${segment}/configmaps`,
        `/api/v1/namespaces/${segment}`,
        `/clusters/${segment}/api/v1/configmaps`,
      ])
        for (const method of ['GET', 'DELETE'] as const)
          expect([path, (await server.send(method, path)).status >= 400]).toEqual([path, true]);
    expect((await server.get('/clusters/root/clusters/root/api/v1/pods')).status).toBe(404);
    expect((await server.get(`${CONFIG_MAPS}/target`)).status).toBe(200);
  });

  test('a continue token leads nowhere outside its list', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'next' } });
    await server.post('/api/v1/namespaces/next/configmaps', configMap('hidden'));
    const page = (token: unknown) =>
      server.get(
        `${CONFIG_MAPS}?continue=${Buffer.from(JSON.stringify(token)).toString('base64url')}&limit=500`,
      );
    for (const start of ['/../next/', '\0', '\uffff', 'zzz/', 'a'.repeat(20_000), 5, '']) {
      const { status, body } = await page({ v: 'meta.k8s.io/v1', rv: -1, start });
      expect(status === 400 || JSON.stringify(body).includes('hidden') === false).toBe(true);
    }
    for (const token of [null, [], 7, { v: 'meta.k8s.io/v1', rv: 9e15, start: 'a' }, { v: 'x' }])
      expect((await page(token)).status).toBe(400);
  });

  test('numbers beyond any range', async () => {
    for (const query of [
      'limit=x',
      'resourceVersion=99999999999999999999',
      'resourceVersion=-1',
      'limit=1e3',
    ])
      expect([query, (await server.get(`${CONFIG_MAPS}?${query}`)).status]).toEqual([query, 400]);
    for (const query of ['limit=99999999999999999999999', 'limit=-5'])
      expect((await server.get(`${CONFIG_MAPS}?${query}`)).status).toBe(200);
  });

  test('impersonation without a user is refused, not overlooked', async () => {
    const headers = { 'impersonate-group': 'ann' };
    expect(await server.send('GET', CONFIG_MAPS, undefined, { headers })).toMatchObject({
      status: 400,
      body: { message: 'requested [group "ann"] without impersonating a user' },
    });
  });
});

describe('names of what every JavaScript object has', () => {
  /** JSON.stringify of a literal would lose `__proto__`. */
  const withKeys = (value: string) => `{${POLLUTING.map((key) => `"${key}":${value}`).join(',')}}`;
  const untouched = () =>
    expect([({} as { polluted?: unknown }).polluted, Object.keys(Object.prototype)]).toEqual([undefined, []]);
  const dataOf = async (name: string) => {
    const { body } = await server.get(`${CONFIG_MAPS}/${name}`);
    return Object.entries(body.data).sort();
  };
  const expected = [...POLLUTING].sort().map((key) => [key, 'polluted']);

  test('are ordinary keys of labels, annotations and data, however they come', async () => {
    const map = (name: string) =>
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}","annotations":${withKeys('"polluted"')}},"data":${withKeys('"polluted"')}}`;
    // A key of a map of labels may not begin or end with '_': `__proto__` is refused there, the others are not.
    expect(
      (
        await server.post(
          CONFIG_MAPS,
          map('created').replaceAll('"annotations":{"__proto__":"polluted",', '"annotations":{'),
        )
      ).status,
    ).toBe(201);
    expect(await dataOf('created')).toEqual(expected);
    const patch = `{"data":${withKeys('"polluted"')}}`;
    for (const [index, type] of ['merge-patch+json', 'strategic-merge-patch+json'].entries()) {
      await server.post(CONFIG_MAPS, { metadata: { name: `patched${index}` } });
      expect((await server.patch(`${CONFIG_MAPS}/patched${index}`, patch, type)).status).toBe(200);
      expect(await dataOf(`patched${index}`)).toEqual(expected);
    }
    const applied = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"},"data":${withKeys('"polluted"')}}`;
    for (const _ of ['create', 'again'])
      expect(
        (await server.patch(`${CONFIG_MAPS}/applied?fieldManager=m`, applied, 'apply-patch+yaml')).status,
      ).toBeLessThan(202);
    expect(await dataOf('applied')).toEqual(expected);
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: ${withKeys('"polluted"')}`;
    expect((await yaml(text)()).status).toBe(201);
    expect(await dataOf('yaml')).toEqual(expected);
    untouched();
  });

  test('lead no patch to a prototype', async () => {
    const value = withKeys('{"polluted":"yes"}');
    for (const [path, kind] of [
      [`${CONFIG_MAPS}/target`, 'ConfigMap'],
      [`${DEPLOYMENTS}/target`, 'Deployment'],
    ] as const) {
      for (const body of [
        value,
        `{"metadata":${value}}`,
        `{"spec":{"template":${value}}}`,
        `{"data":${value}}`,
      ])
        for (const type of ['merge-patch+json', 'strategic-merge-patch+json'])
          await server.patch(path, body, type);
      for (const key of POLLUTING)
        for (const pointer of [
          `/${key}/polluted`,
          `/metadata/${key}/polluted`,
          `/metadata/labels/${key}/${key}/polluted`,
        ])
          for (const op of ['add', 'replace', 'copy', 'move'])
            await server.patch(
              path,
              [{ op, path: pointer, from: '/metadata/name', value: 'yes' }],
              'json-patch+json',
            );
      const apiVersion = kind === 'ConfigMap' ? 'v1' : 'apps/v1';
      const head = `"apiVersion":"${apiVersion}","kind":"${kind}"`;
      await server.patch(
        `${path}?fieldManager=m`,
        `{${head},"metadata":{"name":"target","labels":${value}}}`,
        'apply-patch+yaml',
      );
      await server.put(
        path,
        `{${head},"metadata":{"name":"target","managedFields":[{"manager":"m","operation":"Apply","apiVersion":"${apiVersion}","fieldsType":"FieldsV1","fieldsV1":${value}}]}}`,
      );
      untouched();
    }
    expect((await server.get(`${DEPLOYMENTS}/target`)).status).toBe(200);
  });

  test('are no resource, group, subresource, workspace or media type', async () => {
    for (const key of POLLUTING) {
      for (const path of [
        `/api/v1/${key}`,
        `/apis/${key}/v1/pods`,
        `/api/${key}/pods`,
        `/apis/${key}`,
        `/apis/apps/${key}`,
        `/openapi/v3/apis/${key}`,
        `/healthz/${key}`,
        `/${key}`,
        `/clusters/${key}/api/v1/pods`,
        `${CONFIG_MAPS}/target/${key}`,
      ])
        expect([path, (await server.get(path)).status]).toEqual([path, 404]);
      expect(
        (await server.send('PATCH', `${CONFIG_MAPS}/target`, '{}', { headers: { 'content-type': key } }))
          .status,
      ).toBe(415);
      expect((await server.get(`${CONFIG_MAPS}?fieldSelector=${key}%3Dx`)).status).toBe(400);
    }
  });
});
