import type { ContainerLimits, ContainerResources } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { resizeNeed } from './container-resize.ts';
import { type Restart, restartAfter } from './crash-back-off.ts';
import { containerHash, incarnations, type ObservedContainer } from './engine-labels.ts';

/** What the prober last found out about one incarnation; undefined means nothing yet. */
export interface ProbeResults {
  startup?: 'success' | 'failure';
  liveness?: 'success' | 'failure';
  readiness?: 'success' | 'failure';
}

export interface PodFacts {
  pod: corev1.Pod;
  /** Every container the engine holds for the pod, in any order. */
  observed: readonly ObservedContainer[];
  /** By engine id. */
  probes: ReadonlyMap<string, ProbeResults>;
  /** Since when the pod has its present network namespace; containers made before count as a past life. */
  sandboxSinceMs: number;
  /** The cgroup values each container shall have; without it limits are left alone. */
  resourcesOf?(container: corev1.Container): ContainerResources;
  nowMs: number;
}

export interface ContainerStop {
  id: string;
  name: string;
  /** The sentence of the Killing event. */
  message: string;
  /** Which probe asked for it: it may have a grace period of its own. */
  probe?: 'liveness' | 'startup';
}

export interface ContainerStart {
  container: corev1.Container;
  restartCount: number;
  /** The delay the new incarnation carries; see crash-back-off. */
  backOffMs: number;
  /** The engine's id of the container whose processes it shall see. */
  pidNamespaceOf?: string;
}

export interface ContainerUpdate {
  id: string;
  name: string;
  limits: ContainerLimits;
}

export interface ContainerBackOff {
  name: string;
  delayMs: number;
  untilMs: number;
}

export interface PodActions {
  stop: ContainerStop[];
  /** Running containers that get other limits in place. */
  resize: ContainerUpdate[];
  /** In this order. */
  start: ContainerStart[];
  /** Would start, but must wait: CrashLoopBackOff. */
  backOff: ContainerBackOff[];
  /** Nothing runs and nothing will: an init container failed for good, or all have ended. */
  finished: boolean;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: corev1.Container): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * What to do next for a pod that shall run: pure, given what is. Kubernetes' computePodActions
 * (pkg/kubelet/kuberuntime/kuberuntime_manager.go) in another shape: init containers in order, each to its
 * end (sidecars: until they have started), then all others.
 */
export function computePodActions(facts: PodFacts): PodActions {
  const actions: PodActions = { stop: [], resize: [], start: [], backOff: [], finished: false };
  const init = computeInitActions(facts, actions);
  if (init === 'failed') {
    actions.stop.push(...stopAll(facts));
    actions.start = [];
    actions.backOff = [];
    actions.finished = true;
    return actions;
  }
  startEphemeral(facts, actions);
  if (init === 'waiting') return actions;
  let alive = 0;
  for (const container of facts.pod.spec.containers) {
    if (decideContainer(facts, container, actions) !== 'ended') alive += 1;
  }
  if (alive === 0) {
    actions.stop.push(...stopAll(facts));
    actions.start = [];
    actions.backOff = [];
    actions.finished = true;
  }
  return actions;
}

/** Each once, whatever becomes of it; one that looks into another container waits for that. */
function startEphemeral({ pod, observed }: PodFacts, actions: PodActions): void {
  for (const container of pod.spec.ephemeralContainers ?? []) {
    const [newest] = incarnations(observed, container.name);
    if (newest !== undefined && newest.status !== 'created') continue;
    const start = { container: container as corev1.Container, restartCount: 0, backOffMs: 0 };
    const target = container.targetContainerName;
    if (!target) {
      actions.start.push(start);
      continue;
    }
    const [other] = incarnations(observed, target);
    if (other?.status === 'running') actions.start.push({ ...start, pidNamespaceOf: other.id });
  }
}

/** @returns a stop when the container's resizePolicy wants a restart */
function resizeRunning(
  { resourcesOf }: PodFacts,
  container: corev1.Container,
  { id, resources }: ObservedContainer,
  actions: PodActions,
): ContainerStop | undefined {
  if (resourcesOf === undefined) return undefined;
  const { name } = container;
  const need = resizeNeed(container, resources, resourcesOf(container));
  if (need.kind === 'update') actions.resize.push({ id, name, limits: need.limits });
  return need.kind === 'restart'
    ? { id, name, message: `Container ${name} resize requires restart` }
    : undefined;
}

