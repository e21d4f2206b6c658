import type { NodeState, Snapshot } from './cluster-state.ts';
import type { PodFacts } from './pod-facts.ts';

/** Why a node cannot take a pod. */
export interface Refusal {
  /** `Insufficient cpu`, one or more; Kubernetes' words. */
  reasons: readonly string[];
  /** False: no removal of other pods could help. */
  resolvable: boolean;
}

/**
 * A rule a node must keep. `prepare` looks at all nodes once for a pod, the function it returns at one node;
 * undefined: the rule does not concern this pod at all.
 */
export interface Filter {
  name: string;
  /** What is wrong with the pod wherever it went; nothing about nodes helps (upstream's PreFilter). */
  before?(pod: PodFacts, snapshot: Snapshot): string | undefined;
  /** The only nodes that come into question, when that can be told without looking at them. */
  restrict?(pod: PodFacts): ReadonlySet<string> | undefined;
  prepare(pod: PodFacts, snapshot: Snapshot): ((node: NodeState) => Refusal | undefined) | undefined;
}

/** How good a node is, as 0 … 100 after normalization, times the weight. */
export interface Score {
  name: string;
  weight: number;
  prepare(
    pod: PodFacts,
    snapshot: Snapshot,
    candidates: readonly NodeState[],
  ): ((node: NodeState) => number) | undefined;
  /** Maps raw scores to 0 … 100; left out, they are that already. */
  normalize?(raw: readonly number[]): number[];
}

export const MAX_SCORE = 100;

/** The best gets 100, the others their share of it; with `reverse` the least gets 100. */
export function normalizeToMax(raw: readonly number[], reverse: boolean): number[] {
  const max = Math.max(0, ...raw);
  if (max === 0) return raw.map(() => (reverse ? MAX_SCORE : 0));
  return raw.map((one) => {
    const share = Math.floor((one * MAX_SCORE) / max);
    return reverse ? MAX_SCORE - share : share;
  });
}

export function unresolvable(...reasons: string[]): Refusal {
  return { reasons, resolvable: false };
}

export function resolvable(...reasons: string[]): Refusal {
  return { reasons, resolvable: true };
}
