import { expect, test } from 'vitest';
import type { apisv1alpha2 } from '../../kube/index.ts';
import { claimWarnings } from './permission-claims.ts';

const binding = (
  permissionClaims: apisv1alpha2.AcceptablePermissionClaim[],
  exportPermissionClaims: apisv1alpha2.PermissionClaim[],
) =>
  ({
    metadata: { name: 'a' },
    spec: { reference: {}, permissionClaims },
    status: { exportPermissionClaims },
  }) as unknown as apisv1alpha2.APIBinding;
const claim = { group: 'test.kcp.io', resource: 'test', identityHash: 'abcdef', verbs: ['get', 'list'] };
const answered = { ...claim, selector: { matchAll: true } };

test('says nothing of claims that are answered, with yes or with no', () => {
  for (const state of ['Accepted', 'Rejected'] as const)
    expect(claimWarnings([binding([{ ...answered, state, verbs: ['list', 'get'] }], [claim])])).toEqual([]);
  expect(claimWarnings([binding([], [])])).toEqual([]);
});

test('tells of a claim that the binding does not name', () => {
  expect(claimWarnings([binding([], [{ resource: 'configmaps', verbs: ['get'] }])])).toEqual([
    "Warning: claim for configmaps exported but not specified on APIBinding a\nAdd this claim to the APIBinding's Spec.",
  ]);
  const other = { ...answered, identityHash: 'other', state: 'Accepted' as const };
  expect(claimWarnings([binding([other], [claim])])[0]).toContain('exported but not specified');
});

test('tells of a claim that waits for an answer', () => {
  expect(claimWarnings([binding([{ ...answered, state: '' as 'Accepted' }], [claim])])).toEqual([
    'Warning: claim for test.test.kcp.io:abcdef specified on APIBinding a but not accepted or rejected.',
  ]);
});

test('tells of other verbs than those asked for', () => {
  expect(claimWarnings([binding([{ ...answered, state: 'Accepted', verbs: ['get'] }], [claim])])).toEqual([
    'Warning: allowed verbs (get) on claim for test.test.kcp.io:abcdef on APIBinding a do not match expected verbs (get,list).',
  ]);
});
