import { EVENTS, READ, type RuleRow } from './rule-table.ts';

const FINALIZE = 'update';

function podOwner(group: string, kind: string, own: string, more: readonly RuleRow[] = []): RuleRow[] {
  return [
    [own, group, kind],
    ['update', group, `${kind}/status`],
    [FINALIZE, group, `${kind}/finalizers`],
    ['create delete list patch watch', 'core', 'pods'],
    ...more,
    EVENTS,
  ];
}

const CONTROLLER_REVISIONS: RuleRow = [
  'create delete get list patch update watch',
  'apps',
  'controllerrevisions',
];

/**
 * What each controller may, as the ClusterRole `system:controller:<name>` bound to the service account of that name
 * in kube-system.
 * Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go.
 */
export const CONTROLLER_ROLES: Readonly<Record<string, readonly RuleRow[]>> = {
  'attachdetach-controller': [
    ['list watch', 'core', 'persistentvolumeclaims persistentvolumes pods'],
    [READ, 'core', 'nodes'],
    ['patch update', 'core', 'nodes/status'],
    EVENTS,
    [`create delete ${READ}`, 'storage.k8s.io', 'volumeattachments'],
    [READ, 'storage.k8s.io', 'csidrivers csinodes'],
  ],
  'certificate-controller': [
    [`delete ${READ}`, 'certificates.k8s.io', 'certificatesigningrequests'],
    [
      'update',
      'certificates.k8s.io',
      'certificatesigningrequests/approval certificatesigningrequests/status',
    ],
    ['approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'],
    [
      'sign',
      'certificates.k8s.io',
      'signers',
      'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown',
    ],
    ['create', 'authorization.k8s.io', 'subjectaccessreviews'],
    EVENTS,
  ],
  // It may write any rule whatsoever: without `escalate` it could not.
  'clusterrole-aggregation-controller': [
    [`escalate patch update ${READ}`, 'rbac.authorization.k8s.io', 'clusterroles'],
  ],
  'cronjob-controller': [
    [`update ${READ}`, 'batch', 'cronjobs'],
    [`create delete patch update ${READ}`, 'batch', 'jobs'],
    ['update', 'batch', 'cronjobs/status cronjobs/finalizers'],
    ['delete list watch', 'core', 'pods'],
    EVENTS,
  ],
  'daemon-set-controller': podOwner('apps extensions', 'daemonsets', READ, [
    ['list watch', 'core', 'nodes'],
    ['create', 'core', 'pods/binding'],
    CONTROLLER_REVISIONS,
  ]),
  'deployment-controller': [
    [`update ${READ}`, 'apps extensions', 'deployments'],
    ['update', 'apps extensions', 'deployments/status deployments/finalizers'],
    [`create delete patch update ${READ}`, 'apps extensions', 'replicasets'],
    [`update ${READ}`, 'core', 'pods'],
    EVENTS,
  ],
  'device-taint-eviction-controller': [
    [`delete ${READ}`, 'core', 'pods'],
    ['patch update', 'core', 'pods/status'],
    [READ, 'resource.k8s.io', 'deviceclasses devicetaintrules resourceclaims resourceslices'],
    EVENTS,
  ],
  'disruption-controller': [
    [READ, 'apps extensions', 'deployments replicasets'],
    [READ, 'core', 'replicationcontrollers'],
    [READ, 'policy', 'poddisruptionbudgets'],
    [READ, 'apps', 'statefulsets'],
    ['update', 'policy', 'poddisruptionbudgets/status'],
    ['patch update', 'core', 'pods/status'],
    ['get', '*', '*/scale'],
    EVENTS,
  ],
  'endpoint-controller': [
    [READ, 'core', 'pods services'],
    [`create delete update ${READ}`, 'core', 'endpoints'],
    ['create', 'core', 'endpoints/restricted'],
    EVENTS,
  ],
  'endpointslice-controller': [
    [READ, 'core', 'nodes pods services'],
    ['update', 'core', 'services/finalizers'],
    [`create delete update ${READ}`, 'discovery.k8s.io', 'endpointslices'],
    EVENTS,
  ],
  'endpointslicemirroring-controller': [
    [READ, 'core', 'endpoints services'],
    ['update', 'core', 'endpoints/finalizers services/finalizers'],
    [`create delete update ${READ}`, 'discovery.k8s.io', 'endpointslices'],
    EVENTS,
  ],
  'ephemeral-volume-controller': [
    [READ, 'core', 'pods'],
    ['update', 'core', 'pods/finalizers'],
    [`create ${READ}`, 'core', 'persistentvolumeclaims'],
    EVENTS,
  ],
  'expand-controller': [
    [`patch update ${READ}`, 'core', 'persistentvolumes'],
    ['patch update', 'core', 'persistentvolumeclaims/status'],
    [READ, 'core', 'persistentvolumeclaims'],
    ['get', 'core', 'services'],
    EVENTS,
  ],
  'generic-garbage-collector': [[`delete patch update ${READ}`, '*', '*'], EVENTS],
  'horizontal-pod-autoscaler': [
    [READ, 'autoscaling', 'horizontalpodautoscalers'],
    ['update', 'autoscaling', 'horizontalpodautoscalers/status'],
    ['get update', '*', '*/scale'],
    ['list watch', 'core', 'pods'],
    ['list watch', 'metrics.k8s.io', 'pods'],
    [READ, 'custom.metrics.k8s.io', '*'],
    [READ, 'external.metrics.k8s.io', '*'],
    EVENTS,
  ],
  'job-controller': podOwner('batch', 'jobs', `patch update ${READ}`),
  'legacy-service-account-token-cleaner': [
    ['get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'],
    ['delete patch', 'core', 'secrets'],
  ],
  'namespace-controller': [
    [`delete ${READ}`, 'core', 'namespaces'],
    ['update', 'core', 'namespaces/finalize namespaces/status'],
    [`delete deletecollection ${READ}`, '*', '*'],
    ['get', '/contents'],
  ],
  'node-controller': [
    [`delete patch update ${READ}`, 'core', 'nodes'],
    ['patch update', 'core', 'nodes/status pods/status'],
    [`delete ${READ}`, 'core', 'pods'],
    EVENTS,
  ],
  'persistent-volume-binder': [
    [`create delete update ${READ}`, 'core', 'persistentvolumes'],
    ['update', 'core', 'persistentvolumes/status persistentvolumeclaims/status'],
    [`update ${READ}`, 'core', 'persistentvolumeclaims'],
    [`create delete ${READ}`, 'core', 'pods'],
    [READ, 'storage.k8s.io', 'storageclasses'],
    ['list watch', 'core', 'nodes'],
    ['watch', 'core', 'events'],
    ['get', 'core', 'services'],
    EVENTS,
  ],
  'pod-garbage-collector': [
    ['delete list watch', 'core', 'pods'],
    [READ, 'core', 'nodes'],
    ['patch', 'core', 'pods/status'],
  ],
  'pv-protection-controller': [[`update ${READ}`, 'core', 'persistentvolumes'], EVENTS],
  'pvc-protection-controller': [
    [`update ${READ}`, 'core', 'persistentvolumeclaims'],
    [READ, 'core', 'pods'],
    EVENTS,
  ],
  'replicaset-controller': podOwner('apps extensions', 'replicasets', `update ${READ}`),
  'replication-controller': podOwner('core', 'replicationcontrollers', `update ${READ}`),
  'resource-claim-controller': [
    [READ, 'core', 'pods'],
    ['update', 'core', 'pods/finalizers'],
    [`create delete ${READ}`, 'resource.k8s.io', 'resourceclaims'],
    ['patch update', 'resource.k8s.io', 'resourceclaims resourceclaims/status'],
    ['patch update', 'core', 'pods/status'],
    EVENTS,
  ],
  'resourcequota-controller': [['list watch', '*', '*'], ['update', 'core', 'resourcequotas/status'], EVENTS],
  'root-ca-cert-publisher': [['create update', 'core', 'configmaps'], EVENTS],
  'route-controller': [['list watch', 'core', 'nodes'], ['patch', 'core', 'nodes/status'], EVENTS],
  'selinux-warning-controller': [
    [READ, 'core', 'persistentvolumeclaims persistentvolumes pods'],
    [READ, 'storage.k8s.io', 'csidrivers'],
    EVENTS,
  ],
  'service-account-controller': [['create', 'core', 'serviceaccounts'], EVENTS],
  'service-cidrs-controller': [
    [`patch update ${READ}`, 'networking.k8s.io', 'servicecidrs'],
    ['patch update', 'networking.k8s.io', 'servicecidrs/finalizers servicecidrs/status'],
    [READ, 'networking.k8s.io', 'ipaddresses'],
    EVENTS,
  ],
  'service-controller': [
    [READ, 'core', 'services'],
    ['patch update', 'core', 'services/status'],
    ['list watch', 'core', 'nodes'],
    EVENTS,
  ],
  'statefulset-controller': [
    [READ, 'apps', 'statefulsets'],
    ['update', 'apps', 'statefulsets/status statefulsets/finalizers'],
    [`create delete patch update ${READ}`, 'core', 'pods'],
    CONTROLLER_REVISIONS,
    [`create delete update ${READ}`, 'core', 'persistentvolumeclaims'],
    ['update', 'core', 'pods/finalizers'],
    EVENTS,
  ],
  'ttl-after-finished-controller': [[`delete ${READ}`, 'batch', 'jobs'], EVENTS],
  'ttl-controller': [['list patch update watch', 'core', 'nodes'], EVENTS],
  'validatingadmissionpolicy-status-controller': [
    [READ, 'admissionregistration.k8s.io', 'validatingadmissionpolicies'],
    ['get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'],
    EVENTS,
  ],
  'volumeattributesclass-protection-controller': [
    [READ, 'core', 'persistentvolumeclaims persistentvolumes'],
    [`update ${READ}`, 'storage.k8s.io', 'volumeattributesclasses'],
    EVENTS,
  ],
};

