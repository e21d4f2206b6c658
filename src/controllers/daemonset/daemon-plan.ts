import {
  type appsv1,
  type corev1,
  isPodAvailable,
  isPodReady,
  isPodTerminal,
  resolveIntOrPercent,
} from '../../kube/index.ts';
import { nodeOf, nodeVerdict } from './daemon-nodes.ts';

export const REVISION_LABEL = 'controller-revision-hash';

export interface DaemonFacts {
  set: appsv1.DaemonSet;
  nodes: readonly corev1.Node[];
  pods: readonly corev1.Pod[];
  /** The value of the revision label of up-to-date pods. */
  revision: string;
  nowMs: number;
}

export interface DaemonPlan {
  /** Names of nodes that get a pod. */
  create: string[];
  remove: corev1.Pod[];
  /** Ended pods, of which events tell. */
  ended: corev1.Pod[];
}

function isGoing(pod: corev1.Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

function isNew(pod: corev1.Pod, revision: string): boolean {
  return pod.metadata.labels?.[REVISION_LABEL] === revision;
}

function podsByNode(pods: readonly corev1.Pod[]): Map<string, corev1.Pod[]> {
  const byNode = new Map<string, corev1.Pod[]>();
  for (const pod of pods) {
    const node = nodeOf(pod);
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  return byNode;
}

/** A pod for each node that should have one, none where it may not stay, no two; then the update. */
export function planDaemons(facts: DaemonFacts): DaemonPlan {
  const { set, nodes, pods } = facts;
  const plan: DaemonPlan = { create: [], remove: [], ended: [] };
  const byNode = podsByNode(pods);
  const known = new Set(nodes.map(({ metadata }) => metadata.name));
  for (const [name, onIt] of byNode)
    if (!known.has(name)) plan.remove.push(...onIt.filter((pod) => !isGoing(pod)));
  const surging = surgeOf(set, nodes) > 0;
  for (const node of nodes) {
    const { shouldRun, mayStay } = nodeVerdict(set.spec.template, node);
    const onIt = byNode.get(node.metadata.name) ?? [];
    const alive = onIt.filter((pod) => !isGoing(pod));
    const ended = alive.filter(isPodTerminal);
    const running = alive.filter((pod) => !isPodTerminal(pod));
    plan.ended.push(...ended);
    if (!mayStay) plan.remove.push(...running);
    else if (onIt.length === 0 && shouldRun) plan.create.push(node.metadata.name);
    else if (running.length > 1) plan.remove.push(...spare(running, facts, surging));
  }
  if (set.spec.updateStrategy?.type === 'RollingUpdate') planUpdate(facts, byNode, plan);
  return plan;
}

/** All but the oldest pod of a node; during a surge one old and one new may stand side by side. */
function spare(running: readonly corev1.Pod[], { revision }: DaemonFacts, surging: boolean): corev1.Pod[] {
  const oldestFirst = running.toSorted(
    (a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp),
  );
  if (!surging) return oldestFirst.slice(1);
  const newest = oldestFirst.filter((pod) => isNew(pod, revision));
  const old = oldestFirst.filter((pod) => !isNew(pod, revision));
  return [...newest.slice(1), ...old.slice(1)];
}

function wantedNodes({ set, nodes }: Pick<DaemonFacts, 'set' | 'nodes'>): corev1.Node[] {
  return nodes.filter((node) => nodeVerdict(set.spec.template, node).shouldRun);
}

function surgeOf(set: appsv1.DaemonSet, nodes: readonly corev1.Node[]): number {
  const surge = set.spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0;
  return resolveIntOrPercent(surge, wantedNodes({ set, nodes }).length, true);
}

function planUpdate(facts: DaemonFacts, byNode: ReadonlyMap<string, corev1.Pod[]>, plan: DaemonPlan): void {
  const { set, nodes, revision } = facts;
  const available = (pod: corev1.Pod) =>
    !isGoing(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, new Date(facts.nowMs));
  const wanted = wantedNodes(facts);
  const most = resolveIntOrPercent(
    set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1,
    wanted.length,
    true,
  );
  const surge = surgeOf(set, nodes);
  const onNode = ({ metadata }: corev1.Node) => byNode.get(metadata.name) ?? [];
  let unavailable = wanted.filter((node) => !onNode(node).some(available)).length;
  let surges = wanted.filter((node) => onNode(node).length > 1).length;
  for (const node of wanted) {
    const pods = onNode(node).filter((pod) => !isGoing(pod));
    const old = pods.find((pod) => !isNew(pod, revision));
    const next = pods.find((pod) => isNew(pod, revision));
    if (old === undefined || plan.remove.includes(old) || plan.ended.includes(old)) continue;
    if (next !== undefined) {
      if (available(next)) plan.remove.push(old);
    } else if (!available(old)) plan.remove.push(old);
    else if (surge > 0) {
      if (surges >= surge) continue;
      surges++;
      plan.create.push(node.metadata.name);
    } else if (unavailable < most) {
      unavailable++;
      plan.remove.push(old);
    }
  }
}

/** k8s.io/kubernetes/pkg/controller/daemon updateDaemonSetStatus. */
export function daemonSetStatus(facts: DaemonFacts, collisionCount: number): appsv1.DaemonSetStatus {
  const { set, nodes, pods, revision, nowMs } = facts;
  const byNode = podsByNode(pods);
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  for (const node of nodes) {
    const onIt = byNode.get(node.metadata.name) ?? [];
    if (!nodeVerdict(set.spec.template, node).shouldRun) {
      if (onIt.length > 0) counts.misscheduled++;
      continue;
    }
    counts.desired++;
    if (onIt.length === 0) continue;
    counts.current++;
    // The newest stands for the node, as upstream sorts them.
    const pod = onIt.toSorted((a, b) => Number(isPodReady(b)) - Number(isPodReady(a)))[0]!;
    if (isPodReady(pod)) counts.ready++;
    if (isPodReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, new Date(nowMs)))
      counts.available++;
    if (onIt.some((one) => isNew(one, revision))) counts.updated++;
  }
  const unavailable = counts.desired - counts.available;
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    ...(set.metadata.generation !== undefined && { observedGeneration: set.metadata.generation }),
    ...(counts.updated > 0 && { updatedNumberScheduled: counts.updated }),
    ...(counts.available > 0 && { numberAvailable: counts.available }),
    ...(unavailable > 0 && { numberUnavailable: unavailable }),
    ...(collisionCount > 0 && { collisionCount }),
    ...(set.status?.conditions !== undefined && { conditions: set.status.conditions }),
  };
}
