import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { containerHash, type ObservedContainer } from './engine-labels.ts';
import { computePodActions, type PodFacts, type ProbeResults } from './pod-actions.ts';

const nowMs = 1_000_000;

function podOf(spec: Partial<corev1.PodSpec>): corev1.Pod {
  return {
    metadata: { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { restartPolicy: 'Always', initContainers: [], containers: [{ name: 'a', image: 'i' }], ...spec },
  };
}

function observed(name: string, more: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: `${name}-${more.restartCount ?? 0}`,
    name,
    status: 'running',
    restartCount: 0,
    hash: containerHash({ name, image: 'i' }),
    backOffMs: 0,
    image: 'i',
    imageId: 'sha256:0',
    createdAtMs: nowMs - 5000,
    startedAtMs: nowMs - 5000,
    oomKilled: false,
    logPath: '/log',
    ...more,
  };
}

function exited(name: string, exitCode: number, more: Partial<ObservedContainer> = {}) {
  return observed(name, { status: 'exited', exitCode, finishedAtMs: nowMs - 1000, ...more });
}

function decide(pod: corev1.Pod, list: ObservedContainer[], probes: Record<string, ProbeResults> = {}) {
  const facts: PodFacts = {
    pod,
    observed: list,
    probes: new Map(Object.entries(probes)),
    sandboxSinceMs: 0,
    nowMs,
  };
  const actions = computePodActions(facts);
  return {
    start: actions.start.map((s) => `${s.container.name}#${s.restartCount}`),
    stop: actions.stop.map((s) => s.message),
    backOff: actions.backOff.map((b) => `${b.name}:${b.delayMs}`),
    finished: actions.finished,
    nextBackOffMs: actions.start[0]?.backOffMs,
  };
}

test('starts every container of a new pod in order', () => {
  const pod = podOf({
    containers: [
      { name: 'a', image: 'i' },
      { name: 'b', image: 'i' },
    ],
  });
  expect(decide(pod, []).start).toEqual(['a#0', 'b#0']);
});

test('leaves a running container alone', () => {
  expect(decide(podOf({}), [observed('a')])).toMatchObject({ start: [], stop: [], finished: false });
});

test('restarts a container that ended for the first time at once, the next one after 10 s', () => {
  expect(decide(podOf({}), [exited('a', 1)])).toMatchObject({ start: ['a#1'], nextBackOffMs: 10_000 });
  const second = exited('a', 1, { restartCount: 1, backOffMs: 10_000 });
  expect(decide(podOf({}), [exited('a', 1), second])).toMatchObject({ start: [], backOff: ['a:10000'] });
});

test('restarts when the back-off is over', () => {
  const ended = exited('a', 1, { restartCount: 3, backOffMs: 40_000, finishedAtMs: nowMs - 40_000 });
  expect(decide(podOf({}), [ended])).toMatchObject({ start: ['a#4'], nextBackOffMs: 80_000 });
});

test('starts again, under its own count, what was created but never started', () => {
  const created = observed('a', { status: 'created', restartCount: 2, backOffMs: 20_000 });
  expect(decide(podOf({}), [created])).toMatchObject({ start: ['a#2'], nextBackOffMs: 20_000 });
});

test.each([
  ['Never', 0, true],
  ['Never', 1, true],
  ['OnFailure', 0, true],
  ['OnFailure', 1, false],
  ['Always', 0, false],
])('with restartPolicy %s and exit code %i the pod is finished: %s', (restartPolicy, exitCode, finished) => {
  expect(decide(podOf({ restartPolicy }), [exited('a', exitCode)]).finished).toBe(finished);
});

test('a changed image restarts the container', () => {
  const pod = podOf({ containers: [{ name: 'a', image: 'newer' }] });
  expect(decide(pod, [observed('a')]).stop).toEqual(['Container a definition changed, will be restarted']);
});

test('failed liveness and startup probes stop the container with the kubelet’s words', () => {
  const probed = podOf({ containers: [{ name: 'a', image: 'i', livenessProbe: {}, startupProbe: {} }] });
  expect(decide(probed, [observed('a')], { 'a-0': { liveness: 'failure' } }).stop).toEqual([
    'Container a failed liveness probe, will be restarted',
  ]);
  expect(decide(probed, [observed('a')], { 'a-0': { startup: 'failure' } }).stop).toEqual([
    'Container a failed startup probe, will be restarted',
  ]);
});

