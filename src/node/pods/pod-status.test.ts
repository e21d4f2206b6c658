import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import type { ObservedContainer } from './engine-labels.ts';
import { computePodStatus, type StatusFacts } from './pod-status.ts';

const startMs = Date.UTC(2026, 0, 1);

function podOf(spec: Partial<corev1.PodSpec> = {}, status?: corev1.PodStatus): corev1.Pod {
  return {
    metadata: {
      name: 'p',
      namespace: 'n',
      uid: 'u',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '',
    },
    spec: { restartPolicy: 'Always', initContainers: [], containers: [{ name: 'a', image: 'i' }], ...spec },
    ...(status && { status }),
  };
}

function observed(name: string, more: Partial<ObservedContainer> = {}): ObservedContainer {
  const restartCount = more.restartCount ?? 0;
  return {
    id: `${name}${restartCount}`,
    name,
    status: 'running',
    restartCount,
    hash: '',
    backOffMs: 0,
    image: 'i',
    imageId: 'sha256:1',
    createdAtMs: startMs + restartCount * 1000,
    startedAtMs: startMs + restartCount * 1000,
    oomKilled: false,
    logPath: '/l',
    ...more,
  };
}

function ended(name: string, exitCode: number, more: Partial<ObservedContainer> = {}) {
  return observed(name, { status: 'exited', exitCode, finishedAtMs: startMs + 2000, ...more });
}

function statusOf(facts: Partial<StatusFacts>) {
  return computePodStatus({
    pod: podOf(),
    observed: [],
    probes: new Map(),
    waiting: new Map(),
    terminationMessages: new Map(),
    podIPs: ['10.42.0.9'],
    hostIPs: ['192.0.2.1'],
    sandboxReady: true,
    startTimeMs: startMs,
    finished: false,
    nowMs: startMs + 10_000,
    ...facts,
  });
}

function condition(status: corev1.PodStatus, type: string) {
  return status.conditions?.find((c) => c.type === type);
}

test('a new pod is Pending with ContainerCreating', () => {
  const status = statusOf({ sandboxReady: false, podIPs: [] });
  expect(status.phase).toBe('Pending');
  expect(status.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
  expect(condition(status, 'PodReadyToStartContainers')?.status).toBe('False');
  expect(condition(status, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [a]',
  });
  expect(status.podIP).toBeUndefined();
});

test('a running pod without probes is Ready', () => {
  const status = statusOf({ observed: [observed('a')] });
  expect(status).toMatchObject({
    phase: 'Running',
    podIP: '10.42.0.9',
    podIPs: [{ ip: '10.42.0.9' }],
    hostIP: '192.0.2.1',
    qosClass: 'BestEffort',
    startTime: '2026-01-01T00:00:00Z',
  });
  expect(status.containerStatuses?.[0]).toMatchObject({
    ready: true,
    started: true,
    containerID: 'orrery://a0',
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
  });
  expect(['Ready', 'ContainersReady', 'Initialized'].map((t) => condition(status, t)?.status)).toEqual([
    'True',
    'True',
    'True',
  ]);
});

test('readiness and startup probes hold Ready back', () => {
  const pod = podOf({ containers: [{ name: 'a', image: 'i', readinessProbe: {}, startupProbe: {} }] });
  const container = (probes: StatusFacts['probes']) =>
    statusOf({ pod, observed: [observed('a')], probes }).containerStatuses?.[0];
  expect(container(new Map())).toMatchObject({ ready: false, started: false });
  expect(container(new Map([['a0', { startup: 'success' }]]))).toMatchObject({ ready: false, started: true });
  expect(container(new Map([['a0', { startup: 'success', readiness: 'success' }]]))).toMatchObject({
    ready: true,
  });
});

test('a crashing container shows its back-off, its last end and its count', () => {
  const waiting = new Map([['a', { reason: 'CrashLoopBackOff', message: 'back-off 10s …' }]]);
  const status = statusOf({ observed: [ended('a', 1), ended('a', 3, { restartCount: 1 })], waiting });
  expect(status.phase).toBe('Running');
  expect(status.containerStatuses?.[0]).toMatchObject({
    restartCount: 1,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 3, reason: 'Error', containerID: 'orrery://a1' } },
  });
});

test('a restarted container runs and remembers how the one before ended', () => {
  const status = statusOf({
    observed: [ended('a', 137, { oomKilled: true }), observed('a', { restartCount: 1 })],
    terminationMessages: new Map([['a0', 'last words']]),
  });
  expect(status.containerStatuses?.[0]).toMatchObject({
    restartCount: 1,
    state: { running: {} },
    lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', message: 'last words' } },
  });
});

test.each([
  [0, 'Succeeded', 'PodCompleted'],
  [2, 'Failed', 'PodFailed'],
])('a pod that ended with %i is %s', (exitCode, phase, reason) => {
  const status = statusOf({
    pod: podOf({ restartPolicy: 'Never' }),
    observed: [ended('a', exitCode)],
    finished: true,
  });
  expect(status.phase).toBe(phase);
  expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason });
});

test('while init containers run the pod is Pending and says which are missing', () => {
  const pod = podOf({ initContainers: [{ name: 'x', image: 'i' }] });
  const status = statusOf({ pod, observed: [observed('x')] });
  expect(status.phase).toBe('Pending');
  expect(status.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'PodInitializing' } });
  expect(condition(status, 'Initialized')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: [x]',
  });
});

test('a failed init container of a pod that never restarts fails it', () => {
  const pod = podOf({ restartPolicy: 'Never', initContainers: [{ name: 'x', image: 'i' }] });
  expect(statusOf({ pod, observed: [ended('x', 1)], finished: true }).phase).toBe('Failed');
});

test('a pod the node refuses is Failed with the reason', () => {
  const failure = { reason: 'OutOfcpu', message: 'Pod was rejected: …' };
  expect(statusOf({ failure, finished: true, podIPs: [] })).toMatchObject({ phase: 'Failed', ...failure });
});

test('a condition that did not change keeps its transition time, others’ conditions stay', () => {
  const before = statusOf({ observed: [observed('a')] });
  const conditions = [...before.conditions!, { type: 'example.com/gate', status: 'True' }];
  const status = statusOf({
    pod: podOf({}, { ...before, conditions }),
    observed: [ended('a', 1)],
    nowMs: startMs + 60_000,
  });
  expect(condition(status, 'Initialized')?.lastTransitionTime).toBe('2026-01-01T00:00:10Z');
  expect(condition(status, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:01:00Z');
  expect(condition(status, 'example.com/gate')?.status).toBe('True');
});

test('readiness gates of others hold Ready back with their names', () => {
  const pod = podOf({ readinessGates: [{ conditionType: 'example.com/gate' }] });
  const status = statusOf({ pod, observed: [observed('a')] });
  expect(condition(status, 'ContainersReady')?.status).toBe('True');
  expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
});
