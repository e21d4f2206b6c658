import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CONFIG_MAPS, configMap, pod, TestServer } from '../../src/apiserver/api-server.test-support.ts';
import { patchOf, WebhookServer } from './webhook-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: reviews are looked at as the JSON they are.
type Json = any;

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
let server: TestServer;
let webhook: WebhookServer;

beforeAll(async () => {
  webhook = await WebhookServer.start(['hook.default.svc']);
});

afterAll(() => webhook.stop());

beforeEach(async () => {
  webhook.reviews = [];
  webhook.answers = {};
  server = await TestServer.start();
  await server.post('/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
});

afterEach(() => server.stop());

function hook(name: string, more: Json = {}): Json {
  return {
    name: `${name}.example.com`,
    clientConfig: { url: `https://127.0.0.1:${webhook.port}/${name}`, caBundle: webhook.caBundle },
    rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  };
}

async function register(kind: 'Mutating' | 'Validating', name: string, ...webhooks: Json[]): Promise<void> {
  const answer = await server.post(`${REGISTRATION}/${kind.toLowerCase()}webhookconfigurations`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks,
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
}

const addData = (key: string) => patchOf({ op: 'add', path: `/data/${key}`, value: 'yes' });

test('a validating webhook denies in its own words, and warns', async () => {
  await register('Validating', 'deny', hook('deny'));
  webhook.answers['/deny'] = () => ({
    allowed: false,
    warnings: ['mind the gap'],
    status: { code: 403, reason: 'Forbidden', message: 'not this one' },
  });
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.status).toBe(403);
  expect(answer.body.message).toBe('admission webhook "deny.example.com" denied the request: not this one');
  expect(answer.body.reason).toBe('Forbidden');
  expect(answer.headers.warning).toBe('299 - "mind the gap"');
  const { request } = webhook.reviews[0];
  expect(webhook.reviews[0].path).toBe('/deny?timeout=10s');
  expect(request).toMatchObject({
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    resource: { group: '', version: 'v1', resource: 'configmaps' },
    name: 'a',
    namespace: 'default',
    operation: 'CREATE',
    userInfo: { username: 'admin' },
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  });
  expect(request.object.metadata.name).toBe('a');
});

test('a denial without a code is a 400 without explanation', async () => {
  await register('Validating', 'deny', hook('deny'));
  webhook.answers['/deny'] = () => ({ allowed: false });
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.status).toBe(400);
  expect(answer.body.message).toBe(
    'admission webhook "deny.example.com" denied the request without explanation',
  );
});

test('mutating webhooks run in the order of their names, and what they make is checked', async () => {
  await register('Mutating', 'b', hook('second'));
  await register('Mutating', 'a', hook('first'));
  webhook.answers['/first'] = () => addData('first');
  webhook.answers['/second'] = ({ object }) => (object.data.first ? addData('second') : { allowed: false });
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.body.data).toEqual({ a: 'b', first: 'yes', second: 'yes' });
  webhook.answers['/second'] = () => patchOf({ op: 'add', path: '/data/no~1key', value: 'x' });
  const bad = await server.post(CONFIG_MAPS, configMap('b'));
  expect(bad.status).toBe(422);
});

test('a webhook that asks for it sees what later ones changed', async () => {
  await register('Mutating', 'a', hook('first', { reinvocationPolicy: 'IfNeeded' }));
  await register('Mutating', 'b', hook('second'));
  webhook.answers['/first'] = ({ object }) => (object.data.second ? addData('again') : addData('first'));
  webhook.answers['/second'] = () => addData('second');
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.body.data).toEqual({ a: 'b', first: 'yes', second: 'yes', again: 'yes' });
  expect(webhook.reviews).toHaveLength(3);
});

test('a mutated pod gets defaults, and the other plug-ins, again', async () => {
  const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }];
  await register('Mutating', 'sidecar', hook('sidecar', { rules }));
  webhook.answers['/sidecar'] = () =>
    patchOf({ op: 'add', path: '/spec/containers/-', value: { name: 'sidecar', image: 'y' } });
  const answer = await server.post('/api/v1/namespaces/default/pods', pod('a'));
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  const sidecar = answer.body.spec.containers[1];
  expect(sidecar).toMatchObject({
    imagePullPolicy: 'Always',
    terminationMessagePath: '/dev/termination-log',
  });
  expect(sidecar.volumeMounts).toHaveLength(1);
});

