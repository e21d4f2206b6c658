import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONFIG_MAPS, configMap, TestServer } from '../../api-server.test-support.ts';

// biome-ignore lint/suspicious/noExplicitAny: specs are written as the JSON they are.
type Json = any;

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

async function policy(spec: Json, binding: Json = {}): Promise<void> {
  const common = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'p' } };
  const resourceRules = [
    { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  const made = await server.post(`${REGISTRATION}/validatingadmissionpolicies`, {
    ...common,
    kind: 'ValidatingAdmissionPolicy',
    spec: { matchConstraints: { resourceRules }, ...spec },
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const bound = await server.post(`${REGISTRATION}/validatingadmissionpolicybindings`, {
    ...common,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'b' },
    spec: { policyName: 'p', validationActions: ['Deny'], ...binding },
  });
  expect(bound.status, JSON.stringify(bound.body)).toBe(201);
}

test('a policy denies by its expression, with the reason and message it gives', async () => {
  await policy({
    variables: [{ name: 'size', expression: 'size(object.data)' }],
    validations: [
      {
        expression: "variables.size < 2 || request.operation != 'CREATE'",
        messageExpression: "'too many: ' + string(variables.size)",
      },
      { expression: "namespaceObject.metadata.name == 'default'", message: 'elsewhere', reason: 'Forbidden' },
    ],
  });
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
  const refused = await server.post(CONFIG_MAPS, configMap('b', { data: { c: 'd' } }));
  expect(refused.status).toBe(422);
  expect(refused.body).toMatchObject({
    reason: 'Invalid',
    message:
      "configmaps \"b\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too many: 2",
    details: { kind: 'configmaps', name: 'b' },
  });
  await server.post('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'other' },
  });
  const elsewhere = await server.post('/api/v1/namespaces/other/configmaps', configMap('a'));
  expect(elsewhere.status).toBe(403);
  expect(elsewhere.body.message).toContain('denied request: elsewhere');
});

test('a policy that only warns lets the request through', async () => {
  await policy({ validations: [{ expression: 'false' }] }, { validationActions: ['Warn', 'Audit'] });
  const answer = await server.post(CONFIG_MAPS, configMap('a'));
  expect(answer.status).toBe(201);
  expect(answer.headers.warning).toBe(
    "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: false\"",
  );
});

test('parameters come from the objects the binding names', async () => {
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const paramRef = { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' };
  const matchConditions = [{ name: 'not-limits', expression: "object.metadata.name != 'limits'" }];
  const validations = [{ expression: 'size(object.data) <= int(params.data.max)' }];
  await policy({ paramKind, matchConditions, validations }, { paramRef });
  const missing = await server.post(CONFIG_MAPS, configMap('a'));
  expect(missing.body.message).toContain(
    'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
  );
  await server.delete(`${REGISTRATION}/validatingadmissionpolicybindings/b`);
  await server.post(CONFIG_MAPS, { ...configMap('limits'), data: { max: '1' } });
  await server.post(`${REGISTRATION}/validatingadmissionpolicybindings`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'b' },
    spec: { policyName: 'p', validationActions: ['Deny'], paramRef },
  });
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
  expect((await server.post(CONFIG_MAPS, configMap('b', { data: { c: 'd' } }))).status).toBe(422);
});

test('an expression that fails denies, unless failures are ignored', async () => {
  await policy({ validations: [{ expression: "object.data.missing == 'x'" }] });
  const failed = await server.post(CONFIG_MAPS, configMap('a'));
  expect(failed.body.message).toContain(
    "expression 'object.data.missing == 'x'' resulted in error: no such key: missing",
  );
  await server.patch(`${REGISTRATION}/validatingadmissionpolicies/p`, { spec: { failurePolicy: 'Ignore' } });
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
});

test('a binding narrows what its policy is for', async () => {
  await policy(
    { validations: [{ expression: 'false' }] },
    { matchResources: { objectSelector: { matchLabels: { checked: 'yes' } } } },
  );
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
  const checked = configMap('b', { metadata: { labels: { checked: 'yes' } } });
  expect((await server.post(CONFIG_MAPS, checked)).status).toBe(422);
});

test('expressions ask the authorizer what the user may do', async () => {
  const expression = "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()";
  await policy({ validations: [{ expression, message: 'only for who may read secrets' }] });
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }];
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  const typed = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'writer' } };
  await server.post(`${rbac}/roles`, { ...typed, kind: 'Role', rules });
  await server.post(`${rbac}/rolebindings`, {
    ...typed,
    kind: 'RoleBinding',
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'writer' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  });
  const user = { name: 'jane', groups: ['system:authenticated'] };
  const refused = await server.send('POST', CONFIG_MAPS, configMap('a'), { user });
  expect(refused.body.message).toContain('denied request: only for who may read secrets');
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(201);
});
