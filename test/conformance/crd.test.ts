import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { ApiextensionsV1Api, CustomObjectsApi, KubeConfig, Watch } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/base/index.ts';
import { bootControlPlane, until } from '../e2e/control-plane-fixture.ts';
import { cronTabs, httpRoutes, prometheuses } from './crd-manifests.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { type RunningServer, startServer } from './running-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const kubectls = findKubectls();
const ADMIN = { commonName: 'orrery-admin', organizations: ['system:masters'] };
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

let running: RunningServer;
let adminConfig: string;

beforeAll(async () => {
  running = await startServer();
  adminConfig = await running.kubeconfig(ADMIN);
});

afterAll(async () => {
  await running?.stop();
});

async function send(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: Json,
  type = 'application/json',
): Promise<Json> {
  const response = await running.server.handle(
    {
      method,
      path,
      headers: { 'content-type': type },
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    },
    { name: 'admin', groups: ['system:masters', 'system:authenticated'] },
  );
  return { status: response.status, body: JSON.parse(Buffer.from(response.body as Uint8Array).toString()) };
}

async function define(crd: Json): Promise<void> {
  const { status, body } = await send('POST', CRDS, crd);
  expect([status, body.message]).toEqual([201, undefined]);
  for (;;) {
    const { body: now } = await send('GET', `${CRDS}/${crd.metadata.name}`);
    if (now.status.conditions?.some((one: Json) => one.type === 'Established' && one.status === 'True'))
      return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.skipIf(kubectls.length > 0)('kubectl is not installed: conformance not checked', (context) =>
  context.skip('no kubectl on PATH'),
);

describe.each(kubectls)('$name', ({ name, path }) => {
  const id = name.replaceAll(/[^0-9a-z]/g, '');
  const group = `${id}.example.com`;
  const crd = cronTabs(group);
  const cronTab = (objectName: string, spec: Json) =>
    JSON.stringify({ apiVersion: `${group}/v1`, kind: 'CronTab', metadata: { name: objectName }, spec });
  let kubectl: Kubectl;

  beforeAll(async () => {
    kubectl = await Kubectl.create(path, adminConfig, 'default');
    await kubectl.with(JSON.stringify(crd), 'apply', '-f', '-');
    await kubectl.ok('wait', '--for=condition=Established', `crd/crontabs.${group}`, '--timeout=10s');
  });

  afterAll(async () => {
    await kubectl.ok('delete', 'crd', `crontabs.${group}`);
    expect(await kubectl.fails('get', `crontabs.${group}`)).toMatch(
      /the server doesn't have a resource type|NotFound|not find/,
    );
    await kubectl.dispose();
  });

  test('applies, prints, edits and deletes custom resources', async () => {
    const good = { cronSpec: '* * * * */5', image: 'a' };
    expect(await kubectl.with(cronTab('one', good), 'apply', '-f', '-')).toContain('one created');
    expect(await kubectl.with(cronTab('one', { ...good, image: 'b' }), 'apply', '-f', '-')).toContain(
      'configured',
    );
    const printed = await kubectl.ok('get', `crontabs.${group}`);
    expect(printed).toMatch(/NAME\s+SPEC\s+REPLICAS\s+AGE/);
    expect(printed).toMatch(/one\s+\* \* \* \* \*\/5\s+1\s+\d+s/);
    expect(await kubectl.ok('get', `crontab.${group}/one`, '-o', 'jsonpath={.spec}')).toBe(
      '{"cronSpec":"* * * * */5","image":"b","replicas":1}',
    );
    await kubectl.ok('scale', `crontabs.${group}/one`, '--replicas=3');
    await kubectl.ok('label', `crontabs.${group}/one`, 'a=b');
    await kubectl.ok('patch', `crontabs.${group}`, 'one', '--type=merge', '-p', '{"spec":{"image":"c"}}');
    expect(
      await kubectl.ok(
        'get',
        `crontabs.${group}`,
        '-l',
        'a=b',
        '-o',
        'jsonpath={.items[0].spec.replicas} {.items[0].spec.image}',
      ),
    ).toBe('3 c');
    expect(await kubectl.ok('describe', `crontabs.${group}`, 'one')).toContain('Cron Spec:');
    expect(await kubectl.ok('delete', `crontabs.${group}`, 'one')).toContain('deleted');
  });

  test('is told what is wrong', async () => {
    expect(
      await kubectl.failsWith(cronTab('bad', { cronSpec: 'x', replicas: 20 }), 'create', '-f', '-'),
    ).toMatch(
      /spec.cronSpec in body should match[\s\S]*spec.replicas in body should be less than or equal to 10/,
    );
    expect(
      await kubectl.failsWith(cronTab('bad', { cronSpec: '* * * * *', nope: 1 }), 'create', '-f', '-'),
    ).toContain('unknown field "spec.nope"');
    expect(
      await kubectl.failsWith(
        cronTab('bad', { cronSpec: '* * * * *' }),
        'patch',
        `crontabs.${group}`,
        'bad',
        '--type=strategic',
        '-p',
        '{}',
      ),
    ).toBeTruthy();
  });

  test('applies on the server, finds it in discovery, explains it', async () => {
    expect(
      await kubectl.with(cronTab('ssa', { cronSpec: '* * * * *' }), 'apply', '--server-side', '-f', '-'),
    ).toContain('serverside-applied');
    expect(await kubectl.ok('api-resources', `--api-group=${group}`)).toMatch(
      /crontabs\s+ct\s+\S+\/v1\s+true\s+CronTab/,
    );
    expect(await kubectl.ok('get', 'all')).toContain(`crontab.${group}/ssa`);
    expect(await kubectl.ok('explain', `crontabs.spec.cronSpec`, `--api-version=${group}/v1`)).toContain(
      'When it runs.',
    );
    expect(await kubectl.ok('explain', `crontabs`, `--api-version=${group}/v1`, '--recursive')).toMatch(
      /spec[\s\S]*cronSpec[\s\S]*status/,
    );
  });
});

test('definitions of the size and shape others ship are served as they mean it', async () => {
  await define(httpRoutes('gw.example.com'));
  const path = '/apis/gw.example.com/v1/namespaces/default/httproutes';
  const route = (name: string, spec: Json) => ({
    apiVersion: 'gw.example.com/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec,
  });
  const made = await send(
    'POST',
    path,
    route('a', { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 'svc', port: 80 }] }] }),
  );
  expect(made.body.spec).toEqual({
    parentRefs: [{ name: 'gw', group: 'gateway.networking.k8s.io', kind: 'Gateway' }],
    rules: [{ backendRefs: [{ name: 'svc', port: 80, group: '', kind: 'Service', weight: 1 }] }],
  });
  const bad = await send(
    'POST',
    path,
    route('b', {
      parentRefs: [{ name: 'gw' }, { name: 'gw' }],
      rules: [
        { name: 'x', matches: [{ path: { value: 'nope' } }] },
        { name: 'x', backendRefs: [{ name: 'svc' }] },
      ],
    }),
  );
  expect(bad.body.details.causes.map((one: Json) => [one.field, one.message])).toEqual([
    [
      'spec.parentRefs',
      'Invalid value: "array": sectionName or port must be unique when parentRefs includes 2 or more references to the same parent',
    ],
    ['spec.rules', 'Invalid value: "array": Rule name must be unique within the route'],
    [
      'spec.rules[0].matches[0].path',
      "Invalid value: \"object\": value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
    ],
    ['spec.rules[1].backendRefs[0]', 'Invalid value: "object": Must have port for Service reference'],
  ]);
  await define(prometheuses('mon.example.com'));
  const prometheus = (limits: Json) => ({
    apiVersion: 'mon.example.com/v1',
    kind: 'Prometheus',
    metadata: { name: `p${Object.keys(limits).length}` },
    spec: {
      resources: { limits },
      volumes: [{ name: 'x', emptyDir: { a: [1] } }],
      field7: { enabled: true },
    },
  });
  const fine = await send(
    'POST',
    '/apis/mon.example.com/v1/namespaces/default/prometheuses',
    prometheus({ cpu: 1, memory: '2Gi' }),
  );
  expect([fine.status, fine.body.spec.volumes]).toEqual([201, [{ name: 'x', emptyDir: { a: [1] } }]]);
  const wrong = await send(
    'POST',
    '/apis/mon.example.com/v1/namespaces/default/prometheuses',
    prometheus({ cpu: 'much' }),
  );
  expect(wrong.body.message).toContain('spec.resources.limits.cpu in body should match');
});

