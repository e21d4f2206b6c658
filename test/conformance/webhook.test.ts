import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CONFIG_MAPS, configMap, pod, TestServer } from '../../src/apiserver/api-server.test-support.ts';
import { ObjectStorage } from '../../src/apiserver/storage/object-storage.ts';
import { builtinResources, type KubeObject } from '../../src/kube/index.ts';
import { patchOf, WebhookServer } from './webhook-server.ts';

/** The cases of Kubernetes' test/e2e/apimachinery/{webhook,crd_conversion_webhook}.go: a webhook behind a Service. */

// biome-ignore lint/suspicious/noExplicitAny: objects are looked at as the JSON they are.
type Json = any;

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
const PODS = '/api/v1/namespaces/default/pods';
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';
let server: TestServer;
let webhook: WebhookServer;
let directory: string;
let auditLog: string;

beforeAll(async () => {
  webhook = await WebhookServer.start(['e2e-test-webhook.hooks.svc']);
  directory = await mkdtemp(join(tmpdir(), 'orrery-webhook-'));
  auditLog = join(directory, 'audit.log');
  const policyFile = join(directory, 'audit.yaml');
  await writeFile(policyFile, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n');
  server = await TestServer.start({ audit: { policyFile, logFile: auditLog } });
  const made = async (path: string, body: Json) => {
    const answer = await server.post(path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  };
  for (const name of ['hooks', 'skipped'])
    await made('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await made('/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
  await made('/api/v1/namespaces/hooks/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'e2e-test-webhook' },
    spec: { ports: [{ port: 8443, targetPort: 8444 }] },
  });
  await placeEndpoint();
});

/** Straight into the store: the API takes no loopback address, and tests listen on no other. */
async function placeEndpoint(): Promise<void> {
  const resource = builtinResources.find(({ kind }) => kind === 'EndpointSlice')!;
  const [namespace, name] = ['hooks', 'e2e-test-webhook-1'];
  const storage = new ObjectStorage(server.store);
  await storage.create(resource, storage.keyOf(resource, { workspace: 'root', namespace, name }), {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': 'e2e-test-webhook' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: '', port: webhook.port, protocol: 'TCP' }],
  } as unknown as KubeObject);
}

afterAll(async () => {
  await server.stop();
  await webhook.stop();
  await rm(directory, { recursive: true });
});

afterEach(async () => {
  for (const kind of ['mutating', 'validating'])
    await server.delete(`${REGISTRATION}/${kind}webhookconfigurations`);
  await server.delete(CONFIG_MAPS);
  webhook.reviews = [];
  webhook.answers = {};
});

function rule(resource: string, operations = ['*'], group = ''): Json {
  return { operations, apiGroups: [group], apiVersions: ['*'], resources: [resource] };
}

function clientConfig(path: string): Json {
  const service = { namespace: 'hooks', name: 'e2e-test-webhook', port: 8443, path: `/${path}` };
  return { service, caBundle: webhook.caBundle };
}

function hook(name: string, rules: Json[] = [rule('configmaps')], more: Json = {}): Json {
  return {
    name: `${name}.k8s.io`,
    rules,
    clientConfig: clientConfig(name),
    sideEffects: 'None',
    admissionReviewVersions: ['v1', 'v1beta1'],
    ...more,
  };
}

const configurationsOf = (kind: string) => `${REGISTRATION}/${kind.toLowerCase()}webhookconfigurations`;

function post(kind: 'Mutating' | 'Validating', name: string, webhooks: Json[], labels: Json = {}) {
  return server.post(configurationsOf(kind), {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name, labels },
    webhooks,
  });
}

async function register(kind: 'Mutating' | 'Validating', name: string, ...webhooks: Json[]): Promise<void> {
  const answer = await post(kind, name, webhooks);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
}

/** The annotations of the audit event about the creation of a ConfigMap. */
async function auditOf(name: string): Promise<Json> {
  for (;;) {
    const lines = (await readFile(auditLog, 'utf8')).split('\n').filter((line) => line !== '');
    const events = lines.map((line) => JSON.parse(line) as Json);
    const found = events.find(
      ({ stage, objectRef }) =>
        stage === 'ResponseComplete' && objectRef?.resource === 'configmaps' && objectRef.name === name,
    );
    if (found !== undefined) return found.annotations;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const deny = (message: string) => () => ({ allowed: false, status: { message } });

async function defineWidgets(): Promise<void> {
  const schema = {
    type: 'object',
    properties: { data: { type: 'object', additionalProperties: { type: 'string' } } },
  };
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  while ((await server.get(WIDGETS)).status === 404) await new Promise((resolve) => setImmediate(resolve));
}

const widget = (name: string, data: Json = {}) => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  data,
});

test('should be able to deny pod and configmap creation', async () => {
  const skip = { key: 'skip-webhook-admission', operator: 'NotIn', values: ['yes'] };
  await register(
    'Validating',
    'deny',
    hook('pods', [rule('pods', ['CREATE'])], { timeoutSeconds: 1 }),
    hook('configmaps', [rule('configmaps', ['CREATE', 'UPDATE', 'DELETE'])], {
      namespaceSelector: { matchExpressions: [skip] },
    }),
    hook('fail-open', undefined, { failurePolicy: 'Ignore', clientConfig: { url: 'https://127.0.0.1:1' } }),
  );
  webhook.answers['/pods'] = deny(
    'the pod contains unwanted container name; the pod contains unwanted label',
  );
  const unwanted = await server.post(PODS, pod('disallowed-pod'));
  expect(unwanted.body.message).toBe(
    'admission webhook "pods.k8s.io" denied the request: the pod contains unwanted container name; the pod contains unwanted label',
  );
  expect(webhook.reviews[0].path).toBe('/pods?timeout=1s');
  delete webhook.answers['/pods'];
  expect((await server.post(PODS, pod('hanging-pod'))).body.message).toContain('deadline');
  webhook.answers['/configmaps'] = ({ object, oldObject, operation }) => {
    const { data } = operation === 'DELETE' ? oldObject : object;
    const isBad = data['webhook-e2e-test'] === 'webhook-disallow';
    return { allowed: !isBad, status: { message: 'the configmap contains unwanted key and value' } };
  };
  const bad = { 'webhook-e2e-test': 'webhook-disallow' };
  const refused = (answer: { body: Json }) =>
    expect(answer.body.message).toContain('the configmap contains unwanted key and value');
  refused(await server.post(CONFIG_MAPS, configMap('disallowed', { data: bad })));
  const admitted = await server.post(CONFIG_MAPS, configMap('allowed'));
  expect(admitted.status).toBe(201);
  refused(await server.put(`${CONFIG_MAPS}/allowed`, { ...admitted.body, data: bad }));
  refused(await server.patch(`${CONFIG_MAPS}/allowed`, { data: bad }));
  await server.patch('/api/v1/namespaces/skipped', {
    metadata: { labels: { 'skip-webhook-admission': 'yes' } },
  });
  const skipped = '/api/v1/namespaces/skipped/configmaps';
  expect((await server.post(skipped, configMap('let-in', { data: bad }))).status).toBe(201);
});

test('should be able to deny custom resource creation, update and deletion', async () => {
  await defineWidgets();
  await register('Validating', 'widgets', hook('widgets', [rule('widgets', ['*'], 'example.com')]));
  webhook.answers['/widgets'] = ({ operation, object, oldObject }) => {
    const { data } = operation === 'DELETE' ? oldObject : object;
    const isBad = data?.['webhook-e2e-test'] === `webhook-disallow-${operation.toLowerCase()}`;
    return { allowed: !isBad, status: { message: 'the custom resource contains unwanted data' } };
  };
  const data = (operation: string) => ({ 'webhook-e2e-test': `webhook-disallow-${operation}` });
  const refused = (answer: { body: Json }) =>
    expect(answer.body.message).toBe(
      'admission webhook "widgets.k8s.io" denied the request: the custom resource contains unwanted data',
    );
  refused(await server.post(WIDGETS, widget('a', data('create'))));
  expect((await server.post(WIDGETS, widget('b', data('delete')))).status).toBe(201);
  refused(await server.patch(`${WIDGETS}/b`, { data: data('update') }));
  refused(await server.delete(`${WIDGETS}/b`));
  await server.patch(`${WIDGETS}/b`, { data: { 'webhook-e2e-test': 'webhook-allow' } });
  expect((await server.delete(`${WIDGETS}/b`)).status).toBe(200);
});

test('should unconditionally reject operations on fail closed webhook', async () => {
  const url = { clientConfig: { url: 'https://127.0.0.1:1/', caBundle: webhook.caBundle } };
  await register('Validating', 'closed', hook('fail-closed', [rule('configmaps', ['CREATE'])], url));
  const { status, body } = await server.post(CONFIG_MAPS, configMap('foo'));
  expect(status).toBe(500);
  expect(body.reason).toBe('InternalError');
  expect(body.message).toContain('failed calling webhook "fail-closed.k8s.io": failed to call webhook: Post');
});

test('should mutate configmap, in stages', async () => {
  await register('Mutating', 'stages', hook('stage-1'), hook('stage-2'));
  const stage = (n: number, after: string) => () =>
    patchOf(
      { op: 'test', path: `/data/${after}`, value: 'yes' },
      { op: 'add', path: `/data/mutation-stage-${n}`, value: 'yes' },
    );
  webhook.answers['/stage-1'] = stage(1, 'mutation-start');
  webhook.answers['/stage-2'] = stage(2, 'mutation-stage-1');
  const data = { a: undefined, 'mutation-start': 'yes' };
  const { body } = await server.post(CONFIG_MAPS, configMap('to-be-mutated', { data }));
  expect(body.data).toEqual({
    'mutation-start': 'yes',
    'mutation-stage-1': 'yes',
    'mutation-stage-2': 'yes',
  });
});

test('should mutate pod and apply defaults after mutation', async () => {
  await register('Mutating', 'pods', hook('mutating-pods', [rule('pods', ['CREATE'])]));
  const init = { name: 'webhook-added-init-container', image: 'webhook-added-image' };
  webhook.answers['/mutating-pods'] = () =>
    patchOf({ op: 'add', path: '/spec/initContainers', value: [init] });
  const { body } = await server.post(PODS, pod('webhook-to-be-mutated'));
  expect(body.spec.initContainers).toMatchObject([{ ...init, terminationMessagePolicy: 'File' }]);
});

test('should not be able to mutate or prevent deletion of webhook configuration objects', async () => {
  const both = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];
  const rules = both.map((resource) => rule(resource, ['*'], 'admissionregistration.k8s.io'));
  await register('Validating', 'deny-configurations', hook('always-deny', rules));
  await register('Mutating', 'add-label', hook('add-label', rules));
  webhook.answers['/always-deny'] = deny('this webhook denies all requests');
  webhook.answers['/add-label'] = () => patchOf({ op: 'add', path: '/metadata/labels', value: { x: 'y' } });
  for (const kind of ['Validating', 'Mutating'] as const) {
    const made = await post(kind, 'dummy', [hook('dummy')]);
    expect(made.status).toBe(201);
    expect(made.body.metadata.labels ?? {}).toEqual({});
    expect((await server.delete(`${configurationsOf(kind)}/dummy`)).status).toBe(200);
  }
  expect(webhook.reviews).toHaveLength(0);
});

