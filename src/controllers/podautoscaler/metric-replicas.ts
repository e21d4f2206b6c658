import { type corev1, parseQuantity, podCondition } from '../../kube/index.ts';

/** A pod is still starting for so long: its CPU says nothing about its work. Upstream's defaults of kube-controller-manager. */
const CPU_INITIALIZATION_MS = 5 * 60_000;
const INITIAL_READINESS_MS = 30_000;

/** What a pod used, in thousandths of a core or of a byte. */
export interface PodMetric {
  atMs: number;
  windowMs: number;
  value: number;
}

export interface MetricFacts {
  resource: string;
  /** One container instead of the whole pod. */
  container?: string;
  pods: readonly corev1.Pod[];
  /** By the name of the pod. */
  metrics: ReadonlyMap<string, PodMetric>;
  currentReplicas: number;
  tolerance: Tolerance;
  nowMs: number;
}

/** How far from its target a ratio may be without anything being done. */
export interface Tolerance {
  up: number;
  down: number;
}

export interface Proposal {
  replicas: number;
  /** In percent of what pods request. */
  utilization?: number;
  /** Of a pod, in thousandths. */
  average: number;
}

/**
 * How many pods would bring the use, in percent of requests, to its target.
 * Source: k8s.io/kubernetes/pkg/controller/podautoscaler/replica_calculator.go, GetResourceReplicas.
 *
 * @throws Error when it cannot be told, in upstream's words.
 */
export function replicasForUtilization(facts: MetricFacts, target: number): Proposal {
  const { known, unready, missing, ready } = grouped(facts);
  const requests = requestsOf(facts);
  if (known.size === 0) throw new Error('did not receive metrics for any ready pods');
  const measured = utilizationOf(known, requests, target);
  const { utilization, average } = measured;
  const proposal = (replicas: number): Proposal => ({ replicas, utilization, average });
  return settle(facts, { ratio: measured.ratio, ready, unready, missing }, proposal, () => {
    const values = new Map(known);
    // Pods that say nothing count against whichever way it goes.
    for (const name of missing)
      values.set(
        name,
        measured.ratio < 1 ? Math.floor((requests.get(name)! * Math.max(100, target)) / 100) : 0,
      );
    if (measured.ratio > 1) for (const name of unready) values.set(name, 0);
    return { ratio: utilizationOf(values, requests, target).ratio, pods: values.size };
  });
}

/** The same for a target in thousandths for each pod. @throws Error */
export function replicasForAverage(facts: MetricFacts, targetMilli: number): Proposal {
  const { known, unready, missing, ready } = grouped(facts);
  if (known.size === 0) throw new Error('did not receive metrics for any ready pods');
  const average = averageOf(known);
  const ratio = average / targetMilli;
  return settle(
    facts,
    { ratio, ready, unready, missing },
    (replicas) => ({ replicas, average }),
    () => {
      const values = new Map(known);
      for (const name of missing) values.set(name, ratio < 1 ? targetMilli : 0);
      if (ratio > 1) for (const name of unready) values.set(name, 0);
      return { ratio: averageOf(values) / targetMilli, pods: values.size };
    },
  );
}

interface Measured {
  ratio: number;
  /** How many pods the ratio is of. */
  ready: number;
  unready: readonly string[];
  missing: readonly string[];
}

/** @param recount the ratio again, with pods that say nothing counted in */
function settle(
  { currentReplicas, tolerance }: MetricFacts,
  { ratio, ready, unready, missing }: Measured,
  proposal: (replicas: number) => Proposal,
  recount: () => { ratio: number; pods: number },
): Proposal {
  const upWithUnready = unready.length > 0 && ratio > 1;
  if (!upWithUnready && missing.length === 0)
    return proposal(isTolerated(ratio, tolerance) ? currentReplicas : Math.ceil(ratio * ready));
  const again = recount();
  const turned = (ratio < 1 && again.ratio > 1) || (ratio > 1 && again.ratio < 1);
  if (isTolerated(again.ratio, tolerance) || turned) return proposal(currentReplicas);
  const replicas = Math.ceil(again.ratio * again.pods);
  const wrongWay =
    (again.ratio < 1 && replicas > currentReplicas) || (again.ratio > 1 && replicas < currentReplicas);
  return proposal(wrongWay ? currentReplicas : replicas);
}

function isTolerated(ratio: number, { up, down }: Tolerance): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

interface Groups {
  /** The values of pods that count. */
  known: Map<string, number>;
  ready: number;
  unready: string[];
  missing: string[];
}

/** Source: replica_calculator.go, groupPods. */
function grouped(facts: MetricFacts): Groups {
  const { pods, metrics } = facts;
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups: Groups = { known: new Map(), ready: 0, unready: [], missing: [] };
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined || pod.status?.phase === 'Failed') continue;
    const metric = metrics.get(name);
    if (pod.status?.phase === 'Pending') groups.unready.push(name);
    else if (metric === undefined) groups.missing.push(name);
    else if (facts.resource === 'cpu' && isStarting(pod, metric, facts.nowMs)) groups.unready.push(name);
    else {
      groups.known.set(name, metric.value);
      groups.ready++;
    }
  }
  return groups;
}

function isStarting(pod: corev1.Pod, metric: PodMetric, nowMs: number): boolean {
  const ready = podCondition(pod, 'Ready');
  const { startTime } = pod.status ?? {};
  if (ready === undefined || startTime === undefined) return true;
  const startedMs = Date.parse(startTime);
  const changedMs = Date.parse(ready.lastTransitionTime ?? startTime);
  if (startedMs + CPU_INITIALIZATION_MS > nowMs)
    return ready.status === 'False' || metric.atMs < changedMs + metric.windowMs;
  return ready.status === 'False' && startedMs + INITIAL_READINESS_MS > changedMs;
}

/** What the pods request, in thousandths. @throws Error when one does not say */
function requestsOf({ pods, resource, container }: MetricFacts): Map<string, number> {
  const requests = new Map<string, number>();
  for (const { metadata, spec } of pods) {
    let sum = 0;
    const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    for (const one of [...spec.containers, ...sidecars]) {
      if (container !== undefined && one.name !== container) continue;
      const request = one.resources?.requests?.[resource];
      if (request === undefined)
        throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${metadata.name}`);
      sum += parseQuantity(request).milliValue();
    }
    requests.set(metadata.name, sum);
  }
  return requests;
}

function utilizationOf(
  values: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
  target: number,
): { ratio: number; utilization: number; average: number } {
  let [used, requested, pods] = [0, 0, 0];
  for (const [name, value] of values) {
    const request = requests.get(name);
    if (request === undefined) continue;
    used += value;
    requested += request;
    pods++;
  }
  if (requested === 0) throw new Error('no metrics returned matched known pods');
  const utilization = Math.trunc((used * 100) / requested);
  return { ratio: utilization / target, utilization, average: Math.trunc(used / pods) };
}

function averageOf(values: ReadonlyMap<string, number>): number {
  const sum = [...values.values()].reduce((total, value) => total + value, 0);
  return Math.trunc(sum / values.size);
}
