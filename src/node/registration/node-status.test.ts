import { expect, test } from 'vitest';
import type { HostFacts } from './host-facts.ts';
import { conditionEvent, nodeLabels, nodeStatus } from './node-status.ts';

const gibibyte = 1024 ** 3;
const host: HostFacts = {
  cpus: 4,
  memoryBytes: 8 * gibibyte,
  memoryAvailableBytes: 4 * gibibyte,
  swapBytes: 0,
  storageBytes: 100 * gibibyte,
  storageAvailableBytes: 50 * gibibyte,
  inodesFreeShare: 0.9,
  maxPids: 32_768,
  pids: 300,
  architecture: 'amd64',
  kernelVersion: '6.1.0',
  osImage: 'Debian GNU/Linux 12 (bookworm)',
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
};
const identity = { name: 'sun', ip: '192.0.2.1', version: '0.1.0' };
const nowMs = Date.UTC(2026, 0, 1);

function statusOf(changes: Partial<HostFacts> = {}, more: object = {}) {
  return nodeStatus({
    identity,
    host: { ...host, ...changes },
    images: [],
    serverPort: 10_250,
    nowMs,
    ...more,
  });
}

function conditionsOf(status: ReturnType<typeof statusOf>) {
  return Object.fromEntries(status.conditions!.map((c) => [c.type, `${c.status} ${c.reason}`]));
}

test('a healthy node is Ready with its real size', () => {
  const status = statusOf();
  expect(conditionsOf(status)).toEqual({
    MemoryPressure: 'False KubeletHasSufficientMemory',
    DiskPressure: 'False KubeletHasNoDiskPressure',
    PIDPressure: 'False KubeletHasSufficientPID',
    Ready: 'True KubeletReady',
  });
  expect(status.capacity).toMatchObject({ cpu: '4', memory: '8388608Ki', pods: '110' });
  expect(status.allocatable).toMatchObject({ memory: '8286208Ki', 'ephemeral-storage': '96636764160' });
  expect(status.nodeInfo).toMatchObject({
    kubeletVersion: 'v1.36.0+orrery-0.1.0',
    containerRuntimeVersion: 'orrery://0.1.0',
    osImage: 'Debian GNU/Linux 12 (bookworm)',
  });
  expect(status.daemonEndpoints).toEqual({ kubeletEndpoint: { Port: 10_250 } });
});

test('says why it is not ready', () => {
  const status = statusOf({}, { problem: 'container runtime is not usable: missing runc' });
  expect(status.conditions!.at(-1)).toMatchObject({
    status: 'False',
    reason: 'KubeletNotReady',
    message: 'container runtime is not usable: missing runc',
  });
});

test('shows pressure', () => {
  const status = statusOf({ memoryAvailableBytes: 1, storageAvailableBytes: gibibyte, pids: 32_700 });
  expect(conditionsOf(status)).toMatchObject({
    MemoryPressure: 'True KubeletHasInsufficientMemory',
    DiskPressure: 'True KubeletHasDiskPressure',
    PIDPressure: 'True KubeletHasInsufficientPID',
  });
});

test('an unchanged condition keeps its transition time, a changed one does not', () => {
  const before = statusOf().conditions!;
  const later = statusOf({ memoryAvailableBytes: 1 }, { before, nowMs: nowMs + 60_000 }).conditions!;
  const times = Object.fromEntries(later.map((c) => [c.type, c.lastTransitionTime]));
  expect(times.Ready).toBe('2026-01-01T00:00:00Z');
  expect(times.MemoryPressure).toBe('2026-01-01T00:01:00Z');
  expect(conditionEvent(later[0]!)).toBe('NodeHasInsufficientMemory');
});

test('carries the labels selectors look for', () => {
  expect(nodeLabels(identity, host)).toMatchObject({
    'kubernetes.io/hostname': 'sun',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
  });
});

test('lists images by digest and by tag, the largest first', () => {
  const image = (name: string, sizeBytes: number) => ({
    references: [`docker.io/library/${name}:latest`],
    id: 'sha256:0',
    digest: 'sha256:1',
    createdAt: '',
    sizeBytes,
  });
  const status = statusOf({}, { images: [image('small', 1), image('large', 2)] });
  expect(status.images?.map((i) => i.names)).toEqual([
    ['docker.io/library/large@sha256:1', 'docker.io/library/large:latest'],
    ['docker.io/library/small@sha256:1', 'docker.io/library/small:latest'],
  ]);
});
