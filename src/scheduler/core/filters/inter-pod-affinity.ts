import type { NodeState, Snapshot } from '../cluster-state.ts';
import { type Filter, resolvable, unresolvable } from '../filter.ts';
import type { PodFacts } from '../pod-facts.ts';

/** How many pods match, by `topologyKey=value`. */
type TopologyCounts = Map<string, number>;

/** Pods that must, or must not, share a topology domain with others. */
export const interPodAffinity: Filter = {
  name: 'InterPodAffinity',
  prepare: (pod, snapshot) => {
    const forbidden = domainsForbiddenByOthers(pod, snapshot);
    const { affinity, antiAffinity } = countMatches(pod, snapshot);
    const concerned =
      forbidden.size > 0 || pod.requiredAffinity.length > 0 || pod.requiredAntiAffinity.length > 0;
    if (!concerned) return undefined;
    return (node) => {
      if (!satisfiesAffinity(pod, node, affinity, snapshot))
        return unresolvable("node(s) didn't match pod affinity rules");
      for (const { topologyKey } of pod.requiredAntiAffinity)
        if ((antiAffinity.get(domainOf(node, topologyKey) ?? '') ?? 0) > 0)
          return resolvable("node(s) didn't match pod anti-affinity rules");
      for (const [key, value] of Object.entries(node.labels))
        if (forbidden.has(`${key}=${value}`))
          return resolvable("node(s) didn't satisfy existing pods anti-affinity rules");
      return undefined;
    };
  },
};

export function domainOf(node: NodeState, topologyKey: string): string | undefined {
  const value = node.labels[topologyKey];
  return value === undefined ? undefined : `${topologyKey}=${value}`;
}

function domainsForbiddenByOthers(pod: PodFacts, snapshot: Snapshot): Set<string> {
  const forbidden = new Set<string>();
  for (const node of snapshot.nodes())
    for (const other of node.antiAffine.values())
      for (const term of other.requiredAntiAffinity) {
        const domain = domainOf(node, term.topologyKey);
        if (domain !== undefined && term.matches(pod, snapshot.namespaceLabels)) forbidden.add(domain);
      }
  return forbidden;
}

/** A pod counts for affinity when it matches all terms, for anti-affinity when it matches the one. */
function countMatches(
  pod: PodFacts,
  snapshot: Snapshot,
): { affinity: TopologyCounts; antiAffinity: TopologyCounts } {
  const affinity: TopologyCounts = new Map();
  const antiAffinity: TopologyCounts = new Map();
  const { requiredAffinity, requiredAntiAffinity } = pod;
  if (requiredAffinity.length === 0 && requiredAntiAffinity.length === 0) return { affinity, antiAffinity };
  const count = (counts: TopologyCounts, node: NodeState, topologyKey: string) => {
    const domain = domainOf(node, topologyKey);
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  };
  for (const node of snapshot.nodes()) {
    for (const other of node.pods.values()) {
      if (matchesAll(pod, other, snapshot))
        for (const { topologyKey } of requiredAffinity) count(affinity, node, topologyKey);
      for (const term of requiredAntiAffinity)
        if (term.matches(other, snapshot.namespaceLabels)) count(antiAffinity, node, term.topologyKey);
    }
  }
  return { affinity, antiAffinity };
}

function matchesAll(pod: PodFacts, other: PodFacts, snapshot: Snapshot): boolean {
  return (
    pod.requiredAffinity.length > 0 &&
    pod.requiredAffinity.every((term) => term.matches(other, snapshot.namespaceLabels))
  );
}

function satisfiesAffinity(
  pod: PodFacts,
  node: NodeState,
  counts: TopologyCounts,
  snapshot: Snapshot,
): boolean {
  if (pod.requiredAffinity.length === 0) return true;
  let found = true;
  for (const { topologyKey } of pod.requiredAffinity) {
    const domain = domainOf(node, topologyKey);
    if (domain === undefined) return false;
    if ((counts.get(domain) ?? 0) === 0) found = false;
  }
  // The first pod of a group that wants to be together may go anywhere, or none ever could.
  return found || (counts.size === 0 && matchesAll(pod, pod, snapshot));
}
