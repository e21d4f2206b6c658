import type { KubeObject } from '../object.ts';

/** One object of every kind of networking, storage, scheduling, certificates, flow control, devices and registration. */

function object(
  apiVersion: string,
  kind: string,
  rest: object,
  name = 'hello',
  namespaced = false,
): KubeObject {
  const metadata = { name, ...(namespaced && { namespace: 'default' }) };
  return { apiVersion, kind, metadata, ...rest } as unknown as KubeObject;
}

/** `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /O=dev/CN=ann`, base64. */
export const CERTIFICATE_REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIVk1INENBUUF3SERFTU1Bb0dBMVVFQ2d3RFpHVjJNUXd3Q2dZRFZRUUREQU5oYm00d1dUQVRCZ2NxaGtqTwpQUUlCQmdncWhrak9QUU1CQndOQ0FBU28wUEM3MWVuNXpHR3lZZWF1K0Jac09yU1ZzMFI5SER6Mmp2K2xkMkpFCjFuRG1BQzNxWDZvakk4K1ZJOXliRFVIMGpTc1lwYTVjM29ac3dISzgvbFVJb0FBd0NnWUlLb1pJemowRUF3SUQKUndBd1JBSWdMdEVlWUZsL0ZuTlRTa2dZMjhZQVBRdUptRFRydi9BdUY3QUVkZUxxaTI4Q0lDT0U3Sm5CRUV2eApGL0tyZno5QU5OclBON2tRZGo0Znp4NWhvUDI3MHFnbQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K';

/** `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=anchor`, a CA, base64. */
export const TRUST_ANCHOR =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJlakNDQVIrZ0F3SUJBZ0lVQk5uRTZIanNwc3BRL3MxK0drVC9oWlJURjJJd0NnWUlLb1pJemowRUF3SXcKRVRFUE1BMEdBMVVFQXd3R1lXNWphRzl5TUNBWERUSTJNVEV5TWpFMU5UUTBNMW9ZRHpJeE1qWXhNREk1TVRVMQpORFF6V2pBUk1ROHdEUVlEVlFRRERBWmhibU5vYjNJd1dUQVRCZ2NxaGtqT1BRSUJCZ2dxaGtqT1BRTUJCd05DCkFBVHpGS0JFYjE0eFdOZE15T1dCeFZTM0o4VEg3VERLQXloR0VFYWRzL0xJOHpBQW1TL2ZHYzlkczExQk5QdkYKZzZWWmN1c28xZkl1SllBdHg4Q0w4ZzRRbzFNd1VUQWRCZ05WSFE0RUZnUVVEUU5vSmU5b29LV3lFU09HQU43MgpVOFVHbXBBd0h3WURWUjBqQkJnd0ZvQVVEUU5vSmU5b29LV3lFU09HQU43MlU4VUdtcEF3RHdZRFZSMFRBUUgvCkJBVXdBd0VCL3pBS0JnZ3Foa2pPUFFRREFnTkpBREJHQWlFQTlsVTA1K0s5VDFMMjYrWmNlaGNtUVIxMFRObjMKY0xjWjYxeHlocFROMzdNQ0lRRCtMVE9yVFA1Vi9DMGFGa3R4VGtFYUcxUEJ4R0JkMjltT2NwNzl0WThwQ3c9PQotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg==';

const pemBody = (encoded: string) =>
  Buffer.from(encoded, 'base64')
    .toString()
    .replace(/-----[^-]+-----|\s/g, '');

const NETWORKING = 'networking.k8s.io/v1';
const STORAGE = 'storage.k8s.io/v1';
const FLOWCONTROL = 'flowcontrol.apiserver.k8s.io/v1';
const RESOURCE = 'resource.k8s.io/v1';
const ADMISSION = 'admissionregistration.k8s.io/v1';