/**
 * The same for controllers of ours that upstream runs inside the API server, or does not have, as
 * `orrery:controller:<name>`.
 */
export const OWN_CONTROLLER_ROLES: Readonly<Record<string, readonly RuleRow[]>> = {
  'apibinder-controller': [
    [`create update ${READ}`, 'apis.kcp.io', 'apibindings'],
    ['update', 'core.kcp.io', 'logicalclusters/status'],
  ],
  'default-namespace-controller': [['create', 'core', 'namespaces']],
  'logicalcluster-controller': [['update', 'core.kcp.io', 'logicalclusters/status']],
  'logicalcluster-deletion-controller': [
    [`update ${READ}`, 'core.kcp.io', 'logicalclusters'],
    ['update', 'core.kcp.io', 'logicalclusters/status'],
    ['delete', 'tenancy.kcp.io', 'workspaces'],
    [`delete deletecollection ${READ}`, '*', '*'],
    ['get', '/contents'],
  ],
  'workspacetype-controller': [['update', 'tenancy.kcp.io', 'workspacetypes/status']],
  // Whoever made a workspace is made its admin: without `bind` it could not.
  'workspace-controller': [
    [`update ${READ}`, 'tenancy.kcp.io', 'workspaces'],
    ['update', 'tenancy.kcp.io', 'workspaces/status'],
    ['create delete get', 'core.kcp.io', 'logicalclusters'],
    ['create', 'rbac.authorization.k8s.io', 'clusterrolebindings'],
    ['bind', 'rbac.authorization.k8s.io', 'clusterroles', 'cluster-admin'],
  ],
  'apiexport-controller': [
    [`update ${READ}`, 'apis.kcp.io', 'apiexports'],
    ['update', 'apis.kcp.io', 'apiexports/status apiexports/finalizers'],
    ['create', 'apis.kcp.io', 'apiexportendpointslices'],
    ['create', 'core', 'namespaces'],
    ['create get', 'core', 'secrets'],
  ],
  'apiexportendpointslice-controller': [['update', 'apis.kcp.io', 'apiexportendpointslices/status']],
  // What is bound may be anything.
  'apibinding-controller': [
    [`update ${READ}`, 'apis.kcp.io', 'apibindings'],
    ['update', 'apis.kcp.io', 'apibindings/status'],
    [READ, 'apiextensions.k8s.io', 'customresourcedefinitions'],
    ['deletecollection list', '*', '*'],
  ],
  'crd-registration-controller': [
    [READ, 'apiextensions.k8s.io', 'customresourcedefinitions'],
    [`create update delete ${READ}`, 'apiregistration.k8s.io', 'apiservices'],
  ],
  'flow-schema-controller': [
    [READ, 'flowcontrol.apiserver.k8s.io', 'flowschemas prioritylevelconfigurations'],
    ['update', 'flowcontrol.apiserver.k8s.io', 'flowschemas/status'],
  ],
  'local-path-provisioner': [
    [`create delete update ${READ}`, 'core', 'persistentvolumes'],
    [`update ${READ}`, 'core', 'persistentvolumeclaims'],
    [`patch ${READ}`, 'core', 'nodes'],
    [`create ${READ}`, 'storage.k8s.io', 'storageclasses'],
    EVENTS,
  ],
};
