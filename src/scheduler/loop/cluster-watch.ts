import {
  CSI_NODES,
  type Informer,
  type InformerFactory,
  keyOf,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  type ResourceRef,
  STORAGE_CLASSES,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import {
  type corev1,
  type KubeObject,
  type policyv1,
  ROOT_WORKSPACE,
  semanticallyEqual,
  type storagev1,
} from '../../kube/index.ts';
import type { ClusterState } from '../core/index.ts';
import type { ClusterEvent } from './cluster-event.ts';

export interface ClusterWatchOptions {
  informers: InformerFactory;
  state: ClusterState;
  /** Something changed that may let waiting pods find a node. */
  onEvent(event: ClusterEvent): void;
}

/** Keeps everything but pods in the scheduler's picture of the cluster. */
export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #informers: Informer<KubeObject>[] = [];

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
    this.#watchNodes();
    this.#watchNamespaces();
    this.#watchStorage();
  }

  async synced(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.synced()));
  }

  #informer<T extends KubeObject>(resource: ResourceRef): Informer<T> {
    const informer = this.#options.informers.informer<T>(resource);
    this.#informers.push(informer as unknown as Informer<KubeObject>);
    return informer;
  }

  #watchNodes(): void {
    const { state, onEvent } = this.#options;
    this.#informer<corev1.Node>(NODES).addHandler({
      onAdd: (node) => {
        if (!isOfCloud(node)) return;
        state.setNode(node);
        onEvent('node added');
      },
      onUpdate: (node, old) => {
        if (!isOfCloud(node)) return;
        const events = nodeEvents(node, old);
        if (events.length === 0 && semanticallyEqual(node.status?.images, old.status?.images)) return;
        state.setNode(node);
        for (const event of events) onEvent(event);
      },
      onDelete: (node) => {
        if (!isOfCloud(node)) return;
        state.removeNode(node.metadata.name);
        onEvent('node removed');
      },
    });
  }

  #watchNamespaces(): void {
    const { state } = this.#options;
    const set = (namespace: corev1.Namespace) =>
      state.setNamespace(
        `${workspaceOf(namespace)}|${namespace.metadata.name}`,
        namespace.metadata.labels ?? {},
      );
    this.#informer<corev1.Namespace>(NAMESPACES).addHandler({
      onAdd: set,
      onUpdate: set,
      onDelete: (one) => state.removeNamespace(`${workspaceOf(one)}|${one.metadata.name}`),
    });
    this.#follow<policyv1.PodDisruptionBudget>(POD_DISRUPTION_BUDGETS, undefined, (key, budget) =>
      state.setBudget(key, budget),
    );
  }

  #watchStorage(): void {
    const { storage } = this.#options.state;
    this.#follow<corev1.PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, 'claim', (key, claim) =>
      storage.setClaim(key, claim),
    );
    this.#follow<corev1.PersistentVolume>(PERSISTENT_VOLUMES, 'volume', (key, volume) =>
      storage.setVolume(key, volume),
    );
    this.#follow<storagev1.StorageClass>(STORAGE_CLASSES, 'storage class', (key, storageClass) =>
      storage.setClass(key, storageClass),
    );
    this.#follow<storagev1.CSINode>(CSI_NODES, 'CSI node', (key, node) => {
      const { workspace, name } = splitKey(key);
      if (workspace === ROOT_WORKSPACE) storage.setCsiNode(name, node);
    });
  }

  #follow<T extends KubeObject>(
    resource: ResourceRef,
    event: ClusterEvent | undefined,
    set: (key: string, object: T | undefined) => void,
  ): void {
    const put = (object: T) => {
      set(keyOf(object), object);
      if (event !== undefined) this.#options.onEvent(event);
    };
    this.#informer<T>(resource).addHandler({
      onAdd: put,
      onUpdate: put,
      onDelete: (object) => set(keyOf(object), undefined),
    });
  }
}

/** A Node in another workspace is a record of its users'. */
function isOfCloud(node: corev1.Node): boolean {
  return workspaceOf(node) === ROOT_WORKSPACE;
}

/** Heartbeats and conditions change a node all the time; none of that moves a pod. */
function nodeEvents(node: corev1.Node, old: corev1.Node): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  if (!semanticallyEqual(node.status?.allocatable, old.status?.allocatable)) events.push('node allocatable');
  if (!semanticallyEqual(node.metadata.labels, old.metadata.labels)) events.push('node labels');
  if (!semanticallyEqual(node.spec, old.spec)) events.push('node taints');
  return events;
}