test('@kubernetes/client-node creates, lists and watches custom resources', async () => {
  const config = new KubeConfig();
  config.loadFromFile(adminConfig);
  const extensions = config.makeApiClient(ApiextensionsV1Api);
  const objects = config.makeApiClient(CustomObjectsApi);
  const group = 'client.example.com';
  await extensions.createCustomResourceDefinition({ body: cronTabs(group) });
  const target = { group, version: 'v1', namespace: 'default', plural: 'crontabs' };
  for (;;) {
    const crd = await extensions.readCustomResourceDefinition({ name: `crontabs.${group}` });
    if (crd.status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True')) break;
  }
  const seen: string[] = [];
  const changed = Promise.withResolvers<void>();
  const watch = await new Watch(config).watch(
    `/apis/${group}/v1/namespaces/default/crontabs`,
    {},
    (type, object) => {
      seen.push(`${type} ${object.metadata.name}`);
      if (seen.length === 2) changed.resolve();
    },
    () => undefined,
  );
  const body = {
    apiVersion: `${group}/v1`,
    kind: 'CronTab',
    metadata: { name: 'a' },
    spec: { cronSpec: '* * * * *' },
  };
  // The client calls a schema's `default` `_default`, and so does not send ours.
  await objects.createNamespacedCustomObject({ ...target, body });
  const listed: Json = await objects.listNamespacedCustomObject(target);
  expect(listed.items.map((one: Json) => one.spec)).toEqual([{ cronSpec: '* * * * *' }]);
  await objects.deleteNamespacedCustomObject({ ...target, name: 'a' });
  await changed.promise;
  watch.abort();
  expect(seen).toEqual(['ADDED a', 'DELETED a']);
});

describe('conversion by webhook', () => {
  let webhook: Server;
  let calls = 0;

  beforeAll(async () => {
    const { paths } = running.pki;
    const [cert, key] = await Promise.all([readFile(paths.serverCertificate), readFile(paths.serverKey)]);
    webhook = createServer({ cert, key }, async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      const { request: review } = JSON.parse(text);
      calls++;
      const convertedObjects = review.objects.map((object: Json) => {
        const { host, hostPort, ...rest } = object.spec;
        const split = review.desiredAPIVersion.endsWith('v2');
        const [name, port] = (hostPort ?? '').split(':');
        const spec = split
          ? { ...rest, host: name, port: Number(port) }
          : { hostPort: `${host}:${object.spec.port}` };
        return { ...object, apiVersion: review.desiredAPIVersion, spec };
      });
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'ConversionReview',
          response: { uid: review.uid, convertedObjects, result: { status: 'Success' } },
        }),
      );
    });
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => webhook.close());

  test('each version reads and writes the other', async () => {
    const { port } = webhook.address() as AddressInfo;
    const group = 'conv.example.com';
    const version = (name: string, storage: boolean, properties: Json) => ({
      name,
      served: true,
      storage,
      schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } },
    });
    const crd = cronTabs(group);
    crd.spec.versions = [
      version('v1', true, { hostPort: { type: 'string' } }),
      version('v2', false, { host: { type: 'string' }, port: { type: 'integer' } }),
    ];
    crd.spec.conversion = {
      strategy: 'Webhook',
      webhook: {
        conversionReviewVersions: ['v1'],
        clientConfig: {
          url: `https://127.0.0.1:${port}/convert`,
          caBundle: Buffer.from(running.pki.caCertificatePem).toString('base64'),
        },
      },
    };
    await define(crd);
    const at = (name: string) => `/apis/${group}/${name}/namespaces/default/crontabs`;
    const first = await send('POST', at('v1'), {
      apiVersion: `${group}/v1`,
      kind: 'CronTab',
      metadata: { name: 'a' },
      spec: { hostPort: 'x:80' },
    });
    expect(first.status).toBe(201);
    expect(calls).toBe(0);
    expect((await send('GET', `${at('v2')}/a`)).body.spec).toEqual({ host: 'x', port: 80 });
    await send('POST', at('v2'), {
      apiVersion: `${group}/v2`,
      kind: 'CronTab',
      metadata: { name: 'b' },
      spec: { host: 'y', port: 81 },
    });
    const before = calls;
    const list = await send('GET', at('v2'));
    expect(list.body.items.map((one: Json) => [one.apiVersion, one.spec])).toEqual([
      [`${group}/v2`, { host: 'x', port: 80 }],
      [`${group}/v2`, { host: 'y', port: 81 }],
    ]);
    expect(calls).toBe(before + 1);
    expect((await send('GET', `${at('v1')}/b`)).body.spec).toEqual({ hostPort: 'y:81' });
    webhook.closeAllConnections();
    await new Promise((resolve) => webhook.close(resolve));
    const failed = await send('GET', `${at('v2')}/a`);
    expect([failed.status, failed.body.message]).toEqual([
      500,
      expect.stringContaining(
        `conversion webhook for ${group}/v1, Kind=CronTab failed: Post "https://127.0.0.1`,
      ),
    ]);
  });
});

