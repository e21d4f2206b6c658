import type { KubeObject } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { withoutUsers } from './home-cluster-name.ts';

/** What is read of core.kcp.io LogicalCluster. */
export interface LogicalClusterFacts extends KubeObject {
  spec?: { owner?: { cluster: string; name: string; resource: string } };
  status?: { phase?: string; initializers?: string[]; terminators?: string[] };
}

interface WorkspaceFacts extends KubeObject {
  spec?: { cluster?: string };
}

/** The one object of this kind in every logical cluster. */
export const LOGICAL_CLUSTER_NAME = 'cluster';
export const LOGICAL_CLUSTERS = { group: 'core.kcp.io', resource: 'logicalclusters' };
export const WORKSPACES = { group: 'tenancy.kcp.io', resource: 'workspaces' };

const SEGMENT = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DEEPEST = 64;

export function isPathSegment(text: string): boolean {
  return SEGMENT.test(text);
}

/**
 * Which logical cluster a path means, and what it is: read from the store at each question through the shared cache,
 * so nothing is held for a workspace nobody asks for, and an answer is never older than the last write.
 */
export class WorkspaceDirectory {
  readonly #objects: Pick<StoredObjects, 'find'>;

  constructor(objects: Pick<StoredObjects, 'find'>) {
    this.#objects = objects;
  }

  /**
   * The logical cluster that `root:team:app`, `<name of a logical cluster>:app` or `user:ann:app`, below the home of a
   * user, leads to, Workspace by Workspace. A single name stands for itself, whether there is such a logical cluster or
   * not. Undefined when the path leads nowhere.
   */
  async resolve(path: string): Promise<string | undefined> {
    const segments = path.split(':');
    if (segments.length > DEEPEST + 1 || !segments.every(isPathSegment)) return undefined;
    const [first, ...rest] = withoutUsers(segments);
    let cluster: string | undefined = first!;
    for (const name of rest) {
      const found: Readonly<WorkspaceFacts> | undefined = await this.#objects.find<WorkspaceFacts>(
        WORKSPACES,
        {
          workspace: cluster,
          name,
        },
      );
      cluster = found?.spec?.cluster;
      if (!cluster) return undefined;
    }
    return cluster;
  }

  /** The LogicalCluster object of a logical cluster; undefined when there is no such one. */
  async find(cluster: string): Promise<Readonly<LogicalClusterFacts> | undefined> {
    if (!SEGMENT.test(cluster)) return undefined;
    return this.#objects.find<LogicalClusterFacts>(LOGICAL_CLUSTERS, {
      workspace: cluster,
      name: LOGICAL_CLUSTER_NAME,
    });
  }
}
