import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import type { corev1, eventsv1 } from '../types/index.generated.ts';
import { builtinResources } from './builtin-resources.ts';
import { toCoreEvent, toEventsEvent } from './event-conversion.ts';
import { podDeletionGraceSeconds } from './pod-defaults.ts';
import { pullPolicyOf } from './pod-spec-defaults.ts';
import { samples } from './samples.test-data.ts';

function resourceOf(name: string) {
  return builtinResources.find((one) => one.name === name && one.group === '')!;
}

describe('pods', () => {
  test.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['localhost:5000/nginx', 'Always'],
    ['localhost:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:abc', 'IfNotPresent'],
  ])('%s is pulled %s', (image, policy) => {
    expect(pullPolicyOf(image)).toBe(policy);
  });

  test.each<[string, object, number | undefined, number]>([
    ['the spec’s', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }, undefined, 30],
    ['what is asked for', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }, 5, 5],
    ['none without a node', { spec: { terminationGracePeriodSeconds: 30 } }, 5, 0],
    ['none when ended', { spec: { nodeName: 'n' }, status: { phase: 'Failed' } }, 5, 0],
    ['one second for a negative one', { spec: { nodeName: 'n' } }, -5, 1],
  ])('the grace of a deletion is %s', (_name, pod, requested, expected) => {
    expect(podDeletionGraceSeconds(pod as corev1.Pod, requested)).toBe(expected);
  });

  test('ports on the host network are the host’s', () => {
    const pod = {
      metadata: {},
      spec: { hostNetwork: true, containers: [{ ports: [{ containerPort: 80 }] }] },
    };
    resourceOf('pods').defaults!(pod as unknown as KubeObject);
    expect(pod.spec.containers[0]!.ports[0]).toMatchObject({ hostPort: 80, protocol: 'TCP' });
  });
});

test('stringData becomes data and wins over it', () => {
  const secret = { metadata: {}, data: { a: 'eA==', b: 'eQ==' }, stringData: { a: 'ü' } };
  resourceOf('secrets').defaults!(secret as unknown as KubeObject);
  expect(secret).toEqual({ metadata: {}, type: 'Opaque', data: { a: 'w7w=', b: 'eQ==' } });
});

test('a namespace is labelled, kept by its finalizer and Active', () => {
  const namespace = {
    metadata: { name: 'a' },
    spec: { finalizers: ['x.y/z'] },
  } as unknown as corev1.Namespace;
  resourceOf('namespaces').prepareForCreate!(namespace);
  expect(namespace).toEqual({
    metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } },
    spec: { finalizers: ['x.y/z', 'kubernetes'] },
    status: { phase: 'Active' },
  });
});

describe('services', () => {
  function service(spec: object): corev1.Service {
    const object = { metadata: { name: 'x' }, spec } as unknown as corev1.Service;
    resourceOf('services').defaults!(object);
    return object;
  }

  function updated(before: object, after: object): corev1.Service {
    const next = service(after);
    resourceOf('services').prepareForUpdate!(next, service(before));
    return next;
  }

  const allocated = { type: 'NodePort', clusterIP: '10.43.0.5', clusterIPs: ['10.43.0.5'] };

  test('keep what was allocated when an update leaves it out', () => {
    const before = { ...allocated, ports: [{ port: 80, nodePort: 30080 }] };
    const { spec } = updated(before, { type: 'NodePort', ports: [{ port: 80 }, { name: 'b', port: 81 }] });
    expect(spec.clusterIPs).toEqual(['10.43.0.5']);
    expect(spec.ports.map((port) => port.nodePort)).toEqual([30080, undefined]);
  });

  test('drop what their new type has no use for', () => {
    const before = { ...allocated, ports: [{ port: 80, nodePort: 30080 }] };
    const { spec } = updated(before, {
      ...allocated,
      type: 'ClusterIP',
      ports: [{ port: 80, nodePort: 30080 }],
    });
    expect(spec.ports[0]!.nodePort).toBeUndefined();
    expect(spec.clusterIP).toBe('10.43.0.5');
  });

  test('lose their address when they become a name', () => {
    const { spec } = updated(
      { ...allocated, type: 'ClusterIP' },
      { ...allocated, type: 'ExternalName', externalName: 'a.b' },
    );
    expect([spec.clusterIP, spec.clusterIPs]).toEqual([undefined, undefined]);
  });
});

test('an event is the same after a way to the core group and back', () => {
  const event = samples['events.k8s.io/events'] as eventsv1.Event;
  const core = toCoreEvent(event);
  expect(core).toMatchObject({
    apiVersion: 'v1',
    involvedObject: { kind: 'Pod', name: 'hello' },
    message: 'Started container web',
    reportingComponent: 'orrery.dev/node',
  });
  expect(toEventsEvent(core)).toEqual(event);
});

test('every resource can be found by its fields', () => {
  const pod = {
    metadata: {},
    spec: { nodeName: 'n' },
    status: { podIPs: [{ ip: '10.42.0.5' }] },
  } as unknown as KubeObject;
  const fields = resourceOf('pods').selectableFields!;
  expect(Object.fromEntries(Object.entries(fields).map(([name, get]) => [name, get(pod)]))).toMatchObject({
    'spec.nodeName': 'n',
    'spec.hostNetwork': 'false',
    'status.podIP': '10.42.0.5',
    'status.phase': '',
  });
});