test('should deny crd creation', async () => {
  const group = 'apiextensions.k8s.io';
  await register('Validating', 'crds', hook('crd', [rule('customresourcedefinitions', ['CREATE'], group)]));
  webhook.answers['/crd'] = deny('the crd contains unwanted label');
  const { body } = await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'denied.example.com', labels: { 'webhook-e2e-test': 'webhook-disallow' } },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'denied', kind: 'Denied' },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      ],
    },
  });
  expect(body.message).toContain('the crd contains unwanted label');
});

test('should honor timeout', async () => {
  await register('Validating', 'slow', hook('slow', undefined, { timeoutSeconds: 1 }));
  const late = await server.post(CONFIG_MAPS, configMap('late'));
  expect(late.status).toBe(500);
  expect(late.body.message).toMatch(
    /^Internal error occurred: failed calling webhook "slow.k8s.io": failed to call webhook: Post "https:\/\/e2e-test-webhook.hooks.svc:8443\/slow\?timeout=1s": context deadline exceeded/,
  );
  const path = `${configurationsOf('Validating')}/slow`;
  await server.patch(
    path,
    [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
    'json-patch+json',
  );
  expect((await server.post(CONFIG_MAPS, configMap('ignored'))).status).toBe(201);
  expect((await server.get(path)).body.webhooks[0]).toMatchObject({
    failurePolicy: 'Ignore',
    timeoutSeconds: 1,
  });
});

test('patching/updating a webhook should work', async () => {
  for (const kind of ['Validating', 'Mutating'] as const) {
    await register(kind, 'rules', hook('rules', [rule('configmaps', ['CREATE'])]));
    webhook.answers['/rules'] =
      kind === 'Validating' ? deny('no') : () => patchOf({ op: 'add', path: '/data/mutated', value: 'yes' });
    const isHooked = async (name: string) => {
      const { status, body } = await server.post(CONFIG_MAPS, configMap(name));
      return kind === 'Validating' ? status === 400 : body.data?.mutated === 'yes';
    };
    const path = `${configurationsOf(kind)}/rules`;
    expect(await isHooked(`a-${kind.toLowerCase()}`)).toBe(true);
    const { body } = await server.get(path);
    body.webhooks[0].rules[0].operations = ['UPDATE'];
    expect((await server.put(path, body)).status).toBe(200);
    expect(await isHooked(`b-${kind.toLowerCase()}`)).toBe(false);
    const operations = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
    expect((await server.patch(path, operations, 'json-patch+json')).status).toBe(200);
    expect(await isHooked(`c-${kind.toLowerCase()}`)).toBe(true);
    await server.delete(path);
  }
});

test('listing webhooks, and deleting them as a collection, should work', async () => {
  for (const kind of ['Validating', 'Mutating'] as const) {
    const labels = { 'e2e-list-test-uuid': kind };
    for (const name of ['a', 'b']) await post(kind, `list-${name}`, [hook('listed')], labels);
    webhook.answers['/listed'] = deny('listed');
    const selected = `${configurationsOf(kind)}?labelSelector=e2e-list-test-uuid=${kind}`;
    expect((await server.get(selected)).body.items).toHaveLength(2);
    expect((await server.post(CONFIG_MAPS, configMap(`hooked-${kind.toLowerCase()}`))).status).toBe(400);
    await server.delete(selected);
    expect((await server.get(selected)).body.items).toHaveLength(0);
    expect((await server.post(CONFIG_MAPS, configMap(`free-${kind.toLowerCase()}`))).status).toBe(201);
  }
});

test('should reject webhook configurations with invalid match conditions', async () => {
  for (const kind of ['Validating', 'Mutating'] as const) {
    const matchConditions = [{ name: 'invalid-expression-1', expression: '... [] bad expression' }];
    const { status, body } = await post(kind, 'invalid', [hook('invalid', undefined, { matchConditions })]);
    expect(status).toBe(422);
    expect(body.message).toContain('compilation failed');
    expect(body.details.causes[0].field).toBe('webhooks[0].matchConditions[0].expression');
  }
});

test('should mutate everything except what its match conditions leave out', async () => {
  const matchConditions = [
    { name: 'skip-me', expression: "object.metadata.name != 'skip-me'" },
    { name: 'all-users', expression: "!('system:nodes' in request.userInfo.groups)" },
  ];
  await register('Mutating', 'conditions', hook('conditions', undefined, { matchConditions }));
  webhook.answers['/conditions'] = () => patchOf({ op: 'add', path: '/data/mutated', value: 'yes' });
  expect((await server.post(CONFIG_MAPS, configMap('skip-me'))).body.data).toEqual({ a: 'b' });
  expect((await server.post(CONFIG_MAPS, configMap('mutate-me'))).body.data.mutated).toBe('yes');
});

test('a match condition that fails refuses, unless failures are ignored', async () => {
  const matchConditions = [{ name: 'fails', expression: 'object.data.none == 1' }];
  await register('Validating', 'fails', hook('fails', undefined, { matchConditions }));
  const { status, body } = await server.post(CONFIG_MAPS, configMap('x'));
  expect(status).toBe(403);
  expect(body.message).toBe(
    `configmaps "x" is forbidden: expression 'object.data.none == 1' resulted in error: no such key: none`,
  );
});

test('a deletion tells its options, and every object of a collection is reviewed', async () => {
  for (const name of ['a', 'b']) await server.post(CONFIG_MAPS, configMap(name));
  await register('Validating', 'deletions', hook('deletions', [rule('configmaps', ['DELETE'])]));
  webhook.answers['/deletions'] = () => ({ allowed: true });
  await server.delete(`${CONFIG_MAPS}/a`, {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds: 3,
    propagationPolicy: 'Background',
  });
  await server.post(CONFIG_MAPS, configMap('c'));
  await server.delete(CONFIG_MAPS);
  const reviewed = webhook.reviews.map(({ request }) => request);
  expect(reviewed.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  expect(reviewed[0]).toMatchObject({
    operation: 'DELETE',
    object: null,
    oldObject: { kind: 'ConfigMap', apiVersion: 'v1' },
    options: {
      kind: 'DeleteOptions',
      apiVersion: 'meta.k8s.io/v1',
      gracePeriodSeconds: 3,
      propagationPolicy: 'Background',
    },
  });
});

test('scale, namespaces and patches are reviewed as what they are', async () => {
  const labels = { app: 'x' };
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  await server.post(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'scaled' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
  await register(
    'Validating',
    'shapes',
    hook('shapes', [rule('deployments/scale', ['UPDATE'], 'apps'), rule('namespaces', ['UPDATE'])], {
      namespaceSelector: { matchExpressions: [{ key: 'unhooked', operator: 'DoesNotExist' }] },
    }),
  );
  webhook.answers['/shapes'] = () => ({ allowed: true });
  await server.patch(`${deployments}/scaled/scale`, { spec: { replicas: 4 } });
  await server.patch('/api/v1/namespaces/skipped?fieldManager=me', {
    metadata: { labels: { hooked: 'yes' } },
  });
  await server.patch('/api/v1/namespaces/skipped', { metadata: { labels: { unhooked: 'yes' } } });
  const [scale, namespace, ...more] = webhook.reviews.map(({ request }) => request);
  expect(more).toHaveLength(0);
  expect(scale).toMatchObject({
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    resource: { group: 'apps', version: 'v1', resource: 'deployments' },
    subResource: 'scale',
    requestSubResource: 'scale',
    object: { kind: 'Scale', spec: { replicas: 4 } },
    oldObject: { spec: { replicas: 1 } },
  });
  expect(namespace).toMatchObject({
    name: 'skipped',
    namespace: 'skipped',
    operation: 'UPDATE',
    options: { kind: 'UpdateOptions', fieldManager: 'me' },
  });
});

test.each<[string, Json, string]>([
  [
    'does not apply',
    patchOf({ op: 'remove', path: '/data/none' }),
    'Internal error occurred: remove operation does not apply: ',
  ],
  [
    'is none',
    { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('{').toString('base64') },
    'Internal error occurred: failed calling webhook "broken.k8s.io": received undecodable patch in webhook response: ',
  ],
  [
    'has no type',
    { allowed: true, patch: Buffer.from('[]').toString('base64') },
    'Internal error occurred: failed calling webhook "broken.k8s.io": received invalid webhook response: webhook returned response.patch but not response.patchType',
  ],
])('a patch that %s is the server’s error', async (_, answer, message) => {
  await register('Mutating', 'broken', hook('broken'));
  webhook.answers['/broken'] = () => answer;
  const { status, body } = await server.post(CONFIG_MAPS, configMap('broken'));
  expect(status).toBe(500);
  expect(body.message).toContain(message);
});

test('a service that is not there is named', async () => {
  const missing = clientConfig('x');
  missing.service.name = 'nowhere';
  await register('Validating', 'missing', hook('missing', undefined, { clientConfig: missing }));
  const { body } = await server.post(CONFIG_MAPS, configMap('x'));
  expect(body.message).toContain(
    'failed to call webhook: Post "https://nowhere.hooks.svc:8443/x?timeout=10s": ',
  );
  expect(body.message).toContain('service "nowhere" not found');
  missing.service = { ...missing.service, name: 'e2e-test-webhook', port: 1 };
  await register('Validating', 'no-port', hook('no-port', undefined, { clientConfig: missing }));
  await server.delete(`${configurationsOf('Validating')}/missing`);
  const without = await server.post(CONFIG_MAPS, configMap('x'));
  expect(without.body.message).toContain('no service port 1 found for service "e2e-test-webhook"');
});

test('what webhooks say and do is written into the audit log', async () => {
  const unreachable = { failurePolicy: 'Ignore', clientConfig: { url: 'https://127.0.0.1:1' } };
  await register('Mutating', 'audited', hook('audited'), hook('gone', undefined, unreachable));
  webhook.answers['/audited'] = () => ({
    ...patchOf({ op: 'add', path: '/data/x', value: 'y' }),
    auditAnnotations: { seen: 'yes' },
  });
  await server.post(CONFIG_MAPS, configMap('audited'));
  const annotations = await auditOf('audited');
  expect(annotations).toMatchObject({
    'audited.k8s.io/seen': 'yes',
    'failed-open.mutation.webhook.admission.k8s.io/round_0_index_1': 'gone.k8s.io',
  });
  expect(JSON.parse(annotations['mutation.webhook.admission.k8s.io/round_0_index_0'])).toEqual({
    configuration: 'audited',
    webhook: 'audited.k8s.io',
    mutated: true,
  });
});

test('what policies find, and note, is written into the audit log', async () => {
  const common = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'noted' } };
  const policies = `${REGISTRATION}/validatingadmissionpolicies`;
  await server.post(policies, {
    ...common,
    kind: 'ValidatingAdmissionPolicy',
    spec: {
      matchConstraints: { resourceRules: [rule('configmaps', ['CREATE'])] },
      validations: [{ expression: 'true' }, { expression: "'b' in object.data", message: 'b is missing' }],
      auditAnnotations: [
        { key: 'keys', valueExpression: "'keys: ' + string(size(object.data))" },
        { key: 'nothing', valueExpression: 'null' },
      ],
    },
  });
  const binding = { policyName: 'noted', validationActions: ['Audit'] };
  await server.post(policies.replace('policies', 'policybindings'), {
    ...common,
    kind: 'ValidatingAdmissionPolicyBinding',
    spec: binding,
  });
  expect((await server.post(CONFIG_MAPS, configMap('noted'))).status).toBe(201);
  const annotations = await auditOf('noted');
  expect(annotations['noted/keys']).toBe('keys: 1');
  expect(annotations).not.toHaveProperty('noted/nothing');
  expect(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure'])).toEqual([
    {
      message: 'b is missing',
      policy: 'noted',
      binding: 'noted',
      expressionIndex: 1,
      validationActions: ['Audit'],
    },
  ]);
  await server.delete(policies);
});

