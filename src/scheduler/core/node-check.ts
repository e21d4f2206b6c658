import { MutableNodeState, type NodeState, type Snapshot } from './cluster-state.ts';
import type { Filter, Refusal } from './filter.ts';
import { interPodAffinity } from './filters/inter-pod-affinity.ts';
import { nodePorts } from './filters/node-ports.ts';
import { nodeResourcesFit } from './filters/node-resources-fit.ts';
import { nodeAffinity, nodeName, nodeUnschedulable, taintToleration } from './filters/node-rules.ts';
import { nodeVolumeLimits } from './filters/node-volume-limits.ts';
import { topologySpread } from './filters/topology-spread.ts';
import { volumeBinding } from './filters/volume-binding.ts';
import { volumeRestrictions } from './filters/volume-restrictions.ts';
import { volumeZone } from './filters/volume-zone.ts';
import type { PodFacts } from './pod-facts.ts';

/** In upstream's order: a node is refused by the first that does not hold. */
export const FILTERS: readonly Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  nodeVolumeLimits,
  volumeBinding,
  volumeZone,
  topologySpread,
  interPodAffinity,
];

/** A refusal, and the filter it comes from. */
export interface NamedRefusal extends Refusal {
  filter: string;
}

export type NodeCheck = (node: NodeState) => NamedRefusal | undefined;

/** All filters, prepared for one pod in one picture of the cluster. */
function prepareFilters(pod: PodFacts, snapshot: Snapshot): NodeCheck {
  const checks = FILTERS.flatMap(({ name, prepare }) => {
    const check = prepare(pod, snapshot);
    return check === undefined ? [] : [{ name, check }];
  });
  return (node) => {
    for (const { name, check } of checks) {
      const refusal = check(node);
      if (refusal !== undefined) return { ...refusal, filter: name };
    }
    return undefined;
  };
}

/**
 * Whether a node can take the pod, also when all pods of its priority and above that are nominated for that node
 * come first: it must fit with them there, and without.
 */
export function prepareCheck(pod: PodFacts, snapshot: Snapshot): NodeCheck {
  const plain = prepareFilters(pod, snapshot);
  return (node) => {
    const before = snapshot
      .nominatedTo(node.name)
      .filter((other) => other.uid !== pod.uid && other.priority >= pod.priority);
    if (before.length > 0) {
      const trial = new TrialSnapshot(snapshot, node);
      for (const other of before) trial.node.add(other);
      const refusal = prepareFilters(pod, trial)(trial.node);
      if (refusal !== undefined) return refusal;
    }
    return plain(node);
  };
}

/** The cluster with one node replaced by a copy that can be changed. */
export class TrialSnapshot implements Snapshot {
  readonly node: MutableNodeState;
  readonly #base: Snapshot;
  readonly #nodes: readonly NodeState[];

  constructor(base: Snapshot, node: NodeState) {
    this.#base = base;
    this.node = MutableNodeState.copyOf(node);
    this.#nodes = base.nodes().map((one) => (one.name === node.name ? this.node : one));
  }

  nodes(): readonly NodeState[] {
    return this.#nodes;
  }

  get namespaceLabels() {
    return this.#base.namespaceLabels;
  }

  get storage() {
    return this.#base.storage;
  }

  nominatedTo(nodeName: string): readonly PodFacts[] {
    return this.#base.nominatedTo(nodeName);
  }

  budgets() {
    return this.#base.budgets();
  }
}
