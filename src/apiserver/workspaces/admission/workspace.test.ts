import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../kube/index.ts';
import {
  FewObjects,
  JANE,
  logicalCluster,
  named,
  ROOT,
  refusalOf,
  writeOf,
} from './admission.test-support.ts';
import { WorkspaceAdmission } from './workspace.ts';

const GROUPS = 'authorization.kcp.io/required-groups';
const OWNER = 'experimental.tenancy.kcp.io/owner';
const JANES = '{"username":"jane","groups":["devs","system:authenticated"]}';

const plugin = new WorkspaceAdmission(
  new FewObjects()
    .put('root', 'logicalclusters', logicalCluster({}))
    .put('strict', 'logicalclusters', logicalCluster({ [GROUPS]: 'staff' })),
);

const refusal = (request: Parameters<typeof refusalOf>[0]) => refusalOf(request, plugin);
const prefix = 'workspaces.tenancy.kcp.io "w" is forbidden: ';

function changeOf(before: object, after: object, more = {}) {
  const old = named('w', { spec: before }) as KubeObject;
  return writeOf('workspaces', named('w', { spec: after }), { operation: 'UPDATE', oldObject: old, ...more });
}

describe('a new workspace', () => {
  test('has its maker as its owner, whatever it said', async () => {
    const request = writeOf('workspaces', {
      metadata: { name: 'w', annotations: { [OWNER]: '{"username":"root"}', mine: '1' } },
      spec: {},
    });
    expect(await refusal(request)).toBeUndefined();
    expect(request.object.metadata.annotations).toEqual({ [OWNER]: JANES, mine: '1' });
  });

  test('has no owner when the system makes it, and may have one said', async () => {
    const without = writeOf('workspaces', named('w', { spec: {} }), { user: ROOT });
    expect(await refusal(without)).toBeUndefined();
    expect(without.object.metadata.annotations).toBeUndefined();
    const annotations = { [OWNER]: '{"username":"joe"}' };
    const copied = writeOf('workspaces', { metadata: { name: 'w', annotations }, spec: {} }, { user: ROOT });
    expect(await refusal(copied)).toBeUndefined();
    expect(copied.object.metadata.annotations).toEqual(annotations);
  });

  test('asks for the groups that its parent asks for', async () => {
    const request = writeOf(
      'workspaces',
      { metadata: { name: 'w', annotations: { [GROUPS]: 'anybody' } }, spec: {} },
      { workspace: 'strict' },
    );
    expect(await refusal(request)).toBeUndefined();
    expect(request.object.metadata.annotations![GROUPS]).toBe('staff');
    const free = writeOf('workspaces', {
      metadata: { name: 'w', annotations: { [GROUPS]: 'mine' } },
      spec: {},
    });
    expect(await refusal(free)).toBeUndefined();
    expect(free.object.metadata.annotations).not.toHaveProperty([GROUPS]);
  });

  test('is not made where there is no logical cluster', async () => {
    const request = writeOf('workspaces', named('w', { spec: {} }), { workspace: 'gone' });
    expect(await refusal(request)).toBe(`${prefix}logicalclusters.core.kcp.io "cluster" not found`);
  });

  test('does not say where it lies', async () => {
    expect(await refusal(writeOf('workspaces', named('w', { spec: { cluster: 'x' } })))).toBe(
      `${prefix}spec.Cluster can only be set by system privileged users`,
    );
    expect(await refusal(writeOf('workspaces', named('w', { spec: { URL: 'x' } })))).toBe(
      `${prefix}spec.URL can only be set by system privileged users`,
    );
    expect(await refusal(writeOf('workspaces', named('w', { spec: { cluster: 'x' } }), { user: ROOT }))).toBe(
      undefined,
    );
  });

  test('that is mounted has no type', async () => {
    const mount = { ref: { apiVersion: 'v1', kind: 'K', name: 'n' } };
    expect(await refusal(writeOf('workspaces', named('w', { spec: { mount, type: { name: 't' } } })))).toBe(
      `${prefix}spec.type cannot be set for mounted workspaces`,
    );
  });

  test('that is mounted is refused by that name, whoever makes it', async () => {
    const mount = { ref: { apiVersion: 'v1', kind: 'K', name: 'n' } };
    for (const user of [JANE, ROOT])
      expect(await refusal(writeOf('workspaces', named('w', { spec: { mount } }), { user }))).toBe(
        `${prefix}spec.mount is not supported: mounted workspaces are not served here`,
      );
  });
});

describe('a workspace', () => {
  const type = { name: 'universal', path: 'root' };

  test.each([
    [{ cluster: 'a' }, {}, 'spec.cluster cannot be unset'],
    [{}, { cluster: 'a' }, 'spec.cluster can only be changed by system privileged users'],
    [{}, { URL: 'a' }, 'spec.URL can only be changed by system privileged users'],
    [{ type }, {}, 'spec.type: Invalid value: "null": field is immutable'],
    [
      { mount: { ref: { apiVersion: 'v1', kind: 'K', name: 'n' } } },
      { mount: { ref: { apiVersion: 'v1', kind: 'K', name: 'm' } } },
      'spec.mount.name is immutable',
    ],
  ])('of %j does not become %j', async (before, after, why) => {
    expect(await refusal(changeOf(before, after))).toBe(prefix + why);
  });

  test('is placed by the system, and by a part of it', async () => {
    const change = [{ type }, { type, cluster: 'a', URL: 'b' }] as const;
    expect(await refusal(changeOf(...change, { user: ROOT }))).toBeUndefined();
    expect(await refusal(changeOf(...change, { user: { ...JANE, isInternal: true } }))).toBeUndefined();
  });

  test('is not ready before it is placed', async () => {
    const request = writeOf('workspaces', named('w', { spec: { type }, status: { phase: 'Ready' } }), {
      operation: 'UPDATE',
      oldObject: named('w', { spec: { type }, status: { phase: 'Initializing' } }),
      user: ROOT,
    });
    expect(await refusal(request)).toBe(`${prefix}spec.cluster must be set for phase Ready`);
  });

  test('keeps its owner, whoever may change it', async () => {
    const request = writeOf(
      'workspaces',
      { metadata: { name: 'w', annotations: { [OWNER]: JANES } }, spec: {} },
      { operation: 'UPDATE', oldObject: named('w', { spec: {} }) },
    );
    expect(await refusal(request)).toBe(`${prefix}modification of reserved annotation: "${OWNER}"`);
  });
});
