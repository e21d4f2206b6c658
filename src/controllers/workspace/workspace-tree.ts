import {
  type Informer,
  type InformerFactory,
  LOGICAL_CLUSTERS,
  makeKey,
  WORKSPACE_TYPES,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1alpha1, PATH_ANNOTATION, type tenancyv1alpha1 } from '../../kube/index.ts';
import { type TypePlace, transitiveTypes } from './transitive-types.ts';
import { TYPE_ANNOTATION } from './workspace-reconcile-scheduling.ts';

type LogicalCluster = corev1alpha1.LogicalCluster;
type WorkspaceType = tenancyv1alpha1.WorkspaceType;

/** The name of the one LogicalCluster of each logical cluster. */
const CLUSTER = 'cluster';
const BY_PATH = 'path';

/** What the logical clusters are, and which types there are in them, from the caches. */
export class WorkspaceTree {
  readonly clusters: Informer<LogicalCluster>;
  readonly types: Informer<WorkspaceType>;

  constructor(informers: InformerFactory) {
    this.clusters = informers.informer<LogicalCluster>(LOGICAL_CLUSTERS);
    this.clusters.addIndex(BY_PATH, (cluster) => [pathOf(cluster)]);
    this.types = informers.informer<WorkspaceType>(WORKSPACE_TYPES);
  }

  cluster(name: string): LogicalCluster | undefined {
    return this.clusters.get(makeKey(name, '', CLUSTER));
  }

  /** `path` is a canonical one, `root:team`, or the name of a logical cluster. */
  clusterNameAt(path: string): string | undefined {
    const [found] = this.clusters.byIndex(BY_PATH, path);
    return found === undefined ? this.cluster(path) && path : workspaceOf(found);
  }

  /** `root:team`; of a logical cluster that has none its name. */
  pathOf(clusterName: string): string {
    const cluster = this.cluster(clusterName);
    return cluster === undefined ? clusterName : pathOf(cluster);
  }

  /** Of the logical cluster a type lies in. */
  pathOfType(type: WorkspaceType): string {
    return this.pathOf(workspaceOf(type));
  }

  /** Where the type of a logical cluster is; undefined when it has none. */
  typePlaceOf({ metadata }: LogicalCluster): TypePlace | undefined {
    const reference = metadata.annotations?.[TYPE_ANNOTATION] ?? '';
    const colon = reference.lastIndexOf(':');
    return colon < 1 ? undefined : { path: reference.slice(0, colon), name: reference.slice(colon + 1) };
  }

  type(path: string, name: string): WorkspaceType | undefined {
    const cluster = this.clusterNameAt(path);
    return cluster === undefined ? undefined : this.types.get(makeKey(cluster, '', name));
  }

  /**
   * A type and all it extends.
   *
   * @throws Error when one of them is not there, or one extends itself.
   */
  typesOf(path: string, name: string): WorkspaceType[] {
    return transitiveTypes(
      { path, name },
      (at) => this.type(at.path, at.name),
      (type) => this.pathOfType(type),
    );
  }
}

function pathOf(cluster: LogicalCluster): string {
  return cluster.metadata.annotations?.[PATH_ANNOTATION] ?? workspaceOf(cluster);
}
