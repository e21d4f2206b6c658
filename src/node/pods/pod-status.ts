import { type corev1, podQosClass } from '../../kube/index.ts';
import { apiTime } from './api-time.ts';
import { incarnations, type ObservedContainer } from './engine-labels.ts';
import { isSidecar, type ProbeResults } from './pod-actions.ts';
import type { ResizePending } from './pod-allocation.ts';
import { podConditions } from './pod-conditions.ts';

/** Why a container that should run does not yet: `ImagePullBackOff`, `CreateContainerConfigError`, … */
export interface WaitingReason {
  reason: string;
  message?: string;
}

export interface StatusFacts {
  pod: corev1.Pod;
  observed: readonly ObservedContainer[];
  probes: ReadonlyMap<string, ProbeResults>;
  /** By container name; only of those that shall start. */
  waiting: ReadonlyMap<string, WaitingReason>;
  /** What the container wrote as its last words, by engine id. */
  terminationMessages: ReadonlyMap<string, string>;
  podIPs: readonly string[];
  hostIPs: readonly string[];
  sandboxReady: boolean;
  /** When this node took the pod. */
  startTimeMs: number;
  /** Nothing of the pod runs and nothing will. */
  finished: boolean;
  /** The node refused or ended the pod: phase Failed with this reason. */
  failure?: { reason: string; message: string };
  /** Why a running container has not the resources of its spec. */
  resizePending?: ResizePending;
  resizeError?: string;
  /** Whether a container of the engine has what `container` says. */
  isResized?(container: corev1.Container, observed: ObservedContainer): boolean;
  nowMs: number;
}

/** A container in the terms of the API, with what the phase is computed from. */
export interface JudgedContainer {
  container: corev1.Container;
  status: corev1.ContainerStatus;
}

/**
 * The pod's status from what is (pure): Kubernetes' generateAPIPodStatus (pkg/kubelet/kubelet_pods.go).
 * Conditions keep their transition times, and those of others (readiness gates) their place, from
 * `pod.status`.
 */
export function computePodStatus(facts: StatusFacts): corev1.PodStatus {
  const { pod } = facts;
  const initContainers = pod.spec.initContainers ?? [];
  const init = initContainers.map((container) => judge(facts, container, true));
  const regular = pod.spec.containers.map((container) => judge(facts, container, false));
  const phase = facts.failure && facts.finished ? 'Failed' : computePhase(facts, init, regular);
  const status: corev1.PodStatus = {
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: podConditions(facts, phase, init, regular),
    hostIP: facts.hostIPs[0] ?? '',
    hostIPs: facts.hostIPs.map((ip) => ({ ip })),
    startTime: apiTime(facts.startTimeMs),
    initContainerStatuses: init.map(({ status }) => status),
    containerStatuses: regular.map(({ status }) => status),
    ...ephemeralStatuses(facts),
    qosClass: pod.status?.qosClass ?? podQosClass(pod),
  };
  if (facts.podIPs.length > 0 && phase !== 'Failed' && phase !== 'Succeeded') {
    status.podIP = facts.podIPs[0]!;
    status.podIPs = facts.podIPs.map((ip) => ({ ip }));
  } else if (pod.status?.podIP) {
    status.podIP = pod.status.podIP;
    status.podIPs = pod.status.podIPs ?? [{ ip: pod.status.podIP }];
  }
  if (facts.failure) Object.assign(status, facts.failure);
  return status;
}

function judge(facts: StatusFacts, container: corev1.Container, isInit: boolean): JudgedContainer {
  const [newest, before] = incarnations(
    facts.observed.filter((c) => c.status !== 'created'),
    container.name,
  );
  const waiting = facts.waiting.get(container.name);
  const probes = newest === undefined ? undefined : facts.probes.get(newest.id);
  const status: corev1.ContainerStatus = {
    name: container.name,
    state: {},
    lastState: {},
    ready: false,
    restartCount: newest?.restartCount ?? 0,
    image: newest?.image ?? container.image ?? '',
    imageID: newest?.imageId ?? '',
    started: false,
  };
  if (newest !== undefined) status.containerID = `orrery://${newest.id}`;
  if (newest?.status === 'running') Object.assign(status, resourcesOf(facts, container, newest));
  if (newest?.status === 'running') {
    status.state = { running: { startedAt: apiTime(newest.startedAtMs ?? newest.createdAtMs) } };
    status.started = container.startupProbe === undefined || probes?.startup === 'success';
    status.ready =
      status.started &&
      (!isInit || isSidecar(container)) &&
      (container.readinessProbe === undefined || probes?.readiness === 'success');
    if (before !== undefined) status.lastState = { terminated: terminated(facts, before) };
  } else if (newest !== undefined && waiting === undefined) {
    status.state = { terminated: terminated(facts, newest) };
    status.ready = isInit && !isSidecar(container) && newest.exitCode === 0;
    if (before !== undefined) status.lastState = { terminated: terminated(facts, before) };
  } else {
    status.state = { waiting: waiting ?? defaultWaiting(facts) };
    if (newest !== undefined) status.lastState = { terminated: terminated(facts, newest) };
  }
  return { container, status };
}

