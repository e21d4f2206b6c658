import { EVENTS, READ, type RuleRow, WRITE } from './rule-table.ts';

/** A default ClusterRole: its rules, or what it gathers; and which roles gather it. */
export interface ClusterRoleRow {
  rules?: readonly RuleRow[];
  /** The value of its selector: `view` gathers what has the label `…/aggregate-to-view`. */
  aggregates?: string;
  aggregateTo?: string;
}

const REVIEWS: readonly RuleRow[] = [
  ['create', 'authentication.k8s.io', 'tokenreviews'],
  ['create', 'authorization.k8s.io', 'subjectaccessreviews'],
];

function leaderElection(name: string): readonly RuleRow[] {
  return [
    ['create', 'coordination.k8s.io', 'leases'],
    ['get update list watch', 'coordination.k8s.io', 'leases', name],
    ['create list watch', 'coordination.k8s.io', 'leasecandidates'],
    ['get update patch delete', 'coordination.k8s.io', 'leasecandidates', name],
  ];
}

const HEALTH = '/healthz /livez /readyz';

const PUBLIC: Readonly<Record<string, ClusterRoleRow>> = {
  'cluster-admin': {
    rules: [
      ['*', '*', '*'],
      ['*', '*'],
    ],
  },
  'system:discovery': {
    rules: [['get', `${HEALTH} /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*`]],
  },
  'system:public-info-viewer': { rules: [['get', `${HEALTH} /version /version/`]] },
  'system:monitoring': {
    rules: [
      ['get', `${HEALTH} /healthz/* /livez/* /readyz/* /metrics /metrics/slis`],
      ['get', '/flagz'],
      ['get', '/statusz'],
    ],
  },
  'system:basic-user': {
    rules: [
      ['create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'],
      ['create', 'authentication.k8s.io', 'selfsubjectreviews'],
    ],
  },
  'system:service-account-issuer-discovery': {
    rules: [
      [
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ],
    ],
  },
  'system:cluster-trust-bundle-discovery': {
    rules: [[READ, 'certificates.k8s.io', 'clustertrustbundles']],
  },
};

const WORKLOADS =
  'daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';
const EXTENSIONS =
  'daemonsets deployments deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale';
const CORE_OBJECTS = 'configmaps persistentvolumeclaims replicationcontrollers serviceaccounts services';
const CONNECTS = 'pods/attach pods/exec pods/portforward pods/proxy';

