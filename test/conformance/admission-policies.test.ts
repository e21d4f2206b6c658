import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { configMap, TestServer } from '../../src/apiserver/api-server.test-support.ts';

/** The steps of Kubernetes' test/e2e/apimachinery/{mutating,validating}admissionpolicy.go, and what they leave out. */

// biome-ignore lint/suspicious/noExplicitAny: objects are looked at as the JSON they are.
type Json = any;

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});

afterAll(() => server.stop());

afterEach(async () => {
  for (const kind of ['mutating', 'validating'])
    for (const what of ['policies', 'policybindings'])
      await server.delete(`${REGISTRATION}/${kind}admission${what}`);
  for (const path of [CONFIG_MAPS, DEPLOYMENTS]) await server.delete(path);
});

const rule = (group: string, resource: string, operations = ['CREATE', 'UPDATE']) => ({
  operations,
  apiGroups: [group],
  apiVersions: ['v1'],
  resources: [resource],
});

function policyOf(kind: string, name: string, spec: Json, resource = rule('', 'configmaps')): Json {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}AdmissionPolicy`,
    metadata: { name },
    spec: { matchConstraints: { resourceRules: [resource] }, ...spec },
  };
}

async function bind(kind: 'Mutating' | 'Validating', policy: Json, binding: Json = {}): Promise<void> {
  const base = `${REGISTRATION}/${kind.toLowerCase()}admissionpolicies`;
  const made = await server.post(base, policy);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { name } = policy.metadata;
  const bound = await server.post(base.replace('policies', 'policybindings'), {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}AdmissionPolicyBinding`,
    metadata: { name },
    spec: { policyName: name, ...(kind === 'Validating' && { validationActions: ['Deny'] }), ...binding },
  });
  expect(bound.status, JSON.stringify(bound.body)).toBe(201);
}

const apply = (expression: string) => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
});
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } });

function mutate(name: string, mutations: Json[], more: Json = {}, resource?: Json): Promise<void> {
  const { binding, ...spec } = more;
  const whole = { reinvocationPolicy: 'Never', mutations, ...spec };
  return bind('Mutating', policyOf('Mutating', name, whole, resource), binding);
}

function deployment(name: string, more: Json = {}): Json {
  const labels = { app: 'test' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'nginx', image: 'nginx' }] } },
      ...more,
    },
  };
}

test('a mutating policy annotates a Deployment', async () => {
  const expression = `Object{metadata: Object.metadata{annotations: {"mutated-by": "admission-policy"}}}`;
  await mutate('annotate', [apply(expression)], {}, rule('apps', 'deployments'));
  const { body } = await server.post(DEPLOYMENTS, deployment('test-deployment'));
  expect(body.metadata.annotations).toEqual({ 'mutated-by': 'admission-policy' });
  expect(body.metadata.managedFields).toHaveLength(1);
});

test('an apply configuration joins list items by their keys, and the object gets defaults again', async () => {
  const env = 'Object.spec.template.spec.containers.env{name: "X", value: request.operation}';
  const container = (name: string, more: string) =>
    `Object.spec.template.spec.containers{name: "${name}", ${more}}`;
  const expression = `Object{spec: Object.spec{
    replicas: object.spec.replicas + variables.more,
    template: Object.spec.template{spec: Object.spec.template.spec{containers: [
      ${container('nginx', `env: [${env}]`)}, ${container('sidecar', 'image: "sidecar"')}]}}}}`;
  const variables = [{ name: 'more', expression: '2' }];
  await mutate('join', [apply(expression)], { variables }, rule('apps', 'deployments'));
  const { body, status } = await server.post(DEPLOYMENTS, deployment('join'));
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body.spec.replicas).toBe(3);
  const [first, second] = body.spec.template.spec.containers;
  expect(first).toMatchObject({ image: 'nginx', env: [{ name: 'X', value: 'CREATE' }] });
  expect(second).toMatchObject({ name: 'sidecar', terminationMessagePolicy: 'File' });
});

test('a JSON patch of a policy tests, escapes and makes objects', async () => {
  await mutate('patch', [
    patch(`[JSONPatch{op: "test", path: "/data/a", value: "other"}, JSONPatch{op: "remove", path: "/data"}]`),
    patch(`[
      JSONPatch{op: "add", path: "/metadata/labels", value: {}},
      JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/x"), value: "y"},
      JSONPatch{op: "copy", from: "/data/a", path: "/data/copy"},
      JSONPatch{op: "replace", path: "/data/new", value: string(has(JSONPatch{}.op)) + JSONPatch{op: "x"}.op}
    ]`),
  ]);
  const { body, status } = await server.post(CONFIG_MAPS, configMap('patched'));
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body.metadata.labels).toEqual({ 'example.com/x': 'y' });
  expect(body.data).toEqual({ a: 'b', copy: 'b', new: 'falsex' });
});

