import { expect, test } from 'vitest';
import { factsFrom } from './facts.ts';
import { adaptToUserNamespace, ignoredLimits } from './oci-adaptation.ts';

const WHOLE = '0 0 4294967295';
const ROOT = factsFrom({ uidMap: WHOLE, gidMap: WHOLE, euid: 0, egid: 0 });
const USER = factsFrom({
  uidMap: '0 1000 1\n1 100000 65536',
  gidMap: '0 1000 1\n1 100000 65536',
  euid: 0,
  egid: 0,
});
const SINGLE = factsFrom({ uidMap: '0 1000 1', gidMap: '0 1000 1', euid: 0, egid: 0 });

const mount = (destination: string, type: string, ...options: string[]) => ({
  destination,
  type,
  source: type,
  options,
});

function config(namespaces: string[]) {
  return {
    mounts: [
      mount('/proc', 'proc'),
      mount('/dev/pts', 'devpts', 'mode=0620', 'gid=5'),
      mount('/dev/mqueue', 'mqueue'),
      mount('/sys', 'sysfs', 'ro'),
      mount('/sys/fs/cgroup', 'cgroup', 'ro'),
    ],
    process: { args: ['sh'], apparmorProfile: 'containers-default' },
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      cgroupsPath: '/x',
      resources: { memory: { limit: 1 } },
      devices: [{ path: '/dev/null' }, { path: '/dev/fuse' }, { path: '/dev/mine' }],
      sysctl: { 'net.core.somaxconn': '10' },
    },
  };
}

const ALL = ['mount', 'pid', 'ipc', 'network', 'uts'];
const typesOf = (adapted: { mounts: { destination: string; type: string }[] }) =>
  Object.fromEntries(adapted.mounts.map((one) => [one.destination, one.type]));

test('leaves everything as it is for the root of the host', () => {
  const given = config(ALL);
  expect(adaptToUserNamespace(given, ROOT)).toBe(given);
});

test('gives no control group, no limits and no profile of AppArmor to an ordinary user', () => {
  const { linux, process } = adaptToUserNamespace(config(ALL), USER);
  expect(linux).toEqual({
    namespaces: ALL.map((type) => ({ type })),
    sysctl: { 'net.core.somaxconn': '10', 'net.ipv4.ping_group_range': '0 0' },
  });
  expect(process).toEqual({ args: ['sh'] });
});

test('mounts the file systems of namespaces of its own and binds those of the host', () => {
  expect(typesOf(adaptToUserNamespace(config(ALL), USER))).toMatchObject({
    ...{ '/proc': 'proc', '/dev/mqueue': 'mqueue', '/sys': 'sysfs' },
  });
  const shared = adaptToUserNamespace(config(['mount']), USER, [], true);
  expect(typesOf(shared)).toMatchObject({ '/proc': 'bind', '/dev/mqueue': 'bind', '/sys': 'bind' });
  expect(shared.mounts.find((one) => one.destination === '/sys')?.options).toContain('ro');
  expect(shared.linux).not.toHaveProperty(['sysctl', 'net.ipv4.ping_group_range']);
  const without = adaptToUserNamespace(config(['mount']), USER, [], false);
  expect(typesOf(without)).not.toHaveProperty(['/dev/mqueue']);
});

test('binds the devices asked for from where they are, but for those that are always there', () => {
  const { mounts } = adaptToUserNamespace(config(ALL), USER, [
    { hostPath: '/dev/theirs', path: '/dev/mine' },
  ]);
  const bound = mounts.filter((one) => one.destination.startsWith('/dev/') && one.type === 'bind');
  expect(bound.map(({ source, destination }) => [source, destination])).toEqual([
    ['/dev/fuse', '/dev/fuse'],
    ['/dev/theirs', '/dev/mine'],
  ]);
});

test('keeps the group of terminals only where it has an id', () => {
  const pts = (facts: typeof USER) =>
    adaptToUserNamespace(config(ALL), facts).mounts.find((one) => one.type === 'devpts')?.options;
  expect(pts(USER)).toEqual(['mode=0620', 'gid=5']);
  expect(pts(SINGLE)).toEqual(['mode=0620']);
});

test('says that limits are ignored when one is asked for', () => {
  expect(ignoredLimits({ pidsLimit: 5 }, USER)).toMatch(/^Resource limits are not supported and ignored/);
  expect(ignoredLimits({ pidsLimit: undefined, oomScoreAdj: 5 }, USER)).toBeUndefined();
  expect(ignoredLimits({ pidsLimit: 5 }, USER, false)).toContain('on cgroups V1 rootless systems');
  expect(ignoredLimits({ pidsLimit: 5 }, USER, true)).not.toContain('V1');
  expect(ignoredLimits({ pidsLimit: 5 }, ROOT)).toBeUndefined();
});
