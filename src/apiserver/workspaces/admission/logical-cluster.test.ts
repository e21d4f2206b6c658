import { describe, expect, test } from 'vitest';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { JANE, ROOT, refusalOf, writeOf } from './admission.test-support.ts';
import { logicalClusterFinalizer } from './finalizer.ts';
import { logicalClusterAdmission } from './logical-cluster.ts';

const prefix = 'logicalclusters.core.kcp.io "cluster" is forbidden: ';
const FINALIZER = 'core.kcp.io/logicalcluster-deletion';

function cluster(spec: object = {}, status: object = {}, metadata: object = {}) {
  return { metadata: { name: 'cluster', ...metadata }, spec, status };
}

function change(before: object, after: object, subresource?: 'status') {
  const request = writeOf('logicalclusters', after, {
    operation: 'UPDATE',
    oldObject: before as AdmissionRequest['object'] & object,
    ...(subresource !== undefined && { subresource }),
  });
  return refusalOf(request, logicalClusterAdmission);
}

function statusChange(before: object, after: object) {
  return change(before, after, 'status');
}

describe('a logical cluster', () => {
  test('is made by the system alone', async () => {
    expect(await refusalOf(writeOf('logicalclusters', cluster()), logicalClusterAdmission)).toBe(
      `${prefix}LogicalCluster cannot be created`,
    );
    for (const user of [ROOT, { ...JANE, groups: ['system:kcp:logical-cluster-admin'] }])
      expect(
        await refusalOf(writeOf('logicalclusters', cluster(), { user }), logicalClusterAdmission),
      ).toBeUndefined();
  });

  test('is deleted by others only where it says so', async () => {
    const deletion = (spec: object) => {
      const { object: _object, ...request } = writeOf('logicalclusters', cluster(), {
        operation: 'DELETE',
        oldObject: cluster(spec) as never,
      });
      return refusalOf(request, logicalClusterAdmission);
    };
    expect(await deletion({})).toBe(`${prefix}LogicalCluster cannot be deleted`);
    expect(await deletion({ directlyDeletable: true })).toBeUndefined();
  });

  test('loses initializers one by one, and gets none', async () => {
    const spec = { initializers: ['a', 'b'] };
    const at = (initializers: string[], phase = 'Initializing') => cluster(spec, { phase, initializers });
    expect(await statusChange(at(['a', 'b']), at(['b']))).toBeUndefined();
    expect(await statusChange(at(['b']), at([], 'Ready'))).toBeUndefined();
    expect(await statusChange(at(['b']), at(['a', 'b']))).toBe(`${prefix}status.initializers must not grow`);
    expect(await statusChange(at(['b']), at(['b'], 'Ready'))).toBe(
      `${prefix}status.initializers is not empty`,
    );
    expect(await statusChange(at([], 'Ready'), at(['a'], 'Ready'))).toBe(
      `${prefix}status.initializers is immutable after initilization`,
    );
    expect(await statusChange(at([], 'Scheduling'), at(['a']))).toBe(
      `${prefix}status.initializers do not equal spec.initializers`,
    );
  });

  test('does not go back', async () => {
    expect(await statusChange(cluster({}, { phase: 'Ready' }), cluster({}, { phase: 'Scheduling' }))).toBe(
      `${prefix}cannot transition from "Ready" to "Scheduling"`,
    );
    expect(
      await statusChange(cluster({}, { phase: 'Ready' }), cluster({}, { phase: 'Inactive' })),
    ).toBeUndefined();
  });

  test('loses terminators, and gets none', async () => {
    const at = (...terminators: string[]) => cluster({}, { phase: 'Terminating', terminators });
    expect(await statusChange(at('a', 'b'), at('a'))).toBeUndefined();
    expect(await statusChange(at('a'), at('a', 'b'))).toBe(`${prefix}status.terminators must not grow`);
  });

  test.each([
    [{ initializers: ['a'] }, 'spec.initializers is immutable'],
    [{ terminators: ['a'] }, 'spec.terminators is immutable'],
    [{ directlyDeletable: true }, 'spec.directlyDeletable is immutable'],
    [{ owner: { name: 'other' } }, 'spec.owner is immutable'],
  ])('keeps its spec: %j', async (spec, why) => {
    expect(await change(cluster(), cluster(spec))).toBe(prefix + why);
  });

  test.each(['kcp.io/path', 'internal.tenancy.kcp.io/type', 'authorization.kcp.io/required-groups'])(
    'keeps what rights follow from: %s',
    async (key) => {
      expect(await change(cluster(), cluster({}, {}, { annotations: { [key]: 'x' } }))).toBe(
        `${prefix}modification of reserved annotation: "${key}"`,
      );
    },
  );
});

describe('its finalizer', () => {
  const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  const update = (before: object, after: object, user = JANE) => {
    const request = writeOf('logicalclusters', cluster({}, {}, after), {
      operation: 'UPDATE',
      oldObject: cluster({}, {}, before) as never,
      user,
    });
    return refusalOf(request, logicalClusterFinalizer).then((why) => ({
      why,
      finalizers: request.object.metadata.finalizers,
    }));
  };

  test('comes back as long as it lives', async () => {
    expect(await update({ finalizers: [FINALIZER] }, { finalizers: ['x'] })).toEqual({
      why: undefined,
      finalizers: ['x', FINALIZER],
    });
  });

  test('is taken away by the system once it ends', async () => {
    const before = { ...deleted, finalizers: [FINALIZER] };
    expect((await update(before, deleted)).why).toBe(
      `${prefix}removing the finalizer ${FINALIZER} is forbidden`,
    );
    expect((await update(before, deleted, ROOT)).why).toBeUndefined();
  });
});
