import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { admitPod, admitResize } from './pod-admission.ts';

function podOf(spec: Partial<corev1.PodSpec> = {}): corev1.Pod {
  return { metadata: { name: 'p' }, spec: { containers: [{ name: 'a' }], ...spec } } as unknown as corev1.Pod;
}

function reject(pod: corev1.Pod, others: corev1.Pod[] = []) {
  const allocatable = { cpu: '2', memory: '1Gi', 'ephemeral-storage': '10Gi', pods: '3' };
  return admitPod({ pod, others, allocatable, nodeLabels: { disk: 'ssd' } });
}

const cpu = (amount: string) =>
  podOf({ containers: [{ name: 'a', resources: { requests: { cpu: amount } } }] });
const port = (hostPort: number, hostIP?: string) =>
  podOf({ containers: [{ name: 'a', ports: [{ containerPort: 80, hostPort, ...(hostIP && { hostIP }) }] }] });

test('takes what fits', () => {
  expect(reject(cpu('2'))).toBeUndefined();
  expect(reject(cpu('1'), [cpu('1')])).toBeUndefined();
});

test('refuses too much with the kubelet’s reason and sentence', () => {
  expect(reject(cpu('1500m'), [cpu('1')])).toEqual({
    reason: 'OutOfcpu',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  expect(reject(podOf(), [podOf(), podOf(), podOf()])?.reason).toBe('OutOfpods');
});

test('refuses a host port that is taken', () => {
  expect(reject(port(8080), [port(8080)])?.reason).toBe('NodePorts');
  expect(reject(port(8080, '127.0.0.1'), [port(8080, '192.0.2.1')])).toBeUndefined();
  expect(reject(port(8081), [port(8080)])).toBeUndefined();
});

test('refuses a node selector that does not match', () => {
  expect(reject(podOf({ nodeSelector: { disk: 'hdd' } }))?.reason).toBe('NodeAffinity');
  expect(reject(podOf({ nodeSelector: { disk: 'ssd' } }))).toBeUndefined();
});

test.each<[Partial<corev1.PodSpec>, string]>([
  [{ shareProcessNamespace: true }, 'spec.shareProcessNamespace'],
  [{ volumes: [{ name: 'v', nfs: {} }] as unknown as corev1.Volume[] }, 'spec.volumes[0].nfs'],
  [{ runtimeClassName: 'gvisor' }, 'spec.runtimeClassName'],
  [
    { containers: [{ name: 'a', volumeDevices: [{ name: 'd', devicePath: '/d' }] }] },
    'spec.containers[0].volumeDevices',
  ],
  [
    { volumes: [{ name: 'v', emptyDir: { medium: 'HugePages' } }] as unknown as corev1.Volume[] },
    'spec.volumes[0].emptyDir.medium: HugePages',
  ],
])('names what it does not support: %j', (spec, field) => {
  expect(reject(podOf(spec))).toEqual({
    reason: 'NotSupported',
    message: `${field} is not supported by this node`,
  });
});

test('refuses unsafe sysctls', () => {
  const pod = podOf({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } });
  expect(reject(pod)).toEqual({
    reason: 'SysctlForbidden',
    message: 'forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
});

test('a resize is granted, put off while others take the room, or never possible', () => {
  const withCpu = (cpu: string) =>
    ({
      metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
      spec: { containers: [{ name: 'a', image: 'i', resources: { requests: { cpu } } }] },
    }) as unknown as corev1.Pod;
  const allocatable = { cpu: '2', memory: '1Gi', pods: '10' };
  const others = [withCpu('1')];
  expect(admitResize({ pod: withCpu('900m'), others, allocatable })).toBeUndefined();
  expect(admitResize({ pod: withCpu('1500m'), others, allocatable })).toEqual({
    reason: 'Deferred',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  expect(admitResize({ pod: withCpu('3'), others, allocatable })).toEqual({
    reason: 'Infeasible',
    message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
  });
});
