import { matchesTerm, tolerates } from '../../../kube/index.ts';
import type { Snapshot } from '../cluster-state.ts';
import { MAX_SCORE, normalizeToMax, type Score } from '../filter.ts';
import { domainOf } from '../filters/inter-pod-affinity.ts';
import { countByDomain } from '../filters/topology-spread.ts';
import type { PodFacts, SpreadConstraint, WeightedAffinityTerm } from '../pod-facts.ts';

/** Fewer PreferNoSchedule taints that the pod does not tolerate are better. */
export const taintPreference: Score = {
  name: 'TaintToleration',
  weight: 3,
  prepare: (pod) => (node) =>
    node.taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !tolerates(pod.tolerations, taint))
      .length,
  normalize: (raw) => normalizeToMax(raw, true),
};

export const nodeAffinityPreference: Score = {
  name: 'NodeAffinity',
  weight: 2,
  prepare: ({ pod }) => {
    const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (terms.length === 0) return undefined;
    return (node) =>
      terms.reduce((sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0), 0);
  },
  normalize: (raw) => normalizeToMax(raw, false),
};

/** Weights of the pod's wishes about others, and of the others' wishes about it, by domain. */
export const interPodAffinityPreference: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  prepare: (pod, snapshot) => {
    const weights = affinityWeights(pod, snapshot);
    if (weights.size === 0) return undefined;
    return (node) =>
      Object.entries(node.labels).reduce(
        (sum, [key, value]) => sum + (weights.get(`${key}=${value}`) ?? 0),
        0,
      );
  },
  normalize: (raw) => {
    const min = Math.min(...raw);
    const range = Math.max(...raw) - min;
    return raw.map((one) => (range === 0 ? 0 : Math.floor((MAX_SCORE * (one - min)) / range)));
  },
};

function affinityWeights(pod: PodFacts, snapshot: Snapshot): Map<string, number> {
  const weights = new Map<string, number>();
  const { namespaceLabels } = snapshot;
  for (const node of snapshot.nodes()) {
    const add = (topologyKey: string, weight: number) => {
      const domain = domainOf(node, topologyKey);
      if (domain !== undefined) weights.set(domain, (weights.get(domain) ?? 0) + weight);
    };
    const addTerms = (terms: readonly WeightedAffinityTerm[], about: PodFacts, sign: 1 | -1) => {
      for (const term of terms)
        if (term.matches(about, namespaceLabels)) add(term.topologyKey, sign * term.weight);
    };
    for (const other of node.pods.values()) {
      addTerms(pod.preferredAffinity, other, 1);
      addTerms(pod.preferredAntiAffinity, other, -1);
      addTerms(other.preferredAffinity, pod, 1);
      addTerms(other.preferredAntiAffinity, pod, -1);
      // What another pod requires of its domain is, for this pod, a wish (hardPodAffinityWeight 1).
      for (const term of other.requiredAffinity)
        if (term.matches(pod, namespaceLabels)) add(term.topologyKey, 1);
    }
  }
  return weights;
}

const ZONE = 'topology.kubernetes.io/zone';
const HOSTNAME = 'kubernetes.io/hostname';

/**
 * Fewer pods of the same group in a domain are better, by the pod's ScheduleAnyway constraints. Without any
 * constraints, pods of one controller are spread over nodes and zones.
 */
export const topologySpreadPreference: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  prepare: (pod, snapshot, candidates) => {
    const constraints = pod.softSpread.length > 0 ? pod.softSpread : defaultConstraints(pod, snapshot);
    if (constraints.length === 0) return undefined;
    const rules = constraints.map((constraint) => {
      const counts = countByDomain(pod, constraint, [constraint], snapshot);
      const domains = new Set(candidates.map((node) => node.labels[constraint.topologyKey]));
      return { constraint, counts, weight: Math.log(domains.size + 2) };
    });
    return (node) => {
      let sum = 0;
      for (const { constraint, counts, weight } of rules) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) continue;
        sum += (counts.get(value) ?? 0) * weight + (constraint.maxSkew - 1);
      }
      return Math.round(sum);
    };
  },
  normalize: (raw) => {
    const min = Math.min(...raw);
    const max = Math.max(...raw);
    return raw.map((one) => (max === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (max + min - one)) / max)));
  },
};

function defaultConstraints(pod: PodFacts, snapshot: Snapshot): SpreadConstraint[] {
  if (pod.hardSpread.length > 0 || pod.controllerUid === undefined || snapshot.nodes().length < 2) return [];
  const siblings = new Set<Record<string, string>>();
  for (const node of snapshot.nodes())
    for (const other of node.pods.values())
      if (other.controllerUid === pod.controllerUid) siblings.add(other.labels);
  const selector = {
    requirements: [],
    matches: (labels: Record<string, string> | undefined) => labels !== undefined && siblings.has(labels),
    isEmpty: () => false,
    toString: () => '',
  };
  const base = { minDomains: 1, selector, honorAffinity: true, honorTaints: false };
  return [
    { ...base, topologyKey: HOSTNAME, maxSkew: 3 },
    { ...base, topologyKey: ZONE, maxSkew: 5 },
  ];
}
