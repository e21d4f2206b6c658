import {
  API_EXPORTS,
  API_RESOURCE_SCHEMAS,
  type Informer,
  type InformerFactory,
  LOGICAL_CLUSTERS,
  makeKey,
  workspaceOf,
} from '../../client/index.ts';
import type { apisv1alpha1, apisv1alpha2, corev1alpha1, KubeObject } from '../../kube/index.ts';

type Schema = apisv1alpha1.APIResourceSchema;

const PATH_ANNOTATION = 'kcp.io/path';
const BY_PATH = 'path';

/** Which export a binding means and what that exports, from the caches. */
export class ExportLookup {
  readonly exports: Informer<apisv1alpha2.APIExport>;
  readonly schemas: Informer<Schema>;
  readonly clusters: Informer<corev1alpha1.LogicalCluster>;

  constructor(informers: InformerFactory) {
    this.exports = informers.informer<apisv1alpha2.APIExport>(API_EXPORTS);
    this.schemas = informers.informer<Schema>(API_RESOURCE_SCHEMAS, withoutBodies);
    this.clusters = informers.informer<corev1alpha1.LogicalCluster>(LOGICAL_CLUSTERS);
    this.clusters.addIndex(BY_PATH, (cluster) => [
      cluster.metadata.annotations?.[PATH_ANNOTATION] ?? workspaceOf(cluster),
    ]);
  }

  /** Where the export of an object beside or away from it is; undefined when its path leads nowhere. */
  clusterOf(object: KubeObject, reference: { path?: string } | undefined): string | undefined {
    if (!reference?.path) return workspaceOf(object);
    const [found] = this.clusters.byIndex(BY_PATH, reference.path);
    if (found !== undefined) return workspaceOf(found);
    return this.clusters.get(makeKey(reference.path, '', 'cluster')) && reference.path;
  }

  exported(cluster: string, name: string): apisv1alpha2.APIExport | undefined {
    return this.exports.get(makeKey(cluster, '', name));
  }

  schema(cluster: string, name: string): Schema | undefined {
    return this.schemas.get(makeKey(cluster, '', name));
  }
}

/** Names and versions are all that is asked for here. */
function withoutBodies(schema: Schema): Schema {
  delete schema.metadata.managedFields;
  for (const version of schema.spec.versions) version.schema = {};
  return schema;
}
