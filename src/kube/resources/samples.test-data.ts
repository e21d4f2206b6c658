import type { KubeObject } from '../object.ts';
import { classSamples, olderClassSamples } from './class-samples.test-data.ts';
import { workloadSamples } from './workload-samples.test-data.ts';

/** One object of every built-in kind with most of what first light supports; test data. */
const container = {
  name: 'web',
  image: 'local/web:1',
  command: ['node', 'server.js'],
  ports: [{ name: 'http', containerPort: 8080 }],
  env: [
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'hello', key: 'token' } } },
  ],
  envFrom: [{ configMapRef: { name: 'hello' } }],
  resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  volumeMounts: [
    { name: 'config', mountPath: '/config', readOnly: true },
    { name: 'scratch', mountPath: '/tmp', subPath: 'a/b' },
  ],
  readinessProbe: { httpGet: { port: 'http', path: '/ready' } },
  livenessProbe: { tcpSocket: { port: 8080 } },
  startupProbe: { exec: { command: ['true'] } },
  lifecycle: { preStop: { sleep: { seconds: 1 } } },
  securityContext: {
    runAsUser: 1000,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  },
};

const podSpec = {
  serviceAccountName: 'default',
  initContainers: [
    { name: 'setup', image: 'local/web:1', command: ['true'] },
    { name: 'sidecar', image: 'local/web', restartPolicy: 'Always' },
  ],
  containers: [container],
  volumes: [
    { name: 'config', configMap: { name: 'hello', items: [{ key: 'a', path: 'a.txt' }] } },
    { name: 'scratch' },
    { name: 'secret', secret: { secretName: 'hello' } },
    { name: 'host', hostPath: { path: '/etc' } },
    {
      name: 'token',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token' } },
          { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
    },
  ],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'a', effect: 'NoSchedule' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
      },
    },
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { app: 'web' } },
          },
        },
      ],
    },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { app: 'web' } },
    },
  ],
  hostAliases: [{ ip: '10.0.0.1', hostnames: ['a.example'] }],
  dnsConfig: {
    nameservers: ['10.43.0.10'],
    searches: ['a.example'],
    options: [{ name: 'ndots', value: '2' }],
  },
};

const template = { metadata: { labels: { app: 'web' } }, spec: podSpec };
const selector = { matchLabels: { app: 'web' } };

function object(apiVersion: string, kind: string, rest: object, namespaced = true): KubeObject {
  const metadata = { name: 'hello', ...(namespaced && { namespace: 'default' }) };
  return { apiVersion, kind, metadata, ...rest } as unknown as KubeObject;
}

const pastMs = Date.UTC(2026, 0, 1);
const past = new Date(pastMs).toISOString();

/** Keyed by `group/resource`. */
export const samples: Readonly<Record<string, KubeObject>> = {
  ...classSamples,
  ...(workloadSamples as Readonly<Record<string, KubeObject>>),
  '/pods': object('v1', 'Pod', { spec: podSpec }),
  '/services': object('v1', 'Service', {
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  }),
  '/componentstatuses': object(
    'v1',
    'ComponentStatus',
    {
      conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
    },
    false,
  ),
  '/configmaps': object('v1', 'ConfigMap', { data: { a: '1' }, binaryData: { b: 'AAE=' } }),
  '/secrets': object('v1', 'Secret', { stringData: { token: 'x' } }),
  '/serviceaccounts': object('v1', 'ServiceAccount', { secrets: [{ name: 'a' }] }),
  '/namespaces': object('v1', 'Namespace', {}, false),
  '/nodes': object(
    'v1',
    'Node',
    {
      spec: { podCIDR: '10.42.0.0/24', taints: [{ key: 'a', effect: 'NoSchedule' }] },
      status: { capacity: { cpu: '4', memory: '8Gi', pods: '110' } },
    },
    false,
  ),
  '/endpoints': object('v1', 'Endpoints', {
    subsets: [{ addresses: [{ ip: '10.42.0.5' }], ports: [{ port: 8080 }] }],
  }),
  '/events': object('v1', 'Event', {
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'hello' },
    reason: 'Started',
    message: 'Started container web',
    type: 'Normal',
    count: 1,
    firstTimestamp: past,
    lastTimestamp: past,
  }),
  'apps/deployments': object('apps/v1', 'Deployment', { spec: { selector, template } }),
  'apps/replicasets': object('apps/v1', 'ReplicaSet', { spec: { selector, template } }),
  'coordination.k8s.io/leases': object('coordination.k8s.io/v1', 'Lease', {
    spec: { holderIdentity: 'node-1', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
  }),
  'discovery.k8s.io/endpointslices': object('discovery.k8s.io/v1', 'EndpointSlice', {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.42.0.5'], conditions: { ready: true }, nodeName: 'node-1' }],
    ports: [{ name: 'http', port: 8080 }],
  }),
  'events.k8s.io/events': object('events.k8s.io/v1', 'Event', {
    regarding: { kind: 'Pod', namespace: 'default', name: 'hello' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'orrery.dev/node',
    reportingInstance: 'node-1',
    action: 'Start',
    reason: 'Started',
    note: 'Started container web',
    type: 'Normal',
  }),
  'rbac.authorization.k8s.io/roles': object('rbac.authorization.k8s.io/v1', 'Role', {
    rules: [{ apiGroups: [''], resources: ['pods', '*/scale'], resourceNames: ['a'], verbs: ['get'] }],
  }),
  'rbac.authorization.k8s.io/rolebindings': object('rbac.authorization.k8s.io/v1', 'RoleBinding', {
    subjects: [
      { kind: 'User', name: 'ann' },
      { kind: 'ServiceAccount', name: 'default' },
    ],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'hello' },
  }),
  'rbac.authorization.k8s.io/clusterroles': object(
    'rbac.authorization.k8s.io/v1',
    'ClusterRole',
    {
      rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }],
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    },
    false,
  ),
  'rbac.authorization.k8s.io/clusterrolebindings': object(
    'rbac.authorization.k8s.io/v1',
    'ClusterRoleBinding',
    {
      subjects: [{ kind: 'Group', name: 'devs' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    },
    false,
  ),
  'apiextensions.k8s.io/customresourcedefinitions': {
    ...object(
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      {
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'crontabs', kind: 'CronTab' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } },
            },
          ],
        },
      },
      false,
    ),
    metadata: { name: 'crontabs.example.com' } as KubeObject['metadata'],
  },
};

export const olderSamples: Readonly<Record<string, KubeObject>> = olderClassSamples;
