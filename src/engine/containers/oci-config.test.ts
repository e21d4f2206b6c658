import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ContainerSpec } from '../engine.ts';
import { containerCapabilities } from './capabilities.ts';
import { readHardLimits } from './host-facts.ts';
import { commandLine, type HostFacts, ociConfig } from './oci-config.ts';
import { defaultSeccompProfile } from './seccomp.ts';
import { lookUpUser } from './users.ts';

const HOST: HostFacts = {
  architecture: 'amd64',
  isUnified: false,
  hasSwapAccounting: true,
  hardLimits: { openFiles: 20_000, processes: 500 },
  oomScoreAdjFloor: 0,
  devices: [],
};

function configOf(more: Partial<ContainerSpec> = {}, host: Partial<HostFacts> = {}) {
  const spec: ContainerSpec = {
    name: 'a',
    image: 'a',
    env: {},
    mounts: [],
    network: '/ns/a',
    tty: false,
    stdin: false,
    labels: {},
    resources: {},
    security: {},
    cgroupParent: '/orrery-000000/pod',
    logPath: '/log',
    ...more,
  };
  return ociConfig({
    spec,
    image: { Entrypoint: ['/entry'], Cmd: ['default'], Env: ['A=image', 'B=image'], WorkingDir: '/srv' },
    rootPath: '/root',
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    capabilities: containerCapabilities({}, containerCapabilities({}, ALL)),
    cgroupPath: '/orrery-000000/pod/id',
    host: { ...HOST, ...host },
  });
}

const ALL = containerCapabilities({ privileged: true }, [
  ...'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE SYS_ADMIN NET_ADMIN'
    .split(' ')
    .map((name) => `CAP_${name}`),
]);

test.each([
  [{}, ['/entry', 'default']],
  [{ args: ['x'] }, ['/entry', 'x']],
  [{ command: ['/other'] }, ['/other']],
  [{ command: ['/other'], args: ['y'] }, ['/other', 'y']],
])('command and args replace as in Kubernetes: %j', (spec, line) => {
  expect(commandLine(spec, { Entrypoint: ['/entry'], Cmd: ['default'] })).toEqual(line);
});

test('refuses an image without any command', () => {
  expect(() => commandLine({}, {})).toThrow('no command specified');
});

test('the environment of the spec wins over the image', () => {
  const { env } = configOf({ env: { A: 'spec', C: 'spec' }, hostname: 'h' }).process;
  expect(env).toEqual(expect.arrayContaining(['A=spec', 'B=image', 'C=spec', 'HOSTNAME=h', 'HOME=/root']));
  expect(() => configOf({ env: { 'A=B': 'x' } })).toThrow('invalid environment variable');
});

test("limits never exceed the caller's hard limits", () => {
  expect(configOf().process.rlimits).toEqual([
    { type: 'RLIMIT_NOFILE', hard: 20_000, soft: 20_000 },
    { type: 'RLIMIT_NPROC', hard: 500, soft: 500 },
  ]);
  expect(
    configOf({}, { hardLimits: { openFiles: Number.POSITIVE_INFINITY, processes: Number.POSITIVE_INFINITY } })
      .process.rlimits,
  ).toEqual([{ type: 'RLIMIT_NOFILE', hard: 1_048_576, soft: 1_048_576 }]);
  expect(
    readHardLimits(
      'Max processes             96363                96363                processes \nMax open files            1024                 unlimited            files\n',
    ),
  ).toEqual({
    processes: 96_363,
    openFiles: Number.POSITIVE_INFINITY,
  });
});

test('oom_score_adj is not lowered below what this process may give', () => {
  expect(configOf({ resources: { oomScoreAdj: -997 } }).process.oomScoreAdj).toBe(0);
  expect(
    configOf({ resources: { oomScoreAdj: -997 } }, { oomScoreAdjFloor: -1000 }).process.oomScoreAdj,
  ).toBe(-997);
  expect(configOf({ resources: { oomScoreAdj: 1000 } }).process.oomScoreAdj).toBe(1000);
});

