import { expect, test } from 'vitest';
import type { apisv1alpha2 } from '../../kube/index.ts';
import { answered } from './claims.ts';

const secrets = { group: '', resource: 'secrets', verbs: ['*'] };
const gateways = { group: 'istio.io', resource: 'gateways', verbs: ['get'], identityHash: 'abc' };
const selector = { matchLabels: { mine: 'yes' } };
const binding = (permissionClaims: apisv1alpha2.AcceptablePermissionClaim[]) => ({
  spec: { reference: {}, permissionClaims },
  status: { exportPermissionClaims: [secrets, gateways] },
});

test('changes the answer to a claim, and nothing else of it', () => {
  const claims = [
    { ...secrets, selector, state: 'Accepted' as const },
    { ...gateways, selector, state: 'Accepted' as const },
  ];
  expect(answered(binding(claims), 'Rejected', { resource: 'secrets.core' })).toEqual([
    { ...claims[0], state: 'Rejected' },
    claims[1],
  ]);
  expect(answered(binding(claims), 'Rejected', { identityHash: 'abc' })[1]!.state).toBe('Rejected');
});

test('adds a claim of the export that the binding does not name', () => {
  expect(answered(binding([]), 'Accepted', { resource: 'gateways.istio.io' })).toEqual([
    { ...gateways, selector: { matchAll: true }, state: 'Accepted' },
  ]);
});

test('refuses what nobody claims', () => {
  for (const which of [{ resource: 'gateways' }, { resource: 'secrets', identityHash: 'abc' }])
    expect(() => answered(binding([]), 'Accepted', which)).toThrow(
      `claim for "${which.resource}" not found in APIExport's permission claims`,
    );
});
