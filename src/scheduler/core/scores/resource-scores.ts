import type { NodeState } from '../cluster-state.ts';
import { MAX_SCORE, type Score } from '../filter.ts';
import type { Amounts } from '../pod-facts.ts';

/** The more is left on a node after the pod, the better. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  prepare: (pod) => (node) => {
    let sum = 0;
    let count = 0;
    for (const name of ['cpu', 'memory'] as const) {
      const capacity = node.allocatable[name] ?? 0;
      if (capacity === 0) continue;
      const requested = node.scoredRequested[name] + pod.scoredRequests[name];
      sum += requested > capacity ? 0 : Math.floor(((capacity - requested) * MAX_SCORE) / capacity);
      count++;
    }
    return count === 0 ? 0 : Math.floor(sum / count);
  },
};

/**
 * The more evenly cpu and memory are used after the pod than before, the better: 75 when it makes no difference, never
 * below 50. A pod that asks for nothing changes nothing.
 */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  prepare: (pod) => {
    if (BALANCED.every((name) => (pod.requests[name] ?? 0) === 0)) return undefined;
    return (node) => {
      const before = balanceOf(node, {});
      const after = balanceOf(node, pod.requests);
      return MAX_SCORE / 2 + Math.trunc((MAX_SCORE / 2 + after - before) / 2);
    };
  },
};

const BALANCED = ['cpu', 'memory'] as const;

function balanceOf(node: NodeState, more: Amounts): number {
  const fractions = BALANCED.flatMap((name) => {
    const capacity = node.allocatable[name] ?? 0;
    if (capacity === 0) return [];
    return [Math.min(1, ((node.requested[name] ?? 0) + (more[name] ?? 0)) / capacity)];
  });
  const deviation = fractions.length === 2 ? Math.abs(fractions[0]! - fractions[1]!) / 2 : 0;
  return Math.floor((1 - deviation) * MAX_SCORE);
}

const MIN_IMAGE_BYTES = 23 * 1024 * 1024;
const MAX_IMAGE_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

/** Nodes that hold the pod's large images already are better; less so when few do, not to heap pods there. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  prepare: ({ images }, snapshot) => {
    const all = snapshot.nodes();
    const spread = new Map(
      images.map((image) => [image, all.filter((node) => node.images.has(image)).length / all.length]),
    );
    const max = MAX_IMAGE_BYTES_PER_CONTAINER * images.length;
    return (node) => {
      let bytes = 0;
      for (const image of images) bytes += (node.images.get(image) ?? 0) * spread.get(image)!;
      const within = Math.min(Math.max(bytes, MIN_IMAGE_BYTES), max);
      return Math.floor((MAX_SCORE * (within - MIN_IMAGE_BYTES)) / (max - MIN_IMAGE_BYTES));
    };
  },
};
