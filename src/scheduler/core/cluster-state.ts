import { type corev1, parseQuantity, type policyv1 } from '../../kube/index.ts';
import { type Amounts, amounts, type NamespaceLabels, normalizedImage, type PodFacts } from './pod-facts.ts';
import { StorageState, type StorageView } from './storage-state.ts';

/** One node with the pods on it. */
export interface NodeState {
  readonly name: string;
  readonly node: corev1.Node;
  readonly labels: Record<string, string>;
  readonly allocatable: Amounts;
  readonly taints: readonly corev1.Taint[];
  /** Sizes of images on the node, by name. */
  readonly images: ReadonlyMap<string, number>;
  readonly pods: ReadonlyMap<string, PodFacts>;
  /** Those of them that require others to be elsewhere. */
  readonly antiAffine: ReadonlyMap<string, PodFacts>;
  /** Sums over `pods`. */
  readonly requested: Amounts;
  readonly scoredRequested: { readonly cpu: number; readonly memory: number };
}

/** What a placement is decided on; ClusterState is one, a simulation may bring another. */
export interface Snapshot {
  nodes(): readonly NodeState[];
  namespaceLabels: NamespaceLabels;
  storage: StorageView;
  /** Pods for which room is being made on that node. */
  nominatedTo(nodeName: string): readonly PodFacts[];
  budgets(): readonly policyv1.PodDisruptionBudget[];
}

/** A node whose pods can be changed; ClusterState's own, or a copy to try things out on. */
export class MutableNodeState implements NodeState {
  readonly name: string;
  node: corev1.Node;
  labels: Record<string, string> = {};
  allocatable: Amounts = {};
  taints: readonly corev1.Taint[] = [];
  images: ReadonlyMap<string, number> = new Map();
  readonly pods = new Map<string, PodFacts>();
  readonly requested: Record<string, number> = {};
  readonly scoredRequested = { cpu: 0, memory: 0 };
  /** Those that keep others away. */
  readonly antiAffine = new Map<string, PodFacts>();

  constructor(node: corev1.Node) {
    this.name = node.metadata.name;
    this.node = node;
    this.update(node);
  }

  /** The same node with the same pods, to be changed without harm. */
  static copyOf({ node, pods }: NodeState): MutableNodeState {
    const copy = new MutableNodeState(node);
    for (const facts of pods.values()) copy.add(facts);
    return copy;
  }

  update(node: corev1.Node): void {
    this.node = node;
    this.labels = node.metadata.labels ?? {};
    this.taints = node.spec?.taints ?? [];
    this.allocatable = amounts(
      Object.fromEntries(
        Object.entries(node.status?.allocatable ?? {}).map(([name, text]) => [name, parseQuantity(text)]),
      ),
    );
    this.images = new Map(
      (node.status?.images ?? []).flatMap(({ names, sizeBytes }) =>
        (names ?? []).map((name) => [normalizedImage(name), sizeBytes ?? 0] as const),
      ),
    );
  }

  add(facts: PodFacts): void {
    this.remove(facts.uid);
    this.pods.set(facts.uid, facts);
    if (facts.requiredAntiAffinity.length > 0) this.antiAffine.set(facts.uid, facts);
    this.#count(facts, 1);
  }

  remove(uid: string): void {
    const facts = this.pods.get(uid);
    if (facts === undefined) return;
    this.pods.delete(uid);
    this.antiAffine.delete(uid);
    this.#count(facts, -1);
  }

  #count(facts: PodFacts, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(facts.requests))
      this.requested[name] = (this.requested[name] ?? 0) + sign * amount;
    this.scoredRequested.cpu += sign * facts.scoredRequests.cpu;
    this.scoredRequested.memory += sign * facts.scoredRequests.memory;
  }
}

/**
 * Nodes and the pods that are, or are assumed to be, on them. Pure bookkeeping without a clock; the same
 * object serves the running scheduler and a simulation.
 */
export class ClusterState implements Snapshot {
  readonly #nodes = new Map<string, MutableNodeState>();
  /** uid → node name; also of pods whose node is not known yet. */
  readonly #placed = new Map<string, { nodeName: string; facts: PodFacts }>();
  readonly #namespaces = new Map<string, Record<string, string>>();
  /** uid → the node it is nominated for. */
  readonly #nominated = new Map<string, { nodeName: string; facts: PodFacts }>();
  readonly #budgets = new Map<string, policyv1.PodDisruptionBudget>();
  readonly storage = new StorageState();
  #list: readonly NodeState[] | undefined;

  readonly namespaceLabels: NamespaceLabels = (key) => this.#namespaces.get(key);

  nodes(): readonly NodeState[] {
    this.#list ??= [...this.#nodes.values()];
    return this.#list;
  }

  node(name: string): NodeState | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: corev1.Node): void {
    const known = this.#nodes.get(node.metadata.name);
    if (known !== undefined) {
      known.update(node);
      return;
    }
    const state = new MutableNodeState(node);
    this.#nodes.set(state.name, state);
    this.#list = undefined;
    for (const { nodeName, facts } of this.#placed.values()) if (nodeName === state.name) state.add(facts);
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#list = undefined;
  }

  /** The pod is on this node now (and on no other). */
  placePod(facts: PodFacts, nodeName: string): void {
    const before = this.#placed.get(facts.uid);
    if (before !== undefined && before.nodeName !== nodeName)
      this.#nodes.get(before.nodeName)?.remove(facts.uid);
    this.#placed.set(facts.uid, { nodeName, facts });
    this.#nodes.get(nodeName)?.add(facts);
  }

  /** True when the pod was on a node. */
  removePod(uid: string): boolean {
    const before = this.#placed.get(uid);
    if (before === undefined) return false;
    this.#placed.delete(uid);
    this.#nodes.get(before.nodeName)?.remove(uid);
    return true;
  }

  placementOf(uid: string): string | undefined {
    return this.#placed.get(uid)?.nodeName;
  }

  /** Room is being made for the pod there. */
  nominate(facts: PodFacts, nodeName: string): void {
    this.#nominated.set(facts.uid, { nodeName, facts });
  }

  /** The pod is nominated for no node any more; true when it was. */
  withdraw(uid: string): boolean {
    return this.#nominated.delete(uid);
  }

  nominatedTo(nodeName: string): readonly PodFacts[] {
    if (this.#nominated.size === 0) return [];
    return [...this.#nominated.values()].filter((one) => one.nodeName === nodeName).map(({ facts }) => facts);
  }

  budgets(): readonly policyv1.PodDisruptionBudget[] {
    return [...this.#budgets.values()];
  }

  setBudget(key: string, budget: policyv1.PodDisruptionBudget | undefined): void {
    if (budget === undefined) this.#budgets.delete(key);
    else this.#budgets.set(key, budget);
  }

  setNamespace(key: string, labels: Record<string, string>): void {
    this.#namespaces.set(key, labels);
  }

  removeNamespace(key: string): void {
    this.#namespaces.delete(key);
  }
}