test.each<[string, string, string]>([
  [
    'an atomic part',
    'Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"l": "v"}}}}',
    'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector',
  ],
  [
    'a wrong type name',
    'Object{spec: Object.specx{replicas: 1}}',
    'type mismatch: unexpected type name "Object.specx", expected "Object.spec", which matches field name path from root Object type',
  ],
  [
    'an unknown field',
    'Object{spec: Object.spec{replicasx: 1}}',
    'error applying patch: failed to convert patch object to typed object: .spec.replicasx: field not declared in schema',
  ],
  [
    'what is not there',
    'Object{metadata: Object.metadata{labels: {"x": object.metadata.labels.y}}}',
    'resulted in error: no such key: labels',
  ],
])('a mutating policy that meets %s refuses, unless failures are ignored', async (_, expression, message) => {
  await mutate('bad', [apply(expression)], {}, rule('apps', 'deployments'));
  const refused = await server.post(DEPLOYMENTS, deployment('refused'));
  expect(refused.status).toBe(403);
  expect(refused.body.reason).toBe('Invalid');
  expect(refused.body.message).toMatch(/^policy 'bad' with binding 'bad' denied request: /);
  expect(refused.body.message).toContain(message);
  expect(refused.body.details.causes).toEqual([{ message: refused.body.message }]);
  await server.patch(`${REGISTRATION}/mutatingadmissionpolicies/bad`, { spec: { failurePolicy: 'Ignore' } });
  expect((await server.post(DEPLOYMENTS, deployment('let-in'))).status).toBe(201);
});

test('match conditions and bindings narrow what a mutating policy is for', async () => {
  const label = apply('Object{metadata: Object.metadata{labels: {"seen": "yes"}}}');
  const matchConditions = [{ name: 'named', expression: "object.metadata.name.startsWith('in')" }];
  const matchResources = { objectSelector: { matchLabels: { bound: 'yes' } } };
  await mutate('narrow', [label], { matchConditions, binding: { matchResources } });
  const labelsOf = async (name: string, labels: Json) =>
    (await server.post(CONFIG_MAPS, configMap(name, { metadata: { labels } }))).body.metadata.labels;
  expect(await labelsOf('in-bound', { bound: 'yes' })).toEqual({ bound: 'yes', seen: 'yes' });
  expect(await labelsOf('out-bound', { bound: 'yes' })).toEqual({ bound: 'yes' });
  expect(await labelsOf('in-unbound', { bound: 'no' })).toEqual({ bound: 'no' });
});

test('a mutating policy is applied once for each parameter its binding selects', async () => {
  for (const [name, value] of [
    ['one', '1'],
    ['two', '2'],
  ])
    await server.post(
      CONFIG_MAPS,
      configMap(name!, { metadata: { labels: { param: 'yes' } }, data: { value } }),
    );
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const selector = { matchLabels: { param: 'yes' } };
  const paramRef = { selector, parameterNotFoundAction: 'Deny' };
  const expression = `Object{data: {"from-" + params.metadata.name: params.data.value}}`;
  await mutate('params', [apply(expression)], { paramKind, binding: { paramRef } });
  const { body } = await server.post(CONFIG_MAPS, configMap('target'));
  expect(body.data).toEqual({ a: 'b', 'from-one': '1', 'from-two': '2' });
  await server.delete(`${CONFIG_MAPS}?labelSelector=param=yes`);
  const refused = await server.post(CONFIG_MAPS, configMap('none'));
  expect(refused.body.message).toBe(
    "policy 'params' with binding 'params' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
  );
});

test('a policy that asks for it sees what later ones changed', async () => {
  const count = (key: string) =>
    patch(`[JSONPatch{op: "add", path: "/data/${key}", value: string(size(object.data))}]`);
  await mutate('a-first', [count('first')], { reinvocationPolicy: 'IfNeeded' });
  await mutate('b-second', [count('second')]);
  const { body } = await server.post(CONFIG_MAPS, configMap('again'));
  expect(body.data).toEqual({ a: 'b', first: '3', second: '2' });
});

