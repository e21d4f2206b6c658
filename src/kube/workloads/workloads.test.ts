import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinResources } from '../resources/builtin-resources.ts';
import type { appsv1, corev1 } from '../types/index.generated.ts';
import { resolveIntOrPercent } from './int-or-percent.ts';
import { isPodAvailable, isPodReady } from './pod-conditions.ts';
import { podQosClass } from './pod-qos.ts';
import { heldPodRequests, podLimits, podRequests } from './pod-resources.ts';
import { podTemplateHash } from './pod-template-hash.ts';
import { applyScale, scaleOf } from './scale.ts';

function podOf(spec: object, status: object = {}): corev1.Pod {
  return { metadata: { name: 'x' }, spec, status } as unknown as corev1.Pod;
}

const resources = (cpu: string, memory: string, which: 'requests' | 'limits' = 'requests') => ({
  resources: { [which]: { cpu, memory } },
});

describe('resolveIntOrPercent', () => {
  test.each([
    [3, 10, true, 3],
    ['25%', 2, true, 1],
    ['25%', 2, false, 0],
    ['25%', 4, false, 1],
    ['100%', 7, false, 7],
  ])('%s of %d, rounding up %s, is %d', (value, total, up, expected) => {
    expect(resolveIntOrPercent(value, total, up)).toBe(expected);
  });

  test('refuses other text', () => {
    expect(() => resolveIntOrPercent('many', 1, true)).toThrow('string is not a percentage: "many"');
  });
});

describe('pods', () => {
  test('are available when they have been ready for long enough', () => {
    const now = new Date('2026-01-01T00:00:10Z');
    const pod = podOf(
      {},
      { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
    );
    expect(isPodReady(pod)).toBe(true);
    expect(isPodAvailable(pod, 0, now)).toBe(true);
    expect(isPodAvailable(pod, 10, now)).toBe(true);
    expect(isPodAvailable(pod, 11, now)).toBe(false);
    expect(isPodAvailable(podOf({}), 0, now)).toBe(false);
  });

  test('ask for the sum of their containers and their overhead', () => {
    const pod = podOf({
      containers: [resources('100m', '1Gi'), resources('200m', '1Gi')],
      overhead: { cpu: '10m' },
    });
    expect(podRequests(pod).cpu!.toString()).toBe('310m');
    expect(podRequests(pod).memory!.toString()).toBe('2Gi');
    expect(podLimits(pod)).toEqual({});
  });

  test('ask for what initialization takes when that is more; sidecars stay', () => {
    const pod = podOf({
      initContainers: [{ ...resources('1', '0'), restartPolicy: 'Always' }, resources('3', '0')],
      containers: [resources('1', '0')],
    });
    expect(podRequests(pod).cpu!.toString()).toBe('4');
  });

  test('hold the most of what is asked for, allocated and in use, but not what no node can give', () => {
    const pod = (wanted: string, held: string, reason: string) =>
      podOf(
        { containers: [{ name: 'c', ...resources(wanted, '1Gi') }] },
        {
          conditions: [{ type: 'PodResizePending', status: 'True', reason }],
          containerStatuses: [
            { name: 'c', ...resources(held, '1Gi'), allocatedResources: { cpu: held, memory: '1Gi' } },
          ],
        },
      );
    const cpu = (of: corev1.Pod) => heldPodRequests(of).cpu!.toString();
    expect(cpu(pod('2', '1', 'Deferred'))).toBe('2');
    expect(cpu(pod('1', '2', 'Deferred'))).toBe('2');
    expect(cpu(pod('100', '1', 'Infeasible'))).toBe('1');
  });

  test.each<[string, object, string]>([
    ['BestEffort', { containers: [{}] }, 'BestEffort'],
    ['Burstable', { containers: [resources('1', '1Gi')] }, 'Burstable'],
    ['Burstable', { containers: [resources('1', '1Gi', 'limits'), {}] }, 'Burstable'],
    [
      'Guaranteed',
      {
        containers: [
          {
            resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } },
          },
        ],
      },
      'Guaranteed',
    ],
  ])('are %s', (_name, spec, expected) => {
    expect(podQosClass(podOf(spec))).toBe(expected);
  });
});

describe('podTemplateHash', () => {
  const template = {
    metadata: { labels: { a: '1', b: '2' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };

  test('does not depend on the order of keys, does on every value and on collisions', () => {
    const typed = template as unknown as corev1.PodTemplateSpec;
    const reordered = {
      spec: { containers: [{ image: 'i', name: 'c' }] },
      metadata: { labels: { b: '2', a: '1' } },
    } as unknown as corev1.PodTemplateSpec;
    const other = structuredClone(typed);
    other.spec.containers[0]!.image = 'j';
    expect(podTemplateHash(reordered)).toBe(podTemplateHash(typed));
    expect(podTemplateHash(other)).not.toBe(podTemplateHash(typed));
    expect(podTemplateHash(typed, 1)).not.toBe(podTemplateHash(typed));
  });

  test('is safe in a name', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const hash = podTemplateHash({
          metadata: {},
          spec: JSON.parse(text),
        } as unknown as corev1.PodTemplateSpec);
        expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
      }),
    );
  });
});

test('the scale of a deployment reads and writes its replicas', () => {
  const resource = builtinResources.find((one) => one.name === 'deployments')!;
  const deployment = {
    metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '7', creationTimestamp: 't' },
    spec: { replicas: 2, selector: { matchLabels: { app: 'web' } } },
    status: { replicas: 1 },
  } as unknown as appsv1.Deployment;
  const scale = scaleOf(resource, deployment);
  expect(scale).toMatchObject({
    kind: 'Scale',
    spec: { replicas: 2 },
    status: { replicas: 1, selector: 'app=web' },
  });
  const scaled = applyScale(resource, deployment, { ...scale, spec: { replicas: 5 } });
  expect(scaled.spec.replicas).toBe(5);
  expect(deployment.spec.replicas).toBe(2);
});
