import { type ResourceRef, workspaceOf } from '../../client/index.ts';
import type { KubeObject, metav1 } from '../../kube/index.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** One object as the collector knows it. */
export interface GraphNode {
  uid: string;
  /** Where it lives; of an owner that was only heard of, as its dependents describe it. */
  identity: ObjectIdentity;
  owners: readonly metav1.OwnerReference[];
  dependents: ReadonlySet<GraphNode>;
  finalizers: readonly string[];
  /** It has a deletionTimestamp. */
  deleting: boolean;
  /** Named by a dependent but not seen itself: may not exist. */
  virtual: boolean;
}

export interface ObjectIdentity {
  workspace: string;
  namespace: string;
  name: string;
  apiVersion: string;
  kind: string;
  /** Known once the object itself was seen. */
  resource: ResourceRef | undefined;
}

/** Being deleted in the foreground: waits for its dependents to go first. */
export function waitsForDependents(node: GraphNode): boolean {
  return node.deleting && node.finalizers.includes(FOREGROUND);
}

/** What an observed change gives the collector to do, by uid. */
export interface GraphChange {
  toDelete: GraphNode[];
  toOrphan: GraphNode[];
}

/**
 * Who owns whom, over all resources of all workspaces, kept up from the caches' events. Pure bookkeeping:
 * says which nodes are worth a look, decides nothing.
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Owners that were only heard of. */
  *unseen(): Iterable<GraphNode> {
    for (const node of this.#nodes.values()) if (node.virtual) yield node;
  }

  /** An object was added or changed. */
  observe(object: KubeObject, resource: ResourceRef): GraphChange {
    const { uid } = object.metadata;
    const known = this.#nodes.get(uid);
    const node = known ?? this.#newNode(uid, identityOf(object, resource));
    const change: GraphChange = { toDelete: [], toOrphan: [] };
    const wasWaiting = waitsForDependents(node);
    node.identity = identityOf(object, resource);
    node.virtual = false;
    node.finalizers = object.metadata.finalizers ?? NONE;
    node.deleting = object.metadata.deletionTimestamp !== undefined;
    this.#setOwners(node, object.metadata.ownerReferences ?? NONE, change);
    if (node.deleting && node.finalizers.includes(ORPHAN)) change.toOrphan.push(node);
    if (waitsForDependents(node)) {
      if (!wasWaiting) change.toDelete.push(...node.dependents);
      change.toDelete.push(node);
    }
    return change;
  }

  /** An object is gone: what it owned, and who waited for it, are worth a look. */
  remove(uid: string): GraphChange {
    const node = this.#nodes.get(uid);
    const change: GraphChange = { toDelete: [], toOrphan: [] };
    if (node === undefined) return change;
    change.toDelete.push(...node.dependents);
    for (const { uid: ownerUid } of node.owners) {
      const owner = this.#nodes.get(ownerUid);
      if (owner === undefined) continue;
      dropDependent(owner, node);
      if (waitsForDependents(owner)) change.toDelete.push(owner);
      this.#dropIfForgotten(owner);
    }
    this.#nodes.delete(uid);
    // Dependents still name it: it stays in the graph as a memory until they are gone or let go of it.
    if (node.dependents.size > 0) {
      node.owners = [];
      node.virtual = true;
      node.deleting = false;
      node.finalizers = [];
      this.#nodes.set(uid, node);
    }
    return change;
  }

  #setOwners(node: GraphNode, owners: readonly metav1.OwnerReference[], change: GraphChange): void {
    const before = new Map(node.owners.map((owner) => [owner.uid, owner]));
    node.owners = owners;
    for (const reference of owners) {
      const earlier = before.get(reference.uid);
      before.delete(reference.uid);
      let owner = this.#nodes.get(reference.uid);
      if (owner === undefined) {
        owner = this.#newNode(reference.uid, this.#identityOfOwner(node, reference));
        owner.virtual = true;
        // Nobody has seen this owner yet: whether it exists at all has to be asked.
        change.toDelete.push(owner);
      }
      addDependent(owner, node);
      const blockedBefore = earlier?.blockOwnerDeletion === true;
      const unblocked = blockedBefore && reference.blockOwnerDeletion !== true;
      if (unblocked && waitsForDependents(owner)) change.toDelete.push(owner);
      if (earlier === undefined && owner.virtual) change.toDelete.push(node);
    }
    for (const uid of before.keys()) {
      const owner = this.#nodes.get(uid);
      if (owner === undefined) continue;
      dropDependent(owner, node);
      if (waitsForDependents(owner)) change.toDelete.push(owner);
      this.#dropIfForgotten(owner);
    }
    if (before.size > 0 && owners.length > 0) change.toDelete.push(node);
  }

  #dropIfForgotten(owner: GraphNode): void {
    if (owner.virtual && owner.dependents.size === 0) this.#nodes.delete(owner.uid);
  }

  #newNode(uid: string, identity: ObjectIdentity): GraphNode {
    const node: GraphNode = {
      uid,
      identity,
      owners: NONE,
      dependents: NOBODY,
      finalizers: NONE,
      deleting: false,
      virtual: false,
    };
    this.#nodes.set(uid, node);
    return node;
  }

  /** Owners live in the workspace, and unless cluster-scoped in the namespace, of what they own. */
  #identityOfOwner(dependent: GraphNode, reference: metav1.OwnerReference): ObjectIdentity {
    const { workspace, namespace } = dependent.identity;
    const { apiVersion, kind, name } = reference;
    return { workspace, namespace, name, apiVersion, kind, resource: undefined };
  }
}

/** Most objects own nothing, and share this. */
const NOBODY: ReadonlySet<GraphNode> = new Set();
const NONE: readonly never[] = [];

function addDependent(owner: GraphNode, node: GraphNode): void {
  if (owner.dependents === NOBODY) owner.dependents = new Set();
  (owner.dependents as Set<GraphNode>).add(node);
}

function dropDependent(owner: GraphNode, node: GraphNode): void {
  if (owner.dependents === NOBODY) return;
  (owner.dependents as Set<GraphNode>).delete(node);
  if (owner.dependents.size === 0) owner.dependents = NOBODY;
}

function identityOf(object: KubeObject, resource: ResourceRef): ObjectIdentity {
  return {
    workspace: workspaceOf(object),
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    apiVersion: object.apiVersion ?? '',
    kind: resource.kind,
    resource,
  };
}
