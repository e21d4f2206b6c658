import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog, systemClock } from '../../../base/index.ts';
import {
  builtinResources,
  type KubeObject,
  RBAC_GROUP,
  type rbacv1,
  ruleAllows,
} from '../../../kube/index.ts';
import { openLmdbStore, type Store } from '../../../store/index.ts';
import { ResourceCatalog } from '../../registry/catalog.ts';
import { ObjectStorage } from '../../storage/object-storage.ts';
import type { AuthorizationAttributes } from '../authorizer.ts';
import { RbacAuthorizer } from './rbac-authorizer.ts';
import { RbacPolicies } from './rbac-policies.ts';

let directory: string;
let store: Store;
let storage: ObjectStorage;
const catalog = new ResourceCatalog(builtinResources);
let worlds = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-rbac-'));
  store = await openLmdbStore({ directory, log: silentLog });
  storage = new ObjectStorage(store);
});

afterAll(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

interface World {
  workspace: string;
  roles: { kind: 'Role' | 'ClusterRole'; namespace?: string; name: string; rules: rbacv1.PolicyRule[] }[];
  bindings: { namespace?: string; subject: rbacv1.Subject; roleRef: rbacv1.RoleRef }[];
}

const RESOURCES = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
} as const;

async function put(workspace: string, kind: keyof typeof RESOURCES, object: object): Promise<string> {
  const resource = catalog.findStored(RBAC_GROUP, RESOURCES[kind])!;
  const whole = { apiVersion: `${RBAC_GROUP}/v1`, kind, ...object } as unknown as KubeObject;
  const { namespace, name } = whole.metadata;
  const key = storage.keyOf(resource, { workspace, ...(namespace !== undefined && { namespace }), name });
  await storage.create(resource, key, whole);
  return key;
}

async function build({ workspace, roles, bindings }: World): Promise<void> {
  await Promise.all([
    ...roles.map(({ kind, rules, ...metadata }) => put(workspace, kind, { metadata, rules })),
    ...bindings.map(({ namespace, subject, roleRef }, index) =>
      put(workspace, namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding', {
        metadata: { name: `b${index}`, ...(namespace !== undefined && { namespace }) },
        subjects: [subject],
        roleRef,
      }),
    ),
  ]);
}

/** Every binding, one after the other, by the definition. */
function naive({ roles, bindings }: World, { user, resource, verb, path }: AuthorizationAttributes): boolean {
  return bindings.some(({ namespace, subject, roleRef }) => {
    if (namespace !== undefined && namespace !== resource?.namespace) return false;
    const isUser =
      subject.kind === 'Group'
        ? user.groups.includes(subject.name)
        : subject.kind === 'ServiceAccount'
          ? user.name === `system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}`
          : user.name === subject.name;
    if (!isUser) return false;
    const role = roles.find(
      (one) =>
        one.kind === roleRef.kind &&
        one.name === roleRef.name &&
        (one.kind === 'ClusterRole' || one.namespace === namespace),
    );
    const request =
      resource === undefined
        ? { verb, path }
        : {
            verb,
            group: resource.group,
            resource: resource.resource,
            subresource: '',
            name: resource.name ?? '',
          };
    return role?.rules.some((rule) => ruleAllows(rule, request)) ?? false;
  });
}