test('a webhook that cannot be reached fails the request, or is ignored', async () => {
  const clientConfig = { url: 'https://127.0.0.1:1/x', caBundle: webhook.caBundle };
  await register('Validating', 'gone', hook('gone', { clientConfig }));
  const refused = await server.post(CONFIG_MAPS, configMap('a'));
  expect(refused.status).toBe(500);
  expect(refused.body.message).toBe(
    'Internal error occurred: failed calling webhook "gone.example.com": failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
  );
  // The configuration itself is never intercepted.
  const path = `${REGISTRATION}/validatingwebhookconfigurations/gone`;
  const { body } = await server.get(path);
  body.webhooks[0].failurePolicy = 'Ignore';
  expect((await server.put(path, body)).status).toBe(200);
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
});

test('a webhook that does not answer in time fails by its deadline', async () => {
  await register('Validating', 'slow', hook('slow', { timeoutSeconds: 1 }));
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.body.message).toContain(
    `Post "https://127.0.0.1:${webhook.port}/slow?timeout=1s": context deadline exceeded`,
  );
});

test('a webhook whose certificate its CA did not sign is not believed', async () => {
  const clientConfig = { url: `https://127.0.0.1:${webhook.port}/x` };
  await register('Validating', 'stranger', hook('stranger', { clientConfig }));
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.body.message).toContain(
    'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  );
  expect(webhook.reviews).toHaveLength(0);
});

test('a service is asked under its own name', async () => {
  await server.post('/api/v1/namespaces/default/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'hook' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  const service = { namespace: 'default', name: 'hook', path: '/svc', port: webhook.port };
  await register('Validating', 'svc', hook('svc', { clientConfig: { service, caBundle: webhook.caBundle } }));
  webhook.answers['/svc'] = () => ({ allowed: true });
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
  expect(webhook.reviews[0].path).toBe('/svc?timeout=10s');
});

test('selectors of namespaces and objects, and operations, choose what a webhook sees', async () => {
  const only = { matchLabels: { hooked: 'yes' } };
  await register('Validating', 'by-object', hook('by-object', { objectSelector: only }));
  await register('Validating', 'by-namespace', hook('by-namespace', { namespaceSelector: only }));
  webhook.answers['/by-object'] = webhook.answers['/by-namespace'] = () => ({ allowed: true });
  await server.post(CONFIG_MAPS, configMap('plain'));
  expect(webhook.reviews).toHaveLength(0);
  await server.post(CONFIG_MAPS, configMap('labelled', { metadata: { labels: { hooked: 'yes' } } }));
  expect(webhook.reviews.map(({ path }) => path)).toEqual(['/by-object?timeout=10s']);
  await server.patch('/api/v1/namespaces/default', { metadata: { labels: { hooked: 'yes' } } });
  await server.delete(`${CONFIG_MAPS}/plain`);
  expect(webhook.reviews[1].path).toBe('/by-namespace?timeout=10s');
  expect(webhook.reviews[1].request).toMatchObject({
    operation: 'DELETE',
    object: null,
    oldObject: { data: { a: 'b' } },
  });
});

test('a webhook whose conditions are not met is not asked', async () => {
  const expression = "object.metadata.name.startsWith('asked') && request.userInfo.username == 'admin'";
  const matchConditions = [{ name: 'not-ours', expression }];
  await register('Validating', 'conditional', hook('conditional', { matchConditions }));
  webhook.answers['/conditional'] = () => ({ allowed: true });
  await server.post(CONFIG_MAPS, configMap('other'));
  expect(webhook.reviews).toHaveLength(0);
  await server.post(CONFIG_MAPS, configMap('asked'));
  expect(webhook.reviews).toHaveLength(1);
});

test('an equivalent version of the resource is converted for the webhook', async () => {
  const rules = [
    {
      operations: ['*'],
      apiGroups: ['autoscaling'],
      apiVersions: ['v1'],
      resources: ['horizontalpodautoscalers'],
    },
  ];
  await register('Validating', 'equivalent', hook('equivalent', { rules }));
  await register('Validating', 'exact', hook('exact', { rules, matchPolicy: 'Exact' }));
  webhook.answers['/equivalent'] = () => ({ allowed: true });
  const answer = await server.post('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'a' },
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } },
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  expect(webhook.reviews).toHaveLength(1);
  expect(webhook.reviews[0].request).toMatchObject({
    kind: { group: 'autoscaling', version: 'v1' },
    requestKind: { group: 'autoscaling', version: 'v2' },
    object: { apiVersion: 'autoscaling/v1', spec: { maxReplicas: 3 } },
  });
});

