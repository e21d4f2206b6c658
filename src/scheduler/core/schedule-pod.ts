import type { NodeState, Snapshot } from './cluster-state.ts';
import type { Filter, Refusal, Score } from './filter.ts';
import { interPodAffinity } from './filters/inter-pod-affinity.ts';
import { nodePorts } from './filters/node-ports.ts';
import { nodeResourcesFit } from './filters/node-resources-fit.ts';
import { nodeAffinity, nodeName, nodeUnschedulable, taintToleration } from './filters/node-rules.ts';
import { topologySpread } from './filters/topology-spread.ts';
import { unschedulableMessage } from './fit-message.ts';
import type { PodFacts } from './pod-facts.ts';
import {
  interPodAffinityPreference,
  nodeAffinityPreference,
  taintPreference,
  topologySpreadPreference,
} from './scores/preference-scores.ts';
import { balancedAllocation, imageLocality, leastAllocated } from './scores/resource-scores.ts';

/** In upstream's order: a node is refused by the first that does not hold. */
const FILTERS: readonly Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  topologySpread,
  interPodAffinity,
];

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
    };

/**
 * Where a pod goes: the node with the highest score among those that no filter refuses; of equals one by
 * chance. Changes nothing; knows neither time nor the world beyond its arguments.
 *
 * @param random 0 ≤ x < 1, as Math.random; a simulation brings a seeded one.
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
 */
export function schedulePod(pod: PodFacts, snapshot: Snapshot, random: () => number): Placement {
  const { feasible, refusals } = filterNodes(pod, snapshot);
  if (feasible.length === 0) {
    return {
      kind: 'unschedulable',
      message: unschedulableMessage(pod, refusals),
      refusals: new Map(refusals.map(({ node, refusal }) => [node.name, refusal.reasons])),
    };
  }
  if (feasible.length === 1) return { kind: 'placed', nodeName: feasible[0]!.name, score: 0, feasible: 1 };
  const totals = scoreNodes(pod, snapshot, feasible);
  const score = Math.max(...totals);
  const best = feasible.filter((_, index) => totals[index] === score);
  const chosen = best[Math.floor(random() * best.length)]!;
  return { kind: 'placed', nodeName: chosen.name, score, feasible: feasible.length };
}

function filterNodes(
  pod: PodFacts,
  snapshot: Snapshot,
): { feasible: NodeState[]; refusals: { node: NodeState; refusal: Refusal }[] } {
  const checks = FILTERS.map((filter) => filter.prepare(pod, snapshot)).filter(
    (check) => check !== undefined,
  );
  const feasible: NodeState[] = [];
  const refusals: { node: NodeState; refusal: Refusal }[] = [];
  for (const node of snapshot.nodes()) {
    let refusal: Refusal | undefined;
    for (const check of checks) {
      refusal = check(node);
      if (refusal !== undefined) break;
    }
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