const NAMESPACES = ['n1', 'n2'];
const rule = fc.record({
  verbs: fc.subarray(['get', 'list', '*'], { minLength: 1 }),
  apiGroups: fc.constantFrom<string[]>([''], ['*'], ['apps']),
  resources: fc.subarray(['pods', 'secrets', '*'], { minLength: 1 }),
  resourceNames: fc.constantFrom<string[]>([], ['a']),
});
const rules = fc.array(rule, { maxLength: 2 });
const subject = fc.oneof(
  fc.record({ kind: fc.constant('User'), name: fc.constantFrom('ann', 'bob') }),
  fc.record({ kind: fc.constant('Group'), name: fc.constantFrom('devs', 'ops') }),
  fc.record({
    kind: fc.constant('ServiceAccount'),
    name: fc.constant('robot'),
    namespace: fc.constantFrom(...NAMESPACES),
  }),
);
const world = fc.record({
  cluster: fc.array(rules, { maxLength: 3 }),
  namespaced: fc.array(fc.tuple(fc.constantFrom(...NAMESPACES), rules), { maxLength: 3 }),
  bindings: fc.array(
    fc.record({
      namespace: fc.constantFrom(undefined, ...NAMESPACES),
      subject,
      kind: fc.constantFrom('Role' as const, 'ClusterRole' as const),
      role: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 8 },
  ),
});
const user = fc.record({
  name: fc.constantFrom('ann', 'bob', 'system:serviceaccount:n1:robot'),
  groups: fc.subarray(['devs', 'ops']),
});
const request = fc.record({
  user,
  verb: fc.constantFrom('get', 'list'),
  namespace: fc.constantFrom(undefined, ...NAMESPACES),
  resource: fc.constantFrom('pods', 'secrets'),
  name: fc.constantFrom(undefined, 'a', 'b'),
});

describe('roles and bindings', () => {
  test('decide as a naive evaluator does, for random sets of them and random requests', async () => {
    const policies = new RbacPolicies(storage, catalog, { limit: 40 });
    const authorizer = new RbacAuthorizer(policies);
    await fc.assert(
      fc.asyncProperty(world, fc.array(request, { minLength: 5, maxLength: 30 }), async (drawn, requests) => {
        const built: World = {
          workspace: `w${++worlds}`,
          roles: [
            ...drawn.cluster.map((some, i) => ({ kind: 'ClusterRole' as const, name: `r${i}`, rules: some })),
            ...drawn.namespaced.map(([namespace, some], i) => ({
              kind: 'Role' as const,
              namespace,
              name: `r${i}`,
              rules: some,
            })),
          ],
          bindings: drawn.bindings.map(({ namespace, subject: who, kind, role }) => ({
            ...(namespace !== undefined && { namespace }),
            subject: who,
            roleRef: { apiGroup: RBAC_GROUP, kind, name: `r${role}` },
          })),
        };
        await build(built);
        for (const { user: who, verb, namespace, resource, name } of requests) {
          const attributes: AuthorizationAttributes = {
            user: who,
            workspace: built.workspace,
            verb,
            path: '',
            resource: {
              group: '',
              version: 'v1',
              resource,
              ...(namespace !== undefined && { namespace }),
              ...(name !== undefined && { name }),
            },
          };
          const { verdict } = await authorizer.authorize(attributes);
          expect([attributes, verdict === 'allow']).toEqual([attributes, naive(built, attributes)]);
        }
      }),
      { seed: 11, numRuns: 60 },
    );
    // The bound is kept, whatever was asked: idle workspaces leave nothing behind.
    expect(policies.size).toBeLessThanOrEqual(60);
  });

  test('of one workspace say nothing in another, and none count across all', async () => {
    const authorizer = new RbacAuthorizer(new RbacPolicies(storage, catalog));
    const all = [{ verbs: ['*'], nonResourceURLs: ['*'] }];
    await put('mine', 'ClusterRole', { metadata: { name: 'all' }, rules: all });
    await put('mine', 'ClusterRoleBinding', {
      metadata: { name: 'all' },
      subjects: [{ kind: 'User', apiGroup: RBAC_GROUP, name: 'ann' }],
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: 'all' },
    });
    const verdictIn = async (workspace: string) =>
      (await authorizer.authorize({ user: { name: 'ann', groups: [] }, workspace, verb: 'get', path: '/x' }))
        .verdict;
    expect(await verdictIn('mine')).toBe('allow');
    expect(await verdictIn('other')).toBe('no opinion');
    expect(await verdictIn('*')).toBe('no opinion');
  });

  test('written by another server count as soon as the watch has seen them', async () => {
    const policies = new RbacPolicies(storage, catalog);
    const authorizer = new RbacAuthorizer(policies);
    const ending = new AbortController();
    const running = policies.run({ signal: ending.signal, clock: systemClock, log: silentLog });
    const ask = () =>
      authorizer.authorize({
        user: { name: 'eve', groups: [] },
        workspace: 'shared',
        verb: 'get',
        path: '/x',
      });
    expect((await ask()).verdict).toBe('no opinion');
    await put('shared', 'ClusterRoleBinding', {
      metadata: { name: 'eve' },
      subjects: [{ kind: 'User', apiGroup: RBAC_GROUP, name: 'eve' }],
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: 'none' },
    });
    await expect
      .poll(async () => (await ask()).reason)
      .toBe('RBAC: clusterrole.rbac.authorization.k8s.io "none" not found');
    await put('shared', 'ClusterRole', {
      metadata: { name: 'none' },
      rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }],
    });
    await expect
      .poll(async () => (await ask()).reason)
      .toBe('RBAC: allowed by ClusterRoleBinding "eve" of ClusterRole "none" to User "eve"');
    ending.abort();
    await running;
  });
});
