import type { NodeState, Snapshot } from './cluster-state.ts';
import { type Score, unresolvable } from './filter.ts';
import { isPlanDone, planVolumes, type VolumePlan } from './filters/volume-binding.ts';
import { nodesMessage, withPreemption } from './fit-message.ts';
import { FILTERS, prepareCheck } from './node-check.ts';
import { type PodFacts, seesNodes } from './pod-facts.ts';
import { type NodeRefusal, type Preemption, preempt } from './preemption.ts';
import {
  interPodAffinityPreference,
  nodeAffinityPreference,
  taintPreference,
  topologySpreadPreference,
} from './scores/preference-scores.ts';
import { balancedAllocation, imageLocality, leastAllocated } from './scores/resource-scores.ts';

const SCORES: readonly Score[] = [
  taintPreference,
  nodeAffinityPreference,
  leastAllocated,
  topologySpreadPreference,
  interPodAffinityPreference,
  balancedAllocation,
  imageLocality,
];

export type Placement =
  | { kind: 'placed'; nodeName: string; score: number; feasible: number }
  | {
      kind: 'unschedulable';
      /** Kubernetes' sentence about all nodes. */
      message: string;
      refusals: ReadonlyMap<string, readonly string[]>;
      /** Names of the filters that refused a node: what must change before another try makes sense. */
      filters: ReadonlySet<string>;
      /** Absent when there was nothing to look for. */
      preemption?: Preemption;
    };

/**
 * Where a pod goes: the node with the highest score among those that no filter refuses; of equals one by
 * chance. A node that room was made on for it is taken as soon as it fits there. When none does, says which pods of
 * lower priority would have to go. Changes nothing; knows neither time nor the world beyond its arguments.
 *
 * @param random 0 ≤ x < 1, as Math.random; a simulation brings a seeded one.
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
 */
export function schedulePod(pod: PodFacts, snapshot: Snapshot, random: () => number): Placement {
  if (!seesNodes(pod) || snapshot.nodes().length === 0) {
    const message = 'no nodes available to schedule pods';
    return { kind: 'unschedulable', message, refusals: new Map(), filters: new Set() };
  }
  for (const { name, before } of FILTERS) {
    const reason = before?.(pod, snapshot);
    if (reason !== undefined) return refusedEverywhere(pod, snapshot, { filter: name, reason }, random);
  }
  const { feasible, refusals } = filterNodes(pod, snapshot);
  if (feasible.length === 0) return unschedulable(pod, snapshot, refusals, random);
  if (feasible.length === 1) return { kind: 'placed', nodeName: feasible[0]!.name, score: 0, feasible: 1 };
  const totals = scoreNodes(pod, snapshot, feasible);
  const score = Math.max(...totals);
  const best = feasible.filter((_, index) => totals[index] === score);
  const chosen = best[Math.floor(random() * best.length)]!;
  return { kind: 'placed', nodeName: chosen.name, score, feasible: feasible.length };
}

/** What the pod's claims need there, beyond the binding of the pod; undefined when they are all bound. */
export function volumesToBind(pod: PodFacts, nodeName: string, snapshot: Snapshot): VolumePlan | undefined {
  if (pod.claims.length === 0 || isPlanDone(pod, snapshot)) return undefined;
  const node = snapshot.nodes().find(({ name }) => name === nodeName);
  const plan = node === undefined ? [] : planVolumes(pod, node, snapshot);
  return Array.isArray(plan) ? undefined : plan;
}

function refusedEverywhere(
  pod: PodFacts,
  snapshot: Snapshot,
  { filter, reason }: { filter: string; reason: string },
  random: () => number,
): Placement {
  const refusal = { ...unresolvable(reason), filter };
  const refusals = snapshot.nodes().map((node) => ({ node, refusal }));
  const placement = unschedulable(pod, snapshot, refusals, random);
  if (placement.kind === 'placed') return placement;
  const message = `0/${refusals.length} nodes are available: ${reason}.`;
  return { ...placement, message: withPreemption(message, preemptionText(placement.preemption)) };
}

function unschedulable(
  pod: PodFacts,
  snapshot: Snapshot,
  refusals: readonly NodeRefusal[],
  random: () => number,
): Placement {
  const preemption = preempt(pod, snapshot, refusals, random);
  const reasons = refusals.flatMap(({ refusal }) => refusal.reasons);
  return {
    kind: 'unschedulable',
    message: withPreemption(nodesMessage(refusals.length, reasons), preemptionText(preemption)),
    refusals: new Map(refusals.map(({ node, refusal }) => [node.name, refusal.reasons])),
    filters: new Set(refusals.map(({ refusal }) => refusal.filter)),
    preemption,
  };
}

function preemptionText(preemption: Preemption | undefined): string | undefined {
  return preemption === undefined || preemption.kind === 'room' ? undefined : preemption.message;
}

function filterNodes(
  pod: PodFacts,
  snapshot: Snapshot,
): { feasible: readonly NodeState[]; refusals: readonly NodeRefusal[] } {
  const check = prepareCheck(pod, snapshot);
  const limits = FILTERS.flatMap(({ name, restrict }) => {
    const only = restrict?.(pod);
    return only === undefined ? [] : [{ filter: name, only }];
  });
  const plugins = limits.map(({ filter }) => filter).sort();
  const elsewhere = {
    ...unresolvable(`node(s) didn't satisfy plugin(s) [${plugins.join(' ')}]`),
    filter: plugins[0] ?? '',
  };
  const look = (node: NodeState) =>
    limits.every(({ only }) => only.has(node.name)) ? check(node) : elsewhere;
  const nominated = pod.pod.status?.nominatedNodeName;
  const reserved = nominated ? snapshot.nodes().find(({ name }) => name === nominated) : undefined;
  if (reserved !== undefined && look(reserved) === undefined) return { feasible: [reserved], refusals: [] };
  const feasible: NodeState[] = [];
  const refusals: NodeRefusal[] = [];
  for (const node of snapshot.nodes()) {
    const refusal = look(node);
    if (refusal === undefined) feasible.push(node);
    else refusals.push({ node, refusal });
  }
  return { feasible, refusals };
}

function scoreNodes(pod: PodFacts, snapshot: Snapshot, nodes: readonly NodeState[]): number[] {
  const totals = nodes.map(() => 0);
  for (const { weight, prepare, normalize } of SCORES) {
    const score = prepare(pod, snapshot, nodes);
    if (score === undefined) continue;
    const raw = nodes.map(score);
    const normalized = normalize === undefined ? raw : normalize(raw);
    normalized.forEach((one, index) => {
      totals[index]! += weight * one;
    });
  }
  return totals;
}