/** What people of a namespace get; the three are gathered, so that others' roles can join in by label. */
const USERS: Readonly<Record<string, ClusterRoleRow>> = {
  admin: { aggregates: 'admin' },
  edit: { aggregates: 'edit', aggregateTo: 'admin' },
  view: { aggregates: 'view', aggregateTo: 'edit' },
  'system:aggregate-to-admin': {
    aggregateTo: 'admin',
    rules: [
      ['create', 'authorization.k8s.io', 'localsubjectaccessreviews'],
      [`${READ} ${WRITE}`, 'rbac.authorization.k8s.io', 'roles rolebindings'],
    ],
  },
  'system:aggregate-to-edit': {
    aggregateTo: 'edit',
    rules: [
      [READ, 'core', `${CONNECTS} secrets services/proxy`],
      ['impersonate', 'core', 'serviceaccounts'],
      [WRITE, 'core', `pods ${CONNECTS}`],
      ['create', 'core', 'pods/eviction'],
      [WRITE, 'core', `${CORE_OBJECTS} events replicationcontrollers/scale secrets services/proxy`],
      ['create', 'core', 'serviceaccounts/token'],
      [WRITE, 'apps', `${WORKLOADS} deployments/rollback`],
      [WRITE, 'autoscaling', 'horizontalpodautoscalers'],
      [WRITE, 'batch', 'cronjobs jobs'],
      [WRITE, 'extensions', `${EXTENSIONS} deployments/rollback`],
      [WRITE, 'policy', 'poddisruptionbudgets'],
      [WRITE, 'networking.k8s.io', 'ingresses networkpolicies'],
      [`${READ} ${WRITE}`, 'coordination.k8s.io', 'leases'],
      [WRITE, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'],
    ],
  },
  'system:aggregate-to-view': {
    aggregateTo: 'view',
    rules: [
      [
        READ,
        'core',
        `${CORE_OBJECTS} endpoints persistentvolumeclaims/status pods replicationcontrollers/scale services/status`,
      ],
      [
        READ,
        'core',
        'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      ],
      [READ, 'core', 'namespaces'],
      [READ, 'discovery.k8s.io', 'endpointslices'],
      [
        READ,
        'apps',
        `${WORKLOADS} controllerrevisions daemonsets/status deployments/status replicasets/status statefulsets/status`,
      ],
      [READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'],
      [READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'],
      [
        READ,
        'extensions',
        `${EXTENSIONS} daemonsets/status deployments/status ingresses/status replicasets/status`,
      ],
      [READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'],
      [READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'],
      [READ, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'],
    ],
  },
};

const NODES: Readonly<Record<string, ClusterRoleRow>> = {
  'system:node': {
    rules: [
      ['create', 'authentication.k8s.io', 'tokenreviews'],
      ['create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'],
      [READ, 'core', 'services'],
      [`create ${READ}`, 'core', 'nodes'],
      ['patch update', 'core', 'nodes nodes/status'],
      ['create patch update', 'core', 'events'],
      [`create delete ${READ}`, 'core', 'pods'],
      ['patch update', 'core', 'pods/status'],
      ['create', 'core', 'pods/eviction'],
      [READ, 'core', 'configmaps secrets'],
      ['get', 'core', 'persistentvolumeclaims persistentvolumes endpoints'],
      ['get patch update', 'core', 'persistentvolumeclaims/status'],
      ['create', 'core', 'serviceaccounts/token'],
      [`create ${READ}`, 'certificates.k8s.io', 'certificatesigningrequests'],
      [READ, 'certificates.k8s.io', 'clustertrustbundles'],
      ['create delete get patch update', 'coordination.k8s.io', 'leases'],
      ['get', 'storage.k8s.io', 'volumeattachments'],
      [READ, 'storage.k8s.io', 'csidrivers'],
      ['create delete get patch update', 'storage.k8s.io', 'csinodes'],
      [READ, 'node.k8s.io', 'runtimeclasses'],
      ['get', 'resource.k8s.io', 'resourceclaims'],
      // The rest of it the Node authorizer allows, for slices of the node.
      ['deletecollection', 'resource.k8s.io', 'resourceslices'],
      ['get', 'core', 'serviceaccounts'],
    ],
  },
  'system:node-problem-detector': {
    rules: [['get', 'core', 'nodes'], ['patch', 'core', 'nodes/status'], EVENTS],
  },
  'system:node-proxier': {
    rules: [
      ['list watch', 'core', 'services endpoints'],
      [READ, 'core', 'nodes'],
      EVENTS,
      ['list watch', 'discovery.k8s.io', 'endpointslices'],
      ['list watch', 'networking.k8s.io', 'servicecidrs'],
    ],
  },
  'system:node-bootstrapper': {
    rules: [[`create ${READ}`, 'certificates.k8s.io', 'certificatesigningrequests']],
  },
  'system:kubelet-api-admin': {
    rules: [
      [READ, 'core', 'nodes'],
      ['proxy', 'core', 'nodes'],
      ['*', 'core', 'nodes/log nodes/metrics nodes/proxy nodes/stats'],
      ['*', 'core', 'nodes/configz nodes/healthz nodes/pods'],
    ],
  },
};

const SIGNERS = {
  'legacy-unknown': 'kubernetes.io/legacy-unknown',
  'kubelet-serving': 'kubernetes.io/kubelet-serving',
  'kube-apiserver-client': 'kubernetes.io/kube-apiserver-client',
  'kube-apiserver-client-kubelet': 'kubernetes.io/kube-apiserver-client-kubelet',
};

const CERTIFICATES: Readonly<Record<string, ClusterRoleRow>> = {
  ...Object.fromEntries(
    ['nodeclient', 'selfnodeclient'].map((what) => [
      `system:certificates.k8s.io:certificatesigningrequests:${what}`,
      { rules: [['create', 'certificates.k8s.io', `certificatesigningrequests/${what}`] as const] },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(SIGNERS).map(([short, signer]) => [
      `system:certificates.k8s.io:${short}-approver`,
      { rules: [['approve', 'certificates.k8s.io', 'signers', signer] as const] },
    ]),
  ),
};

const COMPONENTS: Readonly<Record<string, ClusterRoleRow>> = {
  'system:auth-delegator': { rules: REVIEWS },
  'system:kube-aggregator': { rules: [[READ, 'core', 'services endpoints']] },
  'system:heapster': {
    rules: [
      [READ, 'core', 'events namespaces nodes pods'],
      [READ, 'extensions', 'deployments'],
    ],
  },
  'system:kube-dns': { rules: [['list watch', 'core', 'endpoints services']] },
  'system:kube-controller-manager': {
    rules: [
      EVENTS,
      ...leaderElection('kube-controller-manager'),
      ['create', 'core', 'secrets serviceaccounts'],
      ['delete', 'core', 'secrets'],
      ['get', 'core', 'configmaps namespaces secrets serviceaccounts'],
      ['update', 'core', 'secrets serviceaccounts'],
      ...REVIEWS,
      ['list watch', '*', '*'],
      ['create', 'core', 'serviceaccounts/token'],
    ],
  },
  'system:kube-scheduler': {
    rules: [
      EVENTS,
      ...leaderElection('kube-scheduler'),
      [READ, 'core', 'nodes'],
      [`delete ${READ}`, 'core', 'pods'],
      ['create', 'core', 'bindings pods/binding'],
      ['patch update', 'core', 'pods/status'],
      [READ, 'core', 'replicationcontrollers services'],
      [READ, 'apps extensions', 'replicasets'],
      [READ, 'apps', 'statefulsets'],
      [READ, 'policy', 'poddisruptionbudgets'],
      [READ, 'core', 'persistentvolumeclaims persistentvolumes namespaces'],
      ...REVIEWS,
      [READ, 'storage.k8s.io', 'csidrivers csinodes csistoragecapacities volumeattachments'],
      [READ, 'resource.k8s.io', 'deviceclasses resourceslices'],
      [`patch update ${READ}`, 'resource.k8s.io', 'resourceclaims'],
      [`patch update ${READ}`, 'resource.k8s.io', 'resourceclaims/status'],
      ['patch update', 'resource.k8s.io', 'resourceclaims/binding'],
      [`patch update ${READ}`, 'core', 'pods/finalizers'],
    ],
  },
  'system:volume-scheduler': {
    rules: [
      [`patch update ${READ}`, 'core', 'persistentvolumes persistentvolumeclaims'],
      [READ, 'storage.k8s.io', 'storageclasses'],
    ],
  },
  'system:persistent-volume-provisioner': {
    rules: [
      [`create delete ${READ}`, 'core', 'persistentvolumes'],
      [`update ${READ}`, 'core', 'persistentvolumeclaims'],
      [READ, 'storage.k8s.io', 'storageclasses'],
      ['watch', 'core', 'events'],
      EVENTS,
    ],
  },
};

/**
 * The ClusterRoles every cluster has, by name.
 * Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go.
 */
export const CLUSTER_ROLES: Readonly<Record<string, ClusterRoleRow>> = {
  ...PUBLIC,
  ...USERS,
  ...NODES,
  ...CERTIFICATES,
  ...COMPONENTS,
};
