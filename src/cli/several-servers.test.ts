import { expect, test } from 'vitest';
import { resolveSeveralServers, severalServersArguments } from './several-servers.ts';

test("leader election has kube-controller-manager's times", () => {
  expect(resolveSeveralServers({}, {}).leaderElection).toEqual({
    enabled: true,
    leaseDurationMs: 15_000,
    renewDeadlineMs: 10_000,
    retryPeriodMs: 2_000,
  });
});

test('times that contradict each other are refused', () => {
  expect(() => resolveSeveralServers({ leaderElectLeaseDuration: '10s' }, {})).toThrow(
    '--leader-elect-lease-duration must be greater',
  );
  expect(() => resolveSeveralServers({ leaderElectRetryPeriod: '10s' }, {})).toThrow(
    '--leader-elect-renew-deadline must be greater',
  );
  expect(() => resolveSeveralServers({ leaderElect: 'maybe' }, {})).toThrow('--leader-elect "maybe"');
});

test('a store or a server that is no address is refused', () => {
  expect(resolveSeveralServers({ store: 'etcd://a:2379,b:2379' }, {}).storeUrl).toBe('etcd://a:2379,b:2379');
  expect(() => resolveSeveralServers({ store: 'mysql://a' }, {})).toThrow('--store "mysql://a"');
  expect(() => resolveSeveralServers({ server: ['http://a:6443'] }, {})).toThrow('--server "http://a:6443"');
});

test('a token comes from a flag, a file or the environment, of which the flags win', () => {
  const store = 'etcd://a:2379';
  expect(resolveSeveralServers({ store, token: 'a' }, { ORRERY_TOKEN: 'b' }).token).toBe('a');
  expect(resolveSeveralServers({}, { ORRERY_TOKEN: 'b' }).token).toBe('b');
  expect(resolveSeveralServers({ store, tokenFile: '/t' }, { ORRERY_TOKEN: 'b' })).toMatchObject({
    tokenFile: '/t',
  });
  expect(() => resolveSeveralServers({ token: 'a', tokenFile: '/t' }, {})).toThrow('exclude each other');
});

test('what goes to the background means the same there, and the token is on no command line', () => {
  const config = resolveSeveralServers(
    { store: 'etcd://a:1', server: ['https://b:2'], leaderElect: 'false', token: 'secret' },
    {},
  );
  const args = severalServersArguments(config);
  expect(args).toContain('etcd://a:1');
  expect(args.join(' ')).not.toContain('secret');
  expect(args.join(' ')).toContain('--leader-elect false');
});

test('a token without a store that several servers share is refused', () => {
  expect(() => resolveSeveralServers({ tokenFile: 'token' }, {})).toThrow('--token-file needs --store');
  expect(resolveSeveralServers({ tokenFile: 'token' }, { ORRERY_STORE: 'etcd://a:2379' }).tokenFile).toMatch(
    /\/token$/,
  );
});
