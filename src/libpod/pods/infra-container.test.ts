import { expect, test } from 'vitest';
import { infraContainer, sharedNamespaces } from './infra-container.ts';

const facts = {
  podId: 'a'.repeat(64),
  podName: 'web',
  shared: ['ipc', 'net', 'uts'],
  image: 'localhost/podman-pause:1',
  cgroupParent: '/pods/a',
};

test('shares ipc, net and uts unless told otherwise; a plus adds to them', () => {
  expect(sharedNamespaces({})).toEqual(['ipc', 'net', 'uts']);
  expect(sharedNamespaces({ share: ['+pid'] })).toEqual(['ipc', 'net', 'pid', 'uts']);
  expect(sharedNamespaces({ share: ['ipc'] })).toEqual(['ipc']);
  expect(sharedNamespaces({ share: ['none'] })).toEqual([]);
  expect(sharedNamespaces({ infra: false })).toEqual([]);
});

test('a namespace that is none is refused by name', () => {
  expect(() => sharedNamespaces({ share: ['bogus'] })).toThrow(
    'invalid kernel namespace to share: bogus. Options are: cgroup, ipc, net, pid, uts or none',
  );
});

test("the infra container has the pod's name for its host, its ports and its networks", () => {
  const made = infraContainer({ hostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } } }, facts);
  expect(made.Name).toBe(`${'a'.repeat(12)}-infra`);
  expect(made.Config).toMatchObject({ Hostname: 'web', ExposedPorts: { '80/tcp': {} } });
  expect(made.HostConfig).toMatchObject({ IpcMode: 'shareable', CgroupParent: '/pods/a' });
  expect(made.HostConfig.NetworkMode).toBeUndefined();
  expect(made.Podman).toMatchObject({ Pod: facts.podId, IsInfra: true });
});

test('without a shared network it needs none of its own, and on the host network no host name', () => {
  expect(infraContainer({}, { ...facts, shared: ['ipc'] }).HostConfig.NetworkMode).toBe('none');
  const host = infraContainer({ hostConfig: { NetworkMode: 'host' } }, facts);
  expect(host.Config.Hostname).toBeUndefined();
});