test('what webhooks and policies decided is counted under upstream’s names', async () => {
  await register('Validating', 'counted', hook('counted'));
  webhook.answers['/counted'] = deny('no');
  await server.post(CONFIG_MAPS, configMap('x'));
  const { body } = await server.get('/metrics');
  expect(body).toContain(
    'apiserver_admission_webhook_rejection_count{name="counted.k8s.io",type="validating",operation="CREATE",error_type="no_error",rejection_code="400"} 1',
  );
  expect(body).toContain('apiserver_admission_webhook_fail_open_count{name="gone.k8s.io",type="admit"} 1');
});

test('should be able to convert from CR v1 to CR v2, behind a Service', async () => {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const version = (name: string) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: { openAPIV3Schema: schema },
  });
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'hosts.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'hosts', kind: 'Host' },
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: clientConfig('crdconvert'), conversionReviewVersions: ['v1'] },
      },
      versions: [version('v1'), version('v2')],
    },
  });
  webhook.answers['/crdconvert'] = ({ objects, desiredAPIVersion }) => ({
    result: { status: 'Success' },
    convertedObjects: objects.map(({ hostPort, host, port, ...rest }: Json) => ({
      ...rest,
      apiVersion: desiredAPIVersion,
      ...(desiredAPIVersion.endsWith('v2')
        ? { host: hostPort?.split(':')[0], port: hostPort?.split(':')[1] }
        : { hostPort: `${host}:${port}` }),
    })),
  });
  const path = (version: string) => `/apis/example.com/${version}/namespaces/default/hosts`;
  while ((await server.get(path('v1'))).status === 404) await new Promise((resolve) => setImmediate(resolve));
  const host = {
    apiVersion: 'example.com/v1',
    kind: 'Host',
    metadata: { name: 'h' },
    hostPort: 'localhost:8080',
  };
  expect((await server.post(path('v1'), host)).status).toBe(201);
  const { body } = await server.get(`${path('v2')}/h`);
  expect(body).toMatchObject({ apiVersion: 'example.com/v2', host: 'localhost', port: '8080' });
  expect((await server.get(path('v2'))).body.items).toMatchObject([{ host: 'localhost' }]);
  expect(webhook.reviews[0].path).toBe('/crdconvert?timeout=30s');
});
