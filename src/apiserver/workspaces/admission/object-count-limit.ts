import type { Clock } from '../../../base/index.ts';
import { ADMIN_BINDING, ROOT_WORKSPACE } from '../../../kube/index.ts';
import type {
  AdmissionPlugin,
  AdmissionRequest,
  Reservation,
  StoredObjects,
} from '../../admission/admission.ts';
import { storedKinds } from '../../discovery/stored-contents.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import type { ObjectStorage } from '../../storage/object-storage.ts';
import { LOGICAL_CLUSTER_NAME, LOGICAL_CLUSTERS, type LogicalClusterFacts } from '../workspace-directory.ts';
import { MAX_OBJECTS_ANNOTATION } from './logical-cluster-facts.ts';
import { ObjectCounts } from './object-counts.ts';
import { refused } from './refusal.ts';

export interface ObjectCountParts {
  objects: Pick<StoredObjects, 'find'>;
  storage: Pick<ObjectStorage, 'prefixOf' | 'store'>;
  catalog: ResourceCatalog;
  clock: Pick<Clock, 'now'>;
  /** Of a workspace whose LogicalCluster says nothing; 0: none. */
  totalObjectLimit: number;
}

/**
 * No object is made in a workspace that has as many as it may, of all kinds together: as many as its LogicalCluster says
 * in `core.kcp.io/max-total-objects` (0: any number), or as the server's flag does, which is not for root. Events
 * neither count nor are they refused, and nothing is before the workspace is Ready. A few more may come in while they
 * are counted. Source: kcp pkg/admission/objectcountlimit, pkg/objectcount; there it is counted once a minute.
 */
export class ObjectCountLimit implements AdmissionPlugin {
  readonly name = 'core.kcp.io/LogicalClusterObjectCountLimit';
  readonly #parts: ObjectCountParts;
  readonly #counts: ObjectCounts;

  constructor(parts: ObjectCountParts) {
    this.#parts = parts;
    this.#counts = new ObjectCounts((workspace) => this.#count(workspace), parts.clock);
  }

  async reserve(request: AdmissionRequest): Promise<Reservation | undefined> {
    const { operation, workspace, subresource } = request;
    if (mayDelete(request)) return this.#afterDeletion(workspace);
    if (operation !== 'CREATE' || subresource !== undefined || isFree(request)) return undefined;
    const limit = await this.#limitOf(workspace);
    if (limit <= 0) return undefined;
    const room = await this.#counts.take(workspace, limit);
    if (typeof room === 'number')
      throw refused(
        request,
        `logical cluster ${JSON.stringify(workspace)} has reached its total object count limit (${room}/${limit} objects); delete objects to free up capacity`,
      );
    return { commit: () => room.settle(!request.dryRun), rollback: () => room.settle(false) };
  }

  #afterDeletion(workspace: string): Reservation {
    return { commit: () => this.#counts.noteDeletion(workspace), rollback: () => undefined };
  }

  async #limitOf(workspace: string): Promise<number> {
    const at = { workspace, name: LOGICAL_CLUSTER_NAME };
    const cluster = await this.#parts.objects.find<LogicalClusterFacts>(LOGICAL_CLUSTERS, at);
    if (cluster?.status?.phase !== 'Ready') return 0;
    const said = cluster.metadata.annotations?.[MAX_OBJECTS_ANNOTATION];
    if (said !== undefined && /^[+-]?\d+$/.test(said)) return Number(said);
    return workspace === ROOT_WORKSPACE ? 0 : this.#parts.totalObjectLimit;
  }

  async #count(workspace: string): Promise<number> {
    const { storage, catalog } = this.#parts;
    const kinds = storedKinds(catalog.in(workspace).all).filter((one) => !isEvents(one));
    const counts = await Promise.all(
      kinds.map((resource) => storage.store.count(storage.prefixOf(resource, workspace))),
    );
    return counts.reduce((sum, one) => sum + one, 0);
  }
}

function isEvents({ group, name }: { group: string; name: string }): boolean {
  return (group === '' || group === 'events.k8s.io') && name === 'events';
}

/** What a workspace is made with, and what tells of it. */
function isFree({ resource, name, object }: AdmissionRequest): boolean {
  if (isEvents(resource)) return true;
  if (resource.group === LOGICAL_CLUSTERS.group && resource.name === LOGICAL_CLUSTERS.resource) return true;
  const isBinding = resource.group === 'rbac.authorization.k8s.io' && resource.name === 'clusterrolebindings';
  return isBinding && (name || object?.metadata.name) === ADMIN_BINDING;
}

/** A deletion, or what may be the last finalizer's. */
function mayDelete({ operation, object }: AdmissionRequest): boolean {
  if (operation === 'DELETE') return true;
  return operation === 'UPDATE' && object?.metadata.deletionTimestamp !== undefined;
}