function ephemeralStatuses(facts: StatusFacts): Pick<corev1.PodStatus, 'ephemeralContainerStatuses'> {
  const { ephemeralContainers = [] } = facts.pod.spec;
  if (ephemeralContainers.length === 0) return {};
  const ephemeralContainerStatuses = ephemeralContainers.map((container) => {
    const { started: _, ...status } = judge(facts, container as corev1.Container, false).status;
    // Readiness is nothing they have a part in.
    return { ...status, ready: false };
  });
  return { ephemeralContainerStatuses };
}

/** What a running container has: until a change is done, what was said of it before. */
function resourcesOf(
  facts: StatusFacts,
  container: corev1.Container,
  running: ObservedContainer,
): Pick<corev1.ContainerStatus, 'allocatedResources' | 'resources'> {
  const { requests } = container.resources ?? {};
  const isDone = facts.isResized?.(container, running) !== false;
  const { containerStatuses = [], initContainerStatuses = [] } = facts.pod.status ?? {};
  const before = [...containerStatuses, ...(initContainerStatuses ?? [])].find(
    ({ name }) => name === container.name,
  );
  return {
    ...(requests !== undefined && { allocatedResources: requests }),
    resources: (isDone ? undefined : before?.resources) ?? container.resources ?? {},
  };
}

function defaultWaiting(facts: StatusFacts): WaitingReason {
  const hasInit = (facts.pod.spec.initContainers ?? []).length > 0;
  return { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' };
}

function terminated(facts: StatusFacts, ended: ObservedContainer): corev1.ContainerStateTerminated {
  const exitCode = ended.exitCode ?? 137;
  const message = facts.terminationMessages.get(ended.id) || ended.error;
  const reason =
    ended.error !== undefined && ended.startedAtMs === undefined
      ? 'StartError'
      : ended.oomKilled
        ? 'OOMKilled'
        : exitCode === 0
          ? 'Completed'
          : 'Error';
  return {
    exitCode,
    reason,
    ...(message ? { message } : {}),
    startedAt: apiTime(ended.startedAtMs ?? 0),
    finishedAt: apiTime(ended.finishedAtMs ?? ended.startedAtMs ?? ended.createdAtMs),
    containerID: `orrery://${ended.id}`,
  };
}

function computePhase(
  facts: StatusFacts,
  init: readonly JudgedContainer[],
  regular: readonly JudgedContainer[],
): string {
  const { restartPolicy = 'Always' } = facts.pod.spec;
  const anyRunning = [...init, ...regular].some(({ status }) => status.state?.running !== undefined);
  const ended = (judged: JudgedContainer) =>
    judged.status.state?.terminated ??
    (judged.status.state?.waiting ? judged.status.lastState?.terminated : undefined);
  const failedInit = init.some(
    (judged) => !isSidecar(judged.container) && (ended(judged)?.exitCode ?? 0) !== 0,
  );
  if (failedInit && restartPolicy === 'Never' && facts.finished && !anyRunning) return 'Failed';
  const initialized = init.every(isInitialized);
  const begun = regular.some(({ status }) => status.containerID !== undefined);
  if (!initialized && !begun) return 'Pending';
  const running = regular.filter(({ status }) => status.state?.running !== undefined).length;
  const stopped = regular.filter((judged) => ended(judged) !== undefined);
  if (running + stopped.length < regular.length) return 'Pending';
  if (running > 0 || anyRunning) return 'Running';
  const succeeded = stopped.every((judged) => ended(judged)!.exitCode === 0);
  if (facts.finished) return succeeded ? 'Succeeded' : 'Failed';
  if (restartPolicy === 'Always') return 'Running';
  if (succeeded) return 'Succeeded';
  return restartPolicy === 'Never' ? 'Failed' : 'Running';
}

function isInitialized({ container, status }: JudgedContainer): boolean {
  return isSidecar(container) ? status.started === true : status.state?.terminated?.exitCode === 0;
}