const rule = {
  operations: ['CREATE'],
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  resources: ['deployments', 'deployments/*'],
};
const webhook = {
  name: 'check.example.com',
  clientConfig: { service: { namespace: 'default', name: 'check', path: '/a/b' } },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  matchConditions: [{ name: 'mine', expression: 'true' }],
};
const matchConstraints = { resourceRules: [{ ...rule, resourceNames: ['a'] }] };
const paramKind = { apiVersion: 'example.com/v1', kind: 'Limit' };
const claim = {
  devices: {
    requests: [
      {
        name: 'gpu',
        exactly: {
          deviceClassName: 'gpu.example.com',
          selectors: [{ cel: { expression: 'true' } }],
          tolerations: [{ key: 'a', operator: 'Exists' }],
        },
      },
      {
        name: 'any',
        firstAvailable: [{ name: 'big', deviceClassName: 'big.example.com', allocationMode: 'All' }],
      },
    ],
    constraints: [{ requests: ['gpu'], matchAttribute: 'example.com/numa' }],
    config: [{ requests: ['any/big'], opaque: { driver: 'gpu.example.com', parameters: { a: 1 } } }],
  },
};
const olderClaim = {
  devices: {
    requests: [
      {
        name: 'gpu',
        deviceClassName: 'gpu.example.com',
        selectors: [{ cel: { expression: 'true' } }],
        tolerations: [{ key: 'a', operator: 'Exists' }],
      },
      {
        name: 'any',
        firstAvailable: [{ name: 'big', deviceClassName: 'big.example.com', allocationMode: 'All' }],
      },
    ],
  },
};