test('a mutating policy changes custom resources by their schema', async () => {
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          items: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: {
              type: 'object',
              required: ['name'],
              properties: { name: { type: 'string' }, n: { type: 'integer' } },
            },
          },
        },
      },
    },
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
  const path = '/apis/example.com/v1/namespaces/default/widgets';
  while ((await server.get(path)).status === 404) await new Promise((resolve) => setImmediate(resolve));
  const expression = 'Object{spec: Object.spec{items: [Object.spec.items{name: "a", n: 7}]}}';
  await mutate('widgets', [apply(expression)], {}, rule('example.com', 'widgets'));
  const { body, status } = await server.post(path, {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    spec: { items: [{ name: 'b' }, { name: 'a', n: 1 }] },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body.spec.items).toEqual(expect.arrayContaining([{ name: 'b' }, { name: 'a', n: 7 }]));
});

test.each<[string, Json, string]>([
  [
    'that is no Object',
    { mutations: [apply(`"I'm a teapot!"`)] },
    'spec.mutations[0].applyConfiguration.expression: Invalid value: "\\"I\'m a teapot!\\"": must evaluate to Object but got string',
  ],
  [
    'of a part',
    { mutations: [apply('Object.spec.metadata{}')] },
    'must evaluate to Object but got Object.spec.metadata',
  ],
  ['that is no patch', { mutations: [patch('[1]')] }, 'must evaluate to list(JSONPatch) but got list(int)'],
  ['with an unknown variable', { mutations: [apply('Object{x: variables.none}')] }, "undefined field 'none'"],
  [
    'with parameters it has none of',
    { mutations: [apply('Object{}')], matchConditions: [{ name: 'p', expression: 'params.x == 1' }] },
    "undeclared reference to 'params' (in container '')",
  ],
  [
    'of deletions',
    {
      mutations: [apply('Object{}')],
      matchConstraints: { resourceRules: [rule('', 'configmaps', ['DELETE'])] },
    },
    'supported values: "*", "CONNECT", "CREATE", "UPDATE"',
  ],
])('a mutating policy with an expression %s is refused', async (_, spec, message) => {
  const policy = policyOf('Mutating', 'refused', { reinvocationPolicy: 'Never', ...spec });
  const { status, body } = await server.post(`${REGISTRATION}/mutatingadmissionpolicies`, policy);
  expect(status).toBe(422);
  expect(body.message).toContain(message);
});

test.each([
  ['Mutating', { reinvocationPolicy: 'Never', mutations: [apply('Object{}')] }],
  ['Validating', { validations: [{ expression: 'true' }] }],
] as const)('%s policies are made, listed, patched, updated and deleted', async (kind, spec) => {
  const path = `${REGISTRATION}/${kind.toLowerCase()}admissionpolicies`;
  const labels = { e2e: 'yes' };
  for (let i = 0; i < 3; i++) {
    const template = policyOf(kind, '', spec, rule('apps', 'deployments'));
    template.metadata = { generateName: 'e2e-', labels };
    expect((await server.post(path, template)).status).toBe(201);
  }
  const list = async () => (await server.get(`${path}?labelSelector=e2e=yes`)).body.items as Json[];
  const [{ metadata }] = await list();
  const patched = await server.patch(`${path}/${metadata.name}`, {
    metadata: { annotations: { patched: 'true' } },
    spec: { failurePolicy: 'Ignore' },
  });
  expect(patched.body).toMatchObject({ metadata: { generation: 2 }, spec: { failurePolicy: 'Ignore' } });
  let updated: Json;
  // The status of a policy is written beside: who updates tries again on a conflict, as the e2e test does.
  do {
    const { body } = await server.get(`${path}/${metadata.name}`);
    body.spec.failurePolicy = 'Fail';
    updated = await server.put(`${path}/${metadata.name}`, body);
  } while (updated.status === 409);
  expect(updated.body.spec.failurePolicy).toBe('Fail');
  await server.delete(`${path}/${metadata.name}`);
  expect((await server.get(`${path}/${metadata.name}`)).status).toBe(404);
  expect(await list()).toHaveLength(2);
  await server.delete(`${path}?labelSelector=e2e=yes`);
  expect(await list()).toHaveLength(0);
});

function validate(name: string, spec: Json, resource?: Json): Promise<void> {
  const { binding, ...rest } = spec;
  return bind('Validating', policyOf('Validating', name, rest, resource), binding);
}

/** The status of a policy once its expressions have been looked at. */
async function checked(name: string): Promise<Json> {
  for (;;) {
    const { body } = await server.get(`${REGISTRATION}/validatingadmissionpolicies/${name}`);
    if (body.status?.typeChecking !== undefined) return body.status;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a validating policy is for Deployments, and says what is wrong', async () => {
  const validations = [
    {
      expression: 'object.spec.replicas > 1',
      messageExpression: "'wants replicas > 1, got ' + string(object.spec.replicas)",
    },
  ];
  await validate('replicas', { validations }, rule('apps', 'deployments'));
  const refused = await server.post(DEPLOYMENTS, deployment('marker', { replicas: 1 }));
  expect(refused.status).toBe(422);
  expect(refused.body.message).toBe(
    `deployments.apps "marker" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'replicas' denied request: wants replicas > 1, got 1`,
  );
  expect((await server.post(DEPLOYMENTS, deployment('replicated', { replicas: 2 }))).status).toBe(201);
  const set = { ...deployment('single', { replicas: 1 }), kind: 'ReplicaSet' };
  const sets = '/apis/apps/v1/namespaces/default/replicasets';
  expect((await server.post(sets, set)).status).toBe(201);
});