test('a webhook is told of a dry run', async () => {
  await register('Validating', 'effects', hook('quiet', { sideEffects: 'NoneOnDryRun' }));
  webhook.answers['/quiet'] = () => ({ allowed: true });
  expect((await server.post(`${CONFIG_MAPS}?dryRun=All`, configMap('a'))).status).toBe(201);
  expect(webhook.reviews[0].request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } });
});

test('custom resources are mutated in the version the webhook wants', async () => {
  const schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
  };
  const version = (name: string) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: { openAPIV3Schema: schema },
  });
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [version('v1'), version('v2')],
    },
  });
  const path = '/apis/example.com/v2/namespaces/default/widgets';
  while ((await server.get(path)).status === 404) await new Promise((resolve) => setImmediate(resolve));
  const rules = [
    { operations: ['*'], apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['widgets'] },
  ];
  await register('Mutating', 'widgets', hook('widgets', { rules }));
  webhook.answers['/widgets'] = () =>
    patchOf(
      { op: 'add', path: '/spec', value: { a: 'from the webhook', unknown: 'pruned' } },
      { op: 'add', path: '/metadata/labels', value: { mutated: 'yes' } },
    );
  const widget = { apiVersion: 'example.com/v2', kind: 'Widget', metadata: { name: 'w' } };
  const answer = await server.post(path, widget);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  expect(answer.body).toMatchObject({
    apiVersion: 'example.com/v2',
    metadata: { labels: { mutated: 'yes' } },
  });
  expect(answer.body.spec).toEqual({ a: 'from the webhook' });
  expect(webhook.reviews[0].request).toMatchObject({
    kind: { group: 'example.com', version: 'v1', kind: 'Widget' },
    requestKind: { version: 'v2' },
    object: { apiVersion: 'example.com/v1' },
  });
});

test('connections to pods are asked about', async () => {
  const rules = [
    { operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/attach'] },
  ];
  await register('Validating', 'attach', hook('attach', { rules }));
  webhook.answers['/attach'] = () => ({
    allowed: false,
    status: { message: 'attaching to pods is not allowed' },
  });
  await server.post('/api/v1/namespaces/default/pods', pod('a'));
  const answer = await server.post('/api/v1/namespaces/default/pods/a/attach?stdin=true&container=main', '');
  expect(answer.body.message).toBe(
    'admission webhook "attach.example.com" denied the request: attaching to pods is not allowed',
  );
  expect(webhook.reviews[0].request).toMatchObject({
    kind: { group: '', version: 'v1', kind: 'PodAttachOptions' },
    subResource: 'attach',
    operation: 'CONNECT',
    object: { kind: 'PodAttachOptions', stdin: true, container: 'main' },
  });
});

test('evictions are asked about', async () => {
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/eviction'] },
  ];
  await register('Validating', 'eviction', hook('eviction', { rules }));
  webhook.answers['/eviction'] = () => ({ allowed: false, status: { message: 'not now' } });
  await server.post('/api/v1/namespaces/default/pods', pod('a'));
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a' } };
  const answer = await server.post('/api/v1/namespaces/default/pods/a/eviction', eviction);
  expect(answer.body.message).toBe('admission webhook "eviction.example.com" denied the request: not now');
  expect(webhook.reviews[0].request).toMatchObject({
    kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
    subResource: 'eviction',
    object: { kind: 'Eviction', metadata: { name: 'a' } },
  });
  expect((await server.get('/api/v1/namespaces/default/pods/a')).status).toBe(200);
});
