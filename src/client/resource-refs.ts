import type { ResourceRef } from './client.ts';

const ref = (
  group: string,
  version: string,
  resource: string,
  kind: string,
  namespaced = true,
): Readonly<ResourceRef> => ({ group, version, resource, kind, namespaced });

export const PODS = ref('', 'v1', 'pods', 'Pod');
export const NODES = ref('', 'v1', 'nodes', 'Node', false);
export const NAMESPACES = ref('', 'v1', 'namespaces', 'Namespace', false);
export const SERVICES = ref('', 'v1', 'services', 'Service');
export const ENDPOINTS = ref('', 'v1', 'endpoints', 'Endpoints');
export const CONFIG_MAPS = ref('', 'v1', 'configmaps', 'ConfigMap');
export const SECRETS = ref('', 'v1', 'secrets', 'Secret');
export const SERVICE_ACCOUNTS = ref('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const EVENTS = ref('', 'v1', 'events', 'Event');
export const PERSISTENT_VOLUME_CLAIMS = ref('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const PERSISTENT_VOLUMES = ref('', 'v1', 'persistentvolumes', 'PersistentVolume', false);
export const REPLICATION_CONTROLLERS = ref('', 'v1', 'replicationcontrollers', 'ReplicationController');
export const DEPLOYMENTS = ref('apps', 'v1', 'deployments', 'Deployment');
export const REPLICA_SETS = ref('apps', 'v1', 'replicasets', 'ReplicaSet');
export const STATEFUL_SETS = ref('apps', 'v1', 'statefulsets', 'StatefulSet');
export const DAEMON_SETS = ref('apps', 'v1', 'daemonsets', 'DaemonSet');
export const CONTROLLER_REVISIONS = ref('apps', 'v1', 'controllerrevisions', 'ControllerRevision');
export const JOBS = ref('batch', 'v1', 'jobs', 'Job');
export const CRON_JOBS = ref('batch', 'v1', 'cronjobs', 'CronJob');
export const POD_DISRUPTION_BUDGETS = ref('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const ENDPOINT_SLICES = ref('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
export const CLUSTER_ROLES = ref('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', false);
export const CLUSTER_ROLE_BINDINGS = ref(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  false,
);
export const HORIZONTAL_POD_AUTOSCALERS = ref(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
);
export const POD_METRICS = ref('metrics.k8s.io', 'v1beta1', 'pods', 'PodMetrics');
export const LEASES = ref('coordination.k8s.io', 'v1', 'leases', 'Lease');

export const STORAGE_CLASSES = ref('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false);
export const CSI_NODES = ref('storage.k8s.io', 'v1', 'csinodes', 'CSINode', false);
const NETWORKING = 'networking.k8s.io';
export const SERVICE_CIDRS = ref(NETWORKING, 'v1', 'servicecidrs', 'ServiceCIDR', false);
export const IP_ADDRESSES = ref(NETWORKING, 'v1', 'ipaddresses', 'IPAddress', false);

export const CERTIFICATE_SIGNING_REQUESTS = ref(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
);
export const SUBJECT_ACCESS_REVIEWS = ref(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  false,
);

const FLOW_CONTROL = 'flowcontrol.apiserver.k8s.io';
export const FLOW_SCHEMAS = ref(FLOW_CONTROL, 'v1', 'flowschemas', 'FlowSchema', false);
export const PRIORITY_LEVEL_CONFIGURATIONS = ref(
  FLOW_CONTROL,
  'v1',
  'prioritylevelconfigurations',
  'PriorityLevelConfiguration',
  false,
);
export const CUSTOM_RESOURCE_DEFINITIONS = ref(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);
export const API_SERVICES = ref('apiregistration.k8s.io', 'v1', 'apiservices', 'APIService', false);

const TENANCY = 'tenancy.kcp.io';
export const WORKSPACES = ref(TENANCY, 'v1alpha1', 'workspaces', 'Workspace', false);
export const WORKSPACE_TYPES = ref(TENANCY, 'v1alpha1', 'workspacetypes', 'WorkspaceType', false);
const KCP_CORE = 'core.kcp.io';
export const LOGICAL_CLUSTERS = ref(KCP_CORE, 'v1alpha1', 'logicalclusters', 'LogicalCluster', false);
export const SHARDS = ref(KCP_CORE, 'v1alpha1', 'shards', 'Shard', false);
const KCP_APIS = 'apis.kcp.io';
export const API_EXPORTS = ref(KCP_APIS, 'v1alpha2', 'apiexports', 'APIExport', false);
export const API_BINDINGS = ref(KCP_APIS, 'v1alpha2', 'apibindings', 'APIBinding', false);
export const API_RESOURCE_SCHEMAS = ref(
  KCP_APIS,
  'v1alpha1',
  'apiresourceschemas',
  'APIResourceSchema',
  false,
);
export const API_EXPORT_ENDPOINT_SLICES = ref(
  KCP_APIS,
  'v1alpha1',
  'apiexportendpointslices',
  'APIExportEndpointSlice',
  false,
);

export const PARTITIONS = ref('topology.kcp.io', 'v1alpha1', 'partitions', 'Partition', false);

/** `v1`, `apps/v1`. */
export function apiVersionOf(resource: ResourceRef): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}