test('validation expressions are checked against the types of what they are for', async () => {
  const right = [{ expression: 'object.spec.replicas > 1' }];
  await validate('right', { validations: right }, rule('apps', 'deployments'));
  expect((await checked('right')).typeChecking).toEqual({});
  const wrong = [
    {
      expression: "object.spec.replicas > '1'",
      messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
    },
  ];
  await validate('wrong', { validations: wrong }, rule('apps', 'deployments'));
  const { typeChecking, observedGeneration } = await checked('wrong');
  expect(observedGeneration).toBe(1);
  expect(typeChecking.expressionWarnings).toMatchObject([
    {
      fieldRef: 'spec.validations[0].expression',
      warning: expect.stringMatching(
        /^apps\/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '\(int, string\)'/,
      ),
    },
    {
      fieldRef: 'spec.validations[0].messageExpression',
      warning: expect.stringContaining("found no matching overload for '_+_' applied to '(string, int)'"),
    },
  ]);
});

test('validation expressions about custom resources are checked against their schema', async () => {
  const schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
  };
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'gadgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'gadgets', kind: 'Gadget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  const path = '/apis/example.com/v1/namespaces/default/gadgets';
  while ((await server.get(path)).status === 404) await new Promise((resolve) => setImmediate(resolve));
  const validations = [
    { expression: 'object.metadata.labels.size() > 0 && object.spec.size < variables.most' },
    { expression: 'object.spec.sise < 3' },
  ];
  const variables = [{ name: 'most', expression: 'oldObject.spec.size + 1' }];
  await validate('gadgets', { validations, variables }, rule('example.com', 'gadgets'));
  const { typeChecking } = await checked('gadgets');
  expect(typeChecking.expressionWarnings).toMatchObject([
    {
      fieldRef: 'spec.validations[1].expression',
      warning: expect.stringContaining(
        "example.com/v1, Kind=Gadget: ERROR: <input>:1:12: undefined field 'sise'",
      ),
    },
  ]);
});

test.each<[string, Json, string]>([
  [
    'does not compile',
    { validations: [{ expression: 'object.x +' }] },
    'compilation failed: ERROR: <input>:1:',
  ],
  [
    'is no bool',
    { validations: [{ expression: "'a'" }] },
    `spec.validations[0].expression: Invalid value: "'a'": must evaluate to bool but got string`,
  ],
  [
    'may be anything',
    { validations: [{ expression: 'object.spec.enabled' }] },
    'must evaluate to bool but got dyn',
  ],
  [
    'is a message and asks the authorizer',
    {
      validations: [{ expression: 'true', messageExpression: "authorizer.path('/x').check('get').reason()" }],
    },
    "undeclared reference to 'authorizer' (in container '')",
  ],
  [
    'is an annotation and no text',
    { auditAnnotations: [{ key: 'k', valueExpression: '1' }] },
    'must evaluate to one of [string null_type] but got int',
  ],
  [
    'makes an Object',
    { validations: [{ expression: 'Object{} == Object{}' }] },
    "undeclared reference to 'Object' (in container '')",
  ],
])('a validating policy whose expression %s is refused', async (_, spec, message) => {
  const policy = policyOf('Validating', 'refused', spec);
  const { status, body } = await server.post(`${REGISTRATION}/validatingadmissionpolicies`, policy);
  expect(status).toBe(422);
  expect(body.message).toContain(message);
});

test('expressions ask what the user may do with what is requested', async () => {
  const validations = [
    {
      expression: "authorizer.requestResource.check('delete').allowed()",
      message: 'who makes it may delete it',
    },
  ];
  await validate('rights', { validations });
  expect((await server.post(CONFIG_MAPS, configMap('by-admin'))).status).toBe(201);
});

test('checks of policies are counted by what they led to', async () => {
  await validate('counted', { validations: [{ expression: 'false' }] });
  await server.post(CONFIG_MAPS, configMap('x'));
  const { body } = await server.get('/metrics');
  expect(body).toContain(
    'apiserver_validating_admission_policy_check_total{policy="counted",policy_binding="counted",error_type="no_error",enforcement_action="deny"} 1',
  );
});