/** Runs, will run, or must not be touched: 'alive'; ended for good: 'ended'. */
function decideContainer(
  facts: PodFacts,
  container: corev1.Container,
  actions: PodActions,
): 'alive' | 'ended' {
  const [newest] = incarnations(facts.observed, container.name);
  if (newest?.status === 'running') {
    const stop = reasonToStop(facts, container, newest) ?? resizeRunning(facts, container, newest, actions);
    if (stop !== undefined) actions.stop.push(stop);
    return 'alive';
  }
  if (newest === undefined || newest.status === 'created') {
    actions.start.push({
      container,
      restartCount: newest?.restartCount ?? 0,
      backOffMs: newest?.backOffMs ?? 0,
    });
    return 'alive';
  }
  if (!mayRestart(facts.pod, container, newest.exitCode)) return 'ended';
  restartOrWait(facts, container, newest, actions);
  return 'alive';
}

function restartOrWait(
  facts: PodFacts,
  container: corev1.Container,
  ended: ObservedContainer,
  actions: PodActions,
): void {
  const pastLife = ended.createdAtMs < facts.sandboxSinceMs;
  const restart: Restart = pastLife
    ? { atMs: facts.nowMs, delayMs: 0, nextBackOffMs: ended.backOffMs }
    : restartAfter(ended);
  if (restart.atMs > facts.nowMs) {
    actions.backOff.push({ name: container.name, delayMs: restart.delayMs, untilMs: restart.atMs });
    return;
  }
  actions.start.push({ container, restartCount: ended.restartCount + 1, backOffMs: restart.nextBackOffMs });
}

function computeInitActions(facts: PodFacts, actions: PodActions): 'done' | 'waiting' | 'failed' {
  const { pod } = facts;
  const inThisLife = (container: ObservedContainer) => container.createdAtMs >= facts.sandboxSinceMs;
  const started = pod.spec.containers.some((container) =>
    incarnations(facts.observed, container.name).some((c) => inThisLife(c) && c.status !== 'created'),
  );
  for (const container of pod.spec.initContainers ?? []) {
    const verdict = isSidecar(container)
      ? decideSidecar(facts, container, actions)
      : decideInit(facts, container, actions, inThisLife);
    if (verdict === 'failed' && !started) return 'failed';
    if (verdict === 'waiting' && !started) return 'waiting';
  }
  if (started) {
    // Whatever the past of the init containers: the pod is initialized, only sidecars still count.
    const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map((c) => c.name));
    actions.start = actions.start.filter((start) => sidecars.has(start.container.name));
    actions.backOff = actions.backOff.filter((wait) => sidecars.has(wait.name));
  }
  return 'done';
}

function decideInit(
  facts: PodFacts,
  container: corev1.Container,
  actions: PodActions,
  inThisLife: (container: ObservedContainer) => boolean,
): 'done' | 'waiting' | 'failed' {
  const [newest] = incarnations(facts.observed, container.name);
  if (newest === undefined || newest.status === 'created') {
    actions.start.push({
      container,
      restartCount: newest?.restartCount ?? 0,
      backOffMs: newest?.backOffMs ?? 0,
    });
    return 'waiting';
  }
  if (newest.status === 'running') return 'waiting';
  if (newest.exitCode === 0 && inThisLife(newest)) return 'done';
  if (newest.exitCode !== 0 && facts.pod.spec.restartPolicy === 'Never') return 'failed';
  restartOrWait(facts, container, newest, actions);
  return 'waiting';
}

function decideSidecar(
  facts: PodFacts,
  container: corev1.Container,
  actions: PodActions,
): 'done' | 'waiting' {
  decideContainer(facts, container, actions);
  const [newest] = incarnations(facts.observed, container.name);
  if (newest?.status !== 'running') return 'waiting';
  const results = facts.probes.get(newest.id);
  return container.startupProbe === undefined || results?.startup === 'success' ? 'done' : 'waiting';
}

function reasonToStop(
  facts: PodFacts,
  container: corev1.Container,
  running: ObservedContainer,
): ContainerStop | undefined {
  const { id } = running;
  const name = container.name;
  if (running.hash !== '' && running.hash !== containerHash(container))
    return { id, name, message: `Container ${name} definition changed, will be restarted` };
  const results = facts.probes.get(id);
  const again = mayRestart(facts.pod, container, 137) ? ', will be restarted' : '';
  if (container.livenessProbe && results?.liveness === 'failure')
    return { id, name, message: `Container ${name} failed liveness probe${again}`, probe: 'liveness' };
  if (container.startupProbe && results?.startup === 'failure')
    return { id, name, message: `Container ${name} failed startup probe${again}`, probe: 'startup' };
  return undefined;
}

function mayRestart(pod: corev1.Pod, container: corev1.Container, exitCode: number | undefined): boolean {
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function stopAll(facts: PodFacts): ContainerStop[] {
  return facts.observed
    .filter((container) => container.status === 'running')
    .map(({ id, name }) => ({ id, name, message: `Stopping container ${name}` }));
}