test('namespace and garbage collector see custom resources', async () => {
  // Looks for new kinds at once, not every half minute.
  const clock: Clock = {
    now: () => systemClock.now(),
    sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 100), signal),
  };
  const plane = await bootControlPlane({ clock });
  try {
    const { client } = plane;
    const group = 'gc.example.com';
    const ref = (resource: string, kind: string, of = group) => ({
      group: of,
      version: 'v1',
      resource,
      kind,
      namespaced: true,
    });
    const crds = {
      ...ref('customresourcedefinitions', 'CustomResourceDefinition', 'apiextensions.k8s.io'),
      namespaced: false,
    };
    await client.resource<Json>(crds).create(cronTabs(group));
    await until<Json, true>(
      client,
      crds,
      undefined,
      (found) =>
        found.some((one) =>
          one.status?.conditions?.some((c: Json) => c.type === 'Established' && c.status === 'True'),
        ) || undefined,
    );
    const namespaces = { ...ref('namespaces', 'Namespace', ''), namespaced: false };
    await client.resource<Json>(namespaces).create({ metadata: { name: 'goes' } });
    const crontabs = client.resource<Json>(ref('crontabs', 'CronTab'));
    const make = (name: string, namespace: string, more: Json = {}) =>
      crontabs.create({ metadata: { name, namespace, ...more }, spec: { cronSpec: '* * * * *' } });
    await make('in-namespace', 'goes');
    const owner = await make('owner', 'default');
    const ownerReferences = [
      { apiVersion: `${group}/v1`, kind: 'CronTab', name: 'owner', uid: owner.metadata.uid },
    ];
    await make('owned', 'default', { ownerReferences });
    await client.resource<Json>(namespaces).delete('goes');
    await until<Json, true>(
      client,
      namespaces,
      undefined,
      (found) => !found.some((one) => one.metadata.name === 'goes') || undefined,
    );
    await crontabs.delete('owner', { namespace: 'default' });
    await until<Json, true>(
      client,
      ref('crontabs', 'CronTab'),
      'default',
      (found) => found.length === 0 || undefined,
    );
  } finally {
    await plane.stop();
  }
});