test('init containers run one after the other, to their end', () => {
  const pod = podOf({
    initContainers: [
      { name: 'x', image: 'i' },
      { name: 'y', image: 'i' },
    ],
  });
  expect(decide(pod, []).start).toEqual(['x#0']);
  expect(decide(pod, [observed('x')]).start).toEqual([]);
  expect(decide(pod, [exited('x', 0)]).start).toEqual(['y#0']);
  expect(decide(pod, [exited('x', 0), exited('y', 0)]).start).toEqual(['a#0']);
});

test('a failed init container is tried again, or fails the pod for good', () => {
  const spec = { initContainers: [{ name: 'x', image: 'i' }] };
  expect(decide(podOf(spec), [exited('x', 3)]).start).toEqual(['x#1']);
  const never = decide(podOf({ ...spec, restartPolicy: 'Never' }), [exited('x', 3)]);
  expect(never).toMatchObject({ start: [], finished: true });
});

test('a sidecar holds the next one up until it has started, and is stopped when the others ended', () => {
  const pod = podOf({
    restartPolicy: 'Never',
    initContainers: [{ name: 's', image: 'i', restartPolicy: 'Always', startupProbe: {} }],
  });
  expect(decide(pod, []).start).toEqual(['s#0']);
  expect(decide(pod, [observed('s')]).start).toEqual([]);
  expect(decide(pod, [observed('s')], { 's-0': { startup: 'success' } }).start).toEqual(['a#0']);
  const after = decide(pod, [observed('s'), exited('a', 0)], { 's-0': { startup: 'success' } });
  expect(after).toMatchObject({ stop: ['Stopping container s'], finished: true });
});

test('a crashed sidecar comes back beside running containers', () => {
  const pod = podOf({ initContainers: [{ name: 's', image: 'i', restartPolicy: 'Always' }] });
  expect(decide(pod, [exited('s', 1), observed('a')]).start).toEqual(['s#1']);
});

test('after a reboot init containers run again before the others', () => {
  const pod = podOf({ initContainers: [{ name: 'x', image: 'i' }] });
  const actions = computePodActions({
    pod,
    observed: [exited('x', 0), exited('a', 255, { backOffMs: 40_000 })],
    probes: new Map(),
    sandboxSinceMs: nowMs - 10,
    nowMs,
  });
  expect(actions.start.map((s) => [s.container.name, s.restartCount])).toEqual([['x', 1]]);
});

test('an ephemeral container is started once, beside init containers too, into its target', () => {
  const pod = podOf({
    initContainers: [{ name: 'init', image: 'i' }],
    ephemeralContainers: [
      { name: 'debug', image: 'i' },
      { name: 'look', image: 'i', targetContainerName: 'a' },
    ] as corev1.EphemeralContainer[],
  });
  expect(decide(pod, []).start).toEqual(['init#0', 'debug#0']);
  const running = [exited('init', 0), observed('a')];
  expect(decide(pod, [...running, exited('debug', 1)]).start).toEqual(['look#0']);
  const facts = { pod, observed: running, probes: new Map(), sandboxSinceMs: 0, nowMs };
  expect(computePodActions(facts).start.find((one) => one.container.name === 'look')).toMatchObject({
    pidNamespaceOf: 'a-0',
  });
});

test('a running container gets its new limits in place, or by a restart where its policy says so', () => {
  const wanted = { cpuShares: 204, cpuQuotaUs: 40_000, cpuPeriodUs: 100_000, memoryLimitBytes: 1_000 };
  const resize = (container: Partial<corev1.Container>) =>
    computePodActions({
      pod: podOf({ containers: [{ name: 'a', image: 'i', ...container }] }),
      observed: [observed('a', { resources: { ...wanted, cpuShares: 102, cpuQuotaUs: 20_000 } })],
      probes: new Map(),
      resourcesOf: () => wanted,
      sandboxSinceMs: 0,
      nowMs,
    });
  const inPlace = resize({ resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] });
  expect(inPlace.stop).toEqual([]);
  expect(inPlace.resize).toEqual([
    { id: 'a-0', name: 'a', limits: { cpuShares: 204, cpuQuotaUs: 40_000, cpuPeriodUs: 100_000 } },
  ]);
  const restart = resize({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] });
  expect(restart.resize).toEqual([]);
  expect(restart.stop.map(({ message }) => message)).toEqual(['Container a resize requires restart']);
});