/** Keyed by `group/resource`. */
export const classSamples: Readonly<Record<string, KubeObject>> = {
  'networking.k8s.io/ingresses': object(
    NETWORKING,
    'Ingress',
    {
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts: ['a.example', '*.b.example'], secretName: 'cert' }],
        rules: [
          {
            host: 'a.example',
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name: 'web', port: { number: 80 } } },
                },
                {
                  pathType: 'ImplementationSpecific',
                  backend: { resource: { apiGroup: 'example.com', kind: 'Bucket', name: 'b' } },
                },
              ],
            },
          },
        ],
      },
    },
    'hello',
    true,
  ),
  'networking.k8s.io/ingressclasses': object(NETWORKING, 'IngressClass', {
    spec: {
      controller: 'example.com/ingress',
      parameters: { apiGroup: 'example.com', kind: 'P', name: 'p', scope: 'Namespace', namespace: 'default' },
    },
  }),
  'networking.k8s.io/networkpolicies': object(
    NETWORKING,
    'NetworkPolicy',
    {
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [
          {
            ports: [{ port: 80, endPort: 90 }, { port: 'http' }],
            from: [
              { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
              { podSelector: {}, namespaceSelector: { matchLabels: { team: 'a' } } },
            ],
          },
        ],
        egress: [{ to: [{ podSelector: {} }] }],
      },
    },
    'hello',
    true,
  ),
  'networking.k8s.io/ipaddresses': object(
    NETWORKING,
    'IPAddress',
    { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } },
    '10.43.0.9',
  ),
  'networking.k8s.io/servicecidrs': object(NETWORKING, 'ServiceCIDR', {
    spec: { cidrs: ['10.43.0.0/16', 'fd00::/108'] },
  }),
  'storage.k8s.io/storageclasses': object(STORAGE, 'StorageClass', {
    provisioner: 'example.com/disk',
    parameters: { type: 'fast' },
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['a'] }] }],
  }),
  'storage.k8s.io/volumeattachments': object(STORAGE, 'VolumeAttachment', {
    spec: { attacher: 'disk.example.com', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
  }),
  'storage.k8s.io/csidrivers': object(STORAGE, 'CSIDriver', {
    spec: { tokenRequests: [{ audience: 'a', expirationSeconds: 3600 }] },
  }),
  'storage.k8s.io/csinodes': object(STORAGE, 'CSINode', {
    spec: {
      drivers: [
        { name: 'disk.example.com', nodeID: 'n1', topologyKeys: ['zone'], allocatable: { count: 3 } },
      ],
    },
  }),
  'storage.k8s.io/csistoragecapacities': object(
    STORAGE,
    'CSIStorageCapacity',
    { storageClassName: 'fast', capacity: '10Gi', nodeTopology: { matchLabels: { zone: 'a' } } },
    'hello',
    true,
  ),
  'storage.k8s.io/volumeattributesclasses': object(STORAGE, 'VolumeAttributesClass', {
    driverName: 'disk.example.com',
    parameters: { iops: '3000' },
  }),
  'scheduling.k8s.io/priorityclasses': object('scheduling.k8s.io/v1', 'PriorityClass', { value: 1000 }),
  'node.k8s.io/runtimeclasses': object('node.k8s.io/v1', 'RuntimeClass', {
    handler: 'runc',
    overhead: { podFixed: { memory: '20Mi' } },
    scheduling: { nodeSelector: { a: 'b' }, tolerations: [{ key: 'k', operator: 'Exists' }] },
  }),
  'certificates.k8s.io/certificatesigningrequests': object(
    'certificates.k8s.io/v1',
    'CertificateSigningRequest',
    {
      spec: {
        request: CERTIFICATE_REQUEST,
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth', 'digital signature'],
        expirationSeconds: 3600,
      },
    },
  ),
  'certificates.k8s.io/clustertrustbundles': object('certificates.k8s.io/v1beta1', 'ClusterTrustBundle', {
    spec: { trustBundle: Buffer.from(TRUST_ANCHOR, 'base64').toString() },
  }),
  'certificates.k8s.io/podcertificaterequests': object(
    'certificates.k8s.io/v1beta1',
    'PodCertificateRequest',
    {
      spec: {
        signerName: 'example.com/mesh',
        podName: 'web',
        podUID: 'p',
        serviceAccountName: 'default',
        serviceAccountUID: 's',
        nodeName: 'n1',
        nodeUID: 'n',
        stubPKCS10Request: pemBody(CERTIFICATE_REQUEST),
      },
    },
    'hello',
    true,
  ),
  'resource.k8s.io/devicetaintrules': object('resource.k8s.io/v1beta2', 'DeviceTaintRule', {
    spec: {
      deviceSelector: { driver: 'gpu.example.com', pool: 'n1', device: 'gpu-0' },
      taint: { key: 'example.com/broken', effect: 'NoExecute' },
    },
  }),
  'flowcontrol.apiserver.k8s.io/flowschemas': object(FLOWCONTROL, 'FlowSchema', {
    spec: {
      priorityLevelConfiguration: { name: 'workload-low' },
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: [
            { kind: 'User', user: { name: 'ann' } },
            { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'default' } },
          ],
          resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['default'] }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/version', '/apis/*'] }],
        },
      ],
    },
  }),
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': object(
    FLOWCONTROL,
    'PriorityLevelConfiguration',
    {
      spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: { handSize: 4 } } } },
    },
  ),
  'resource.k8s.io/deviceclasses': object(RESOURCE, 'DeviceClass', {
    spec: {
      selectors: [{ cel: { expression: 'true' } }],
      config: [{ opaque: { driver: 'gpu.example.com', parameters: { a: 1 } } }],
    },
  }),
  'resource.k8s.io/resourceclaims': object(RESOURCE, 'ResourceClaim', { spec: claim }, 'hello', true),
  'resource.k8s.io/resourceclaimtemplates': object(
    RESOURCE,
    'ResourceClaimTemplate',
    { spec: { metadata: { labels: { a: 'b' } }, spec: claim } },
    'hello',
    true,
  ),
  'resource.k8s.io/resourceslices': object(RESOURCE, 'ResourceSlice', {
    spec: {
      driver: 'gpu.example.com',
      nodeName: 'node-1',
      pool: { name: 'node-1/a', generation: 1, resourceSliceCount: 1 },
      devices: [
        {
          name: 'gpu-0',
          attributes: { model: { string: 'x' }, 'example.com/fw': { version: '1.2.3' } },
          capacity: { memory: { value: '16Gi' } },
        },
      ],
    },
  }),
  'admissionregistration.k8s.io/validatingwebhookconfigurations': object(
    ADMISSION,
    'ValidatingWebhookConfiguration',
    { webhooks: [webhook] },
  ),
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': object(
    ADMISSION,
    'MutatingWebhookConfiguration',
    { webhooks: [{ ...webhook, clientConfig: { url: 'https://check.example.com/mutate' } }] },
  ),
  'admissionregistration.k8s.io/validatingadmissionpolicies': object(ADMISSION, 'ValidatingAdmissionPolicy', {
    spec: {
      paramKind,
      matchConstraints,
      variables: [{ name: 'x', expression: '1' }],
      validations: [{ expression: 'object.spec.replicas < 5', message: 'too many', reason: 'Invalid' }],
      auditAnnotations: [{ key: 'high', valueExpression: '"yes"' }],
    },
  }),
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': object(
    ADMISSION,
    'ValidatingAdmissionPolicyBinding',
    {
      spec: {
        policyName: 'hello',
        paramRef: { name: 'a', namespace: 'default', parameterNotFoundAction: 'Deny' },
        matchResources: { namespaceSelector: { matchLabels: { a: 'b' } } },
        validationActions: ['Deny', 'Audit'],
      },
    },
  ),
  'admissionregistration.k8s.io/mutatingadmissionpolicies': object(ADMISSION, 'MutatingAdmissionPolicy', {
    spec: {
      matchConstraints,
      mutations: [
        { patchType: 'JSONPatch', jsonPatch: { expression: '[]' } },
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } },
      ],
    },
  }),
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': object(
    ADMISSION,
    'MutatingAdmissionPolicyBinding',
    {
      spec: {
        policyName: 'hello',
        paramRef: { selector: { matchLabels: { a: 'b' } }, parameterNotFoundAction: 'Allow' },
      },
    },
  ),
  'apiregistration.k8s.io/apiservices': object(
    'apiregistration.k8s.io/v1',
    'APIService',
    {
      spec: {
        group: 'metrics.example.com',
        version: 'v1',
        service: { namespace: 'default', name: 'metrics' },
        groupPriorityMinimum: 100,
        versionPriority: 100,
        caBundle: 'AAE=',
      },
    },
    'v1.metrics.example.com',
  ),
  'storagemigration.k8s.io/storageversionmigrations': object(
    'storagemigration.k8s.io/v1beta1',
    'StorageVersionMigration',
    { spec: { resource: { group: 'apps', resource: 'deployments' } } },
  ),
};

/** Samples of versions whose shape is not the stored one's, by `group/name@version`. */
export const olderClassSamples: Readonly<Record<string, KubeObject>> = {
  'resource.k8s.io/resourceclaims@v1beta1': object(
    RESOURCE,
    'ResourceClaim',
    { spec: olderClaim },
    'hello',
    true,
  ),
  'resource.k8s.io/resourceclaimtemplates@v1beta1': object(
    RESOURCE,
    'ResourceClaimTemplate',
    { spec: { metadata: { labels: { a: 'b' } }, spec: olderClaim } },
    'hello',
    true,
  ),
  'resource.k8s.io/resourceslices@v1beta1': object(RESOURCE, 'ResourceSlice', {
    spec: {
      driver: 'gpu.example.com',
      pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
      nodeName: 'n1',
      devices: [
        {
          name: 'gpu-0',
          basic: {
            attributes: { model: { string: 'a100' }, 'example.com/numa': { int: 1 } },
            capacity: { memory: { value: '40Gi' } },
          },
        },
      ],
    },
  }),
};
