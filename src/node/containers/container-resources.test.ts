import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { containerResources } from './container-resources.ts';

const gibibyte = 1024 ** 3;

function resourcesOf(resources: corev1.ResourceRequirements) {
  const container = { name: 'a', resources };
  const pod = { metadata: {}, spec: { containers: [container] } } as unknown as corev1.Pod;
  return containerResources(pod, container, 4 * gibibyte);
}

test('a container without wishes gets the least and dies first', () => {
  expect(resourcesOf({})).toEqual({ cpuShares: 2, oomScoreAdj: 1000 });
});

test('requests are shares, limits are quota and memory limit', () => {
  const requests = { cpu: '250m', memory: '1Gi' };
  expect(resourcesOf({ requests, limits: { cpu: '500m', memory: '2Gi' } })).toEqual({
    cpuShares: 256,
    cpuPeriodUs: 100_000,
    cpuQuotaUs: 50_000,
    memoryLimitBytes: 2 * gibibyte,
    oomScoreAdj: 750,
  });
});

test('requests equal to limits are guaranteed', () => {
  const both = { cpu: '1', memory: '64Mi' };
  // The API server's defaults have put the requests in.
  expect(resourcesOf({ limits: both, requests: both })).toMatchObject({
    cpuShares: 1024,
    oomScoreAdj: -997,
  });
});

test('tiny limits keep the kernel’s least quota', () => {
  expect(resourcesOf({ limits: { cpu: '1m' } })).toMatchObject({ cpuShares: 2, cpuQuotaUs: 1000 });
});
