import { matchesNode, untolerated } from '../../../kube/index.ts';
import type { NodeState, Snapshot } from '../cluster-state.ts';
import { type Filter, resolvable, unresolvable } from '../filter.ts';
import type { PodFacts, SpreadConstraint } from '../pod-facts.ts';

const MISMATCH = "node(s) didn't match pod topology spread constraints";

/** Pods of a group are spread over topology domains as evenly as the constraints ask (DoNotSchedule). */
export const topologySpread: Filter = {
  name: 'PodTopologySpread',
  prepare: (pod, snapshot) => {
    if (pod.hardSpread.length === 0) return undefined;
    const rules = pod.hardSpread.map((constraint) => {
      const counts = countByDomain(pod, constraint, pod.hardSpread, snapshot);
      const fewest = counts.size < constraint.minDomains ? 0 : Math.min(...counts.values());
      return { constraint, counts, fewest, self: constraint.selector.matches(pod.labels) ? 1 : 0 };
    });
    return (node) => {
      for (const { constraint, counts, fewest, self } of rules) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) return unresolvable(`${MISMATCH} (missing required label)`);
        const skew = (counts.get(value) ?? 0) + self - (counts.size === 0 ? 0 : fewest);
        if (skew > constraint.maxSkew) return resolvable(MISMATCH);
      }
      return undefined;
    };
  },
};

/** How many matching pods each domain holds, over the nodes that the constraint counts. */
export function countByDomain(
  pod: PodFacts,
  constraint: SpreadConstraint,
  all: readonly SpreadConstraint[],
  snapshot: Snapshot,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of snapshot.nodes()) {
    if (all.some(({ topologyKey }) => node.labels[topologyKey] === undefined)) continue;
    if (!isCounted(pod, constraint, node)) continue;
    const value = node.labels[constraint.topologyKey]!;
    counts.set(value, (counts.get(value) ?? 0) + matchingPods(pod, constraint, node));
  }
  return counts;
}

function isCounted(pod: PodFacts, constraint: SpreadConstraint, node: NodeState): boolean {
  if (constraint.honorAffinity && !matchesNode(pod.pod, node)) return false;
  return !constraint.honorTaints || untolerated(node.taints, pod.tolerations) === undefined;
}

function matchingPods(pod: PodFacts, { selector }: SpreadConstraint, node: NodeState): number {
  let count = 0;
  for (const other of node.pods.values())
    if (other.namespaceKey === pod.namespaceKey && !other.terminating && selector.matches(other.labels))
      count++;
  return count;
}