test('masks paths and filters calls by default, and not when privileged', () => {
  const plain = configOf().linux;
  expect(plain.maskedPaths).toContain('/proc/kcore');
  expect(plain.readonlyPaths).toContain('/proc/sys');
  expect(plain.seccomp).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO' });
  const privileged = configOf({ security: { privileged: true } }).linux;
  expect(privileged).not.toHaveProperty('maskedPaths');
  expect(privileged).not.toHaveProperty('seccomp');
  expect(configOf({ security: { seccomp: 'unconfined' } }).linux).not.toHaveProperty('seccomp');
});

test("the host's namespaces are left out when they are shared", () => {
  const types = (more: Partial<ContainerSpec>) =>
    (configOf(more).linux.namespaces as { type: string }[]).map((one) => one.type);
  expect(types({})).toEqual(['mount', 'uts', 'pid', 'ipc', 'network']);
  expect(types({ network: 'host', hostPid: true, hostIpc: true })).toEqual(['mount']);
});

test('an asked mount takes the place of a default one', () => {
  const { mounts } = configOf({ mounts: [{ type: 'tmpfs', destination: '/dev/shm', sizeBytes: 4096 }] });
  expect(mounts.filter((one) => one.destination === '/dev/shm')).toEqual([
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=1777', 'size=4096', 'rw'],
    },
  ]);
  expect(() => configOf({ mounts: [{ type: 'bind', destination: 'x', source: '/y' }] })).toThrow(
    'not an absolute path',
  );
});

test('refuses sysctls that would change the host', () => {
  expect(configOf({ sysctls: { 'net.ipv4.ip_local_port_range': '1 2' } }).linux.sysctl).toBeDefined();
  expect(() => configOf({ network: 'host', sysctls: { 'net.core.somaxconn': '1' } })).toThrow(
    'net.core.somaxconn',
  );
  expect(() => configOf({ sysctls: { 'vm.swappiness': '1' } })).toThrow('vm.swappiness');
});

test('capabilities are added and dropped by name, with and without the prefix', () => {
  expect(containerCapabilities({ drop: ['ALL'], add: ['net_admin'] }, ALL)).toEqual(['CAP_NET_ADMIN']);
  expect(containerCapabilities({ drop: ['CAP_KILL'] }, ALL)).not.toContain('CAP_KILL');
  expect(() => containerCapabilities({ add: ['FLY'] }, ALL)).toThrow('unknown capability "FLY"');
  expect(() => containerCapabilities({ add: ['SYS_TIME'] }, ALL)).toThrow('CAP_SYS_TIME is not available');
});

test('the seccomp profile opens calls with the capability that makes them useful', () => {
  const allows = (capabilities: string[], name: string) =>
    defaultSeccompProfile(capabilities, 'amd64').syscalls.some(
      (rule) => rule.action === 'SCMP_ACT_ALLOW' && rule.names.includes(name) && rule.args === undefined,
    );
  expect(allows([], 'read')).toBe(true);
  for (const name of ['mount', 'unshare', 'setns', 'bpf', 'keyctl', 'kexec_load', 'reboot'])
    expect([name, allows([], name)]).toEqual([name, false]);
  expect(allows(['CAP_SYS_ADMIN'], 'mount')).toBe(true);
});

test('users and groups are looked up in the image, never through its symlinks on the host', async () => {
  const root = await mkdtemp(join(tmpdir(), 'orrery-users-'));
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/group'), 'app:x:50:\nextra:x:51:alice,bob\n');
  await writeFile(join(root, 'accounts'), 'alice:x:1000:50::/home/alice:/bin/sh\n');
  await symlink('/accounts', join(root, 'etc/passwd'));
  expect(await lookUpUser('alice', root, [9])).toEqual({
    uid: 1000,
    gid: 50,
    additionalGids: [51, 9],
    home: '/home/alice',
  });
  expect(await lookUpUser('1000:extra', root, [])).toMatchObject({ uid: 1000, gid: 51, additionalGids: [] });
  expect(await lookUpUser('4711', root, [])).toEqual({
    uid: 4711,
    gid: 0,
    additionalGids: [],
    home: undefined,
  });
  await expect(lookUpUser('mallory', root, [])).rejects.toThrow('unable to find user mallory');
  await expect(lookUpUser('alice:none', root, [])).rejects.toThrow('unable to find group none');
  await rm(root, { recursive: true });
});
