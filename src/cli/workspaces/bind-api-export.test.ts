import { expect, test } from 'vitest';
import { claimsOf } from './bind-api-export.ts';

test('claims are read by resource and group', () => {
  expect(
    claimsOf({ acceptPermissionClaim: ['secrets.core'], rejectPermissionClaim: ['sheriffs.wild.west'] }),
  ).toEqual([
    { group: '', resource: 'secrets', verbs: ['*'], selector: { matchAll: true }, state: 'Accepted' },
    {
      group: 'wild.west',
      resource: 'sheriffs',
      verbs: ['*'],
      selector: { matchAll: true },
      state: 'Rejected',
    },
  ]);
});

test.each([
  [
    { acceptPermissionClaim: ['secrets'] },
    'invalid accepted permission claims: [invalid permission claim "secrets"]',
  ],
  [
    { acceptPermissionClaim: ['a.b'], rejectPermissionClaim: ['a.b'] },
    'accepted permission claim a.b conflicts with rejected permission claim a.b',
  ],
  [
    { acceptAllPermissionClaims: true, rejectAllPermissionClaims: true },
    'cannot use both --accept-all-permission-claims and --reject-all-permission-claims',
  ],
  [
    { acceptAllPermissionClaims: true, rejectPermissionClaim: ['a.b'] },
    'cannot use --accept-all-permission-claims together with --reject-permission-claim',
  ],
  [
    { rejectAllPermissionClaims: true, rejectPermissionClaim: ['a.b'] },
    'cannot use --reject-all-permission-claims with --reject-permission-claim',
  ],
])('refuses %j', (flags, message) => {
  expect(() => claimsOf(flags)).toThrow(message);
});
