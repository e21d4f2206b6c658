import { describe, expect, test } from 'vitest';
import {
  CLUSTER_NAME_EXTRA,
  effectiveUsers,
  isInScope,
  SCOPES_EXTRA,
  WARRANT_EXTRA,
} from './effective-users.ts';

const AUTHENTICATED = 'system:authenticated';
const jane = { name: 'jane', groups: ['devs', AUTHENTICATED] };
const scoped = (...scopes: string[]) => ({ ...jane, extra: { [SCOPES_EXTRA]: scopes } });
const account = (...homes: string[]) => ({
  name: 'system:serviceaccount:default:bot',
  groups: ['system:serviceaccounts', AUTHENTICATED],
  extra: { [CLUSTER_NAME_EXTRA]: homes },
});
const names = (cluster: string, user: Parameters<typeof effectiveUsers>[1]) =>
  effectiveUsers(cluster, user).map(({ name }) => name);

describe('isInScope', () => {
  test('who is not scoped counts everywhere', () => expect(isInScope(jane, 'one')).toBe(true));

  test('scopes of one value are alternatives, several values all hold', () => {
    expect(isInScope(scoped('cluster:one,cluster:two'), 'two')).toBe(true);
    expect(isInScope(scoped('cluster:one,cluster:two', 'cluster:two'), 'one')).toBe(false);
    expect(isInScope(scoped('cluster:one,cluster:two', 'cluster:two'), 'two')).toBe(true);
    expect(isInScope(scoped('one'), 'one')).toBe(false);
  });

  test('a service account counts in its own logical cluster only, and never across all', () => {
    expect(isInScope(account('one'), 'one')).toBe(true);
    expect(isInScope(account('one'), 'two')).toBe(false);
    expect(isInScope(account('one', 'two'), 'one')).toBe(false);
    expect(isInScope(scoped('cluster:one'), '*')).toBe(false);
  });
});

describe('effectiveUsers', () => {
  test('out of scope is anybody who is known', () => {
    expect(effectiveUsers('two', scoped('cluster:one'))).toEqual([
      { name: 'system:anonymous', groups: [AUTHENTICATED] },
    ]);
  });

  test('a service account has a name across workspaces, and no groups of its own there', () => {
    expect(effectiveUsers('two', account('one'))).toEqual([
      { name: 'system:kcp:serviceaccount:one:default:bot', groups: [AUTHENTICATED] },
      { name: 'system:anonymous', groups: [AUTHENTICATED] },
    ]);
  });

  test('warrants add identities, each in its own scope, nested ones too', () => {
    const inner = JSON.stringify({ user: 'root-of-two', extra: { [SCOPES_EXTRA]: ['cluster:two'] } });
    const outer = JSON.stringify({ user: 'helper', groups: ['ops'], extra: { [WARRANT_EXTRA]: [inner] } });
    const user = { ...jane, extra: { [WARRANT_EXTRA]: [outer] } };
    expect(names('two', user)).toEqual(['jane', 'helper', 'root-of-two']);
    expect(names('one', user)).toEqual(['jane', 'helper', 'system:anonymous']);
  });

  test('a warrant that is none, or for an account of nowhere, gives nothing', () => {
    const warrants = [
      '{',
      '7',
      '{"user":7}',
      '{"user":"a","groups":"b"}',
      '{"user":"system:serviceaccount:a:b"}',
    ];
    expect(names('one', { ...jane, extra: { [WARRANT_EXTRA]: warrants } })).toEqual(['jane']);
  });

  test('warrants without end end', () => {
    let warrant = JSON.stringify({ user: 'last' });
    for (let i = 0; i < 5; i += 1)
      warrant = JSON.stringify({ user: `u${i}`, extra: { [WARRANT_EXTRA]: [warrant, warrant] } });
    expect(names('one', { ...jane, extra: { [WARRANT_EXTRA]: [warrant] } }).length).toBeLessThanOrEqual(16);
  });
});
