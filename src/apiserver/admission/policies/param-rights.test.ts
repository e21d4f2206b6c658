import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestServer } from '../../api-server.test-support.ts';
import type { User } from '../../index.ts';

const ALICE: User = { name: 'alice', uid: 'u1', groups: ['authors', 'system:authenticated'] };
const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const rules = [
    { verbs: ['*'], apiGroups: ['admissionregistration.k8s.io'], resources: ['*'] },
    { verbs: ['get'], apiGroups: [''], resources: ['configmaps'] },
  ];
  await server.post(`${rbac}/clusterroles`, { metadata: { name: 'authors' }, rules });
  await server.post(`${rbac}/clusterrolebindings`, {
    metadata: { name: 'authors' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'authors' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'authors' }],
  });
});

afterAll(() => server.stop());

const send = (method: 'POST', url: string, body: unknown, user: User = ALICE) =>
  server.send(method, `${REGISTRATION}/${url}`, body, { user });

const resourceRules = [
  { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
];

function policy(name: string, kind?: string): object {
  return {
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules },
      validations: [{ expression: 'false', messageExpression: 'string(params.data.password)' }],
      ...(kind !== undefined && { paramKind: { apiVersion: 'v1', kind } }),
    },
  };
}

function mutating(name: string, kind: string): object {
  const expression = 'Object{metadata: Object.metadata{labels: {"a": string(params.data.password)}}}';
  return {
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules },
      paramKind: { apiVersion: 'v1', kind },
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
    },
  };
}

const AS_GO = '&{alice u1 [authors system:authenticated] map[]}';

test.each(['validating', 'mutating'])(
  'nobody writes a %s policy whose parameters he may not read',
  async (type) => {
    const make = type === 'validating' ? policy : mutating;
    const url = `${type}admissionpolicies`;
    const kind = type === 'validating' ? 'ValidatingAdmissionPolicy' : 'MutatingAdmissionPolicy';
    const refused = await send('POST', url, make('secrets', 'Secret'));
    expect(refused.status).toBe(422);
    expect(refused.body.message).toBe(
      `${kind}.admissionregistration.k8s.io "secrets" is invalid: spec.paramKind: Forbidden: user ${AS_GO} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)`,
    );
    expect((await send('POST', url, make('unknown', 'Nothing'))).status).toBe(422);
    expect((await send('POST', url, make('settings', 'ConfigMap'))).status).toBe(201);
  },
);

test('one that stands there already may be changed otherwise, and not to another kind', async () => {
  await server.post(`${REGISTRATION}/validatingadmissionpolicies`, policy('given', 'Secret'));
  const change = async (body: object) =>
    server.send('PATCH', `${REGISTRATION}/validatingadmissionpolicies/given`, body, {
      user: ALICE,
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  expect((await change({ metadata: { labels: { a: 'b' } } })).status).toBe(200);
  const other = await change({ spec: { paramKind: { kind: 'Pod' } } });
  expect(other.body.message).toContain('(kind=Pod, apiVersion=v1)');
});

test.each(['validating', 'mutating'])(
  'nobody binds a %s policy to a parameter he may not read',
  async (type) => {
    const make = type === 'validating' ? policy : mutating;
    await server.post(`${REGISTRATION}/${type}admissionpolicies`, make('bound', 'Secret'));
    const url = `${type}admissionpolicybindings`;
    const binding = (policyName: string, paramRef?: object) => ({
      metadata: { name: `b-${policyName}` },
      spec: {
        policyName,
        ...(type === 'validating' && { validationActions: ['Deny'] }),
        ...(paramRef !== undefined && { paramRef: { parameterNotFoundAction: 'Deny', ...paramRef } }),
      },
    });
    const secret = { name: 'root', namespace: 'kube-system' };
    const refused = await send('POST', url, binding('bound', secret));
    expect(refused.status).toBe(422);
    expect(refused.body.message).toContain(
      `spec.paramRef: Forbidden: user ${AS_GO} does not have "get" permission on the object referenced by paramRef`,
    );
    expect((await send('POST', url, binding('bound', { selector: {} }))).status).toBe(422);
    // A policy that is not there yet could have parameters of any kind.
    expect((await send('POST', url, binding('missing', secret))).status).toBe(422);
    expect((await send('POST', url, binding('bound'))).status).toBe(201);
  },
);
