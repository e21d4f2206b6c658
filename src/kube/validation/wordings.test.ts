import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { builtinResources } from '../resources/builtin-resources.ts';
import { applyDefaults } from '../schema/index.ts';
import { fieldErrorText, invalidError } from './field-errors.ts';
import { validateCreate, validateStatusUpdate, validateUpdate } from './validate.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

/** The sentences are those of Kubernetes 1.33 and 1.34, so that scripts that read them keep working. */

type Json = Record<string, unknown>;

function resourceOf(kind: string) {
  return builtinResources.find((one) => one.kind === kind && one.group !== 'events.k8s.io')!;
}

function made(kind: string, rest: Json, metadata: Json = {}): KubeObject {
  const resource = resourceOf(kind);
  const object = structuredClone({
    metadata: { name: 'x', ...(resource.namespaced && { namespace: 'default' }), ...metadata },
    ...rest,
  }) as unknown as KubeObject;
  applyDefaults(resource, object);
  resource.prepareForCreate?.(object);
  return object;
}

function errorsOf(kind: string, rest: Json, metadata: Json = {}): string[] {
  return validateCreate(resourceOf(kind), made(kind, rest, metadata)).map(fieldErrorText);
}

function updateErrors(kind: string, before: Json, after: Json): string[] {
  const resource = resourceOf(kind);
  const identity = { uid: 'u', resourceVersion: '7' };
  const old = made(kind, before, identity);
  const next = made(kind, after, identity);
  resource.prepareForUpdate?.(next, old);
  return validateUpdate(resource, next, old).map(fieldErrorText);
}

const container: Json = { name: 'c', image: 'i' };
const withContainer = (fields: Json): Json => ({ spec: { containers: [{ ...container, ...fields }] } });
const withSpec = (fields: Json): Json => ({ spec: { containers: [container], ...fields } });

describe('pods', () => {
  test('ephemeral containers are not added by an ordinary update', () => {
    const [error] = updateErrors(
      'Pod',
      withSpec({}),
      withSpec({ ephemeralContainers: [{ name: 'debugger', image: 'i' }] }),
    );
    expect(error).toMatch(/^spec: Forbidden: pod updates may not change fields other than /);
  });

  test.each<[string, Json, string]>([
    ['no containers', { spec: {} }, 'spec.containers: Required value'],
    [
      'a container name in capitals',
      withContainer({ name: 'A' }),
      `spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    ],
    [
      'dots in a container name',
      withContainer({ name: 'a.b' }),
      'spec.containers[0].name: Invalid value: "a.b": must not contain dots',
    ],
    [
      'ephemeral containers',
      withSpec({ ephemeralContainers: [{ name: 'debugger', image: 'i' }] }),
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
    ],
    ['no image', withContainer({ image: '' }), 'spec.containers[0].image: Required value'],
    [
      'spaces around an image',
      withContainer({ image: 'a ' }),
      'spec.containers[0].image: Invalid value: "a ": must not have leading or trailing whitespace',
    ],
    [
      'an unknown pull policy',
      withContainer({ imagePullPolicy: 'Sometimes' }),
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      'a port out of range',
      withContainer({ ports: [{ containerPort: 70000 }] }),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'an unknown protocol',
      withContainer({ ports: [{ containerPort: 1, protocol: 'ICMP' }] }),
      'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      'a long port name',
      withContainer({ ports: [{ containerPort: 1, name: 'abcdefghijklmnop' }] }),
      'spec.containers[0].ports[0].name: Invalid value: "abcdefghijklmnop": must be no more than 15 bytes',
    ],
    [
      'two sources of a variable',
      withContainer({
        env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      'an unknown field of the pod',
      withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.color' } } }] }),
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.color": error converting fieldPath: field label not supported: spec.color',
    ],
    [
      'a mount without volume',
      withContainer({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      'a request over its limit',
      withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      'a negative amount',
      withContainer({ resources: { requests: { cpu: '-1' } } }),
      'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'a resource nobody knows',
      withContainer({ resources: { requests: { gpu: '1' } } }),
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
    ],
    [
      'half a device',
      withContainer({ resources: { limits: { 'example.com/gpu': '500m' } } }),
      'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
    ],
    [
      'a probe without handler',
      withContainer({ livenessProbe: {} }),
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      'a probe with two handlers',
      withContainer({ livenessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }),
      'spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    [
      'a patient liveness probe',
      withContainer({ livenessProbe: { exec: { command: ['a'] }, successThreshold: 2 } }),
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      'a restart policy of a container',
      withContainer({ restartPolicy: 'Always' }),
      'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers',
    ],
    [
      'privileged without escalation',
      withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ],
    [
      'a readiness probe of an init container',
      withSpec({ initContainers: [{ name: 'i', image: 'i', readinessProbe: { exec: { command: ['a'] } } }] }),
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      'one name twice',
      withSpec({ initContainers: [container] }),
      'spec.initContainers[0].name: Duplicate value: "c"',
    ],
    [
      'an unknown restart policy',
      withSpec({ restartPolicy: 'Often' }),
      'spec.restartPolicy: Unsupported value: "Often": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'a volume without a name',
      withSpec({ volumes: [{ emptyDir: {} }] }),
      'spec.volumes[0].name: Required value',
    ],
    [
      'a volume of two kinds',
      withSpec({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/a' } }] }),
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'a host path that climbs',
      withSpec({ volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] }),
      `spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
    ],
    [
      'a ConfigMap volume without name',
      withSpec({ volumes: [{ name: 'v', configMap: {} }] }),
      'spec.volumes[0].configMap.name: Required value',
    ],
    [
      'a file mode out of range',
      withSpec({ volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 4096 } }] }),
      'spec.volumes[0].secret.defaultMode: Invalid value: 4096: must be a number between 0 and 0777 (octal), both inclusive',
    ],
    [
      'a token without account',
      withSpec({
        volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'a' } }] } }],
      }),
      'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    ],
    [
      'an empty toleration',
      withSpec({ tolerations: [{}] }),
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      'an unknown taint effect',
      withSpec({ tolerations: [{ key: 'a', effect: 'Never' }] }),
      'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    [
      'an affinity without terms',
      withSpec({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} } } }),
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
    [
      'a spread of nothing',
      withSpec({
        topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }],
      }),
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
    ],
    [
      'a bad node selector',
      withSpec({ nodeSelector: { 'a b': 'c' } }),
      `spec.nodeSelector: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
    [
      'a deadline of nothing',
      withSpec({ activeDeadlineSeconds: 0 }),
      'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    ],
    [
      'no name servers of its own',
      withSpec({ dnsPolicy: 'None' }),
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    ],
    [
      'a group id out of range',
      withSpec({ securityContext: { fsGroup: -1 } }),
      'spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 4294967295, inclusive',
    ],
  ])('%s', (_name, rest, expected) => {
    expect(errorsOf('Pod', rest)).toContain(expected);
  });

  test('what may change, may', () => {
    const before = withSpec({ tolerations: [] });
    const after = {
      spec: {
        containers: [{ ...container, image: 'other' }],
        tolerations: [{ key: 'a', operator: 'Exists' }],
        activeDeadlineSeconds: 5,
      },
    };
    expect(updateErrors('Pod', before, after)).toEqual([]);
  });

  test('what may not change is named, with what differs', () => {
    const [error, ...more] = updateErrors('Pod', withContainer({}), withContainer({ command: ['sh'] }));
    expect(more).toEqual([]);
    expect(error).toMatch(
      /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers\[\*\]\.image`,`spec\.activeDeadlineSeconds`,`spec\.tolerations` \(only additions to existing tolerations\),`spec\.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)\n/,
    );
    expect(error).toContain('+ spec.containers[0].command: ["sh"]');
  });

  test('containers neither come nor go', () => {
    const two = { spec: { containers: [container, { name: 'd', image: 'i' }] } };
    expect(updateErrors('Pod', withContainer({}), two)).toContain(
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    );
  });

  test('a container that may not restart stays ended', () => {
    const resource = resourceOf('Pod');
    const old = made('Pod', withSpec({ restartPolicy: 'Never' }), { uid: 'u', resourceVersion: '7' });
    const status = (state: Json) => ({ status: { containerStatuses: [{ name: 'c', state }] } });
    Object.assign(old, status({ terminated: { exitCode: 0 } }));
    const next = { ...structuredClone(old), ...status({ running: {} }) };
    expect(validateStatusUpdate(resource, next, old, { now: NOW }).map(fieldErrorText)).toEqual([
      'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ]);
  });
});

describe('metadata', () => {
  test.each<[string, Json, string]>([
    ['no name', { name: '' }, 'metadata.name: Required value: name or generateName is required'],
    [
      'a name in capitals',
      { name: 'Web' },
      `metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
    [
      'a label that is no label',
      { labels: { a: 'b c' } },
      `metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    ],
    [
      'annotations without measure',
      { annotations: { a: 'x'.repeat(262145) } },
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
    [
      'an owner without uid',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [
      'a finalizer without domain',
      { finalizers: ['mine'] },
      'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
  ])('%s', (_name, metadata, expected) => {
    expect(errorsOf('ConfigMap', {}, metadata)).toContain(expected);
  });

  test('names are immutable and updates carry a version', () => {
    const resource = resourceOf('ConfigMap');
    const old = made('ConfigMap', {}, { uid: 'u', resourceVersion: '7' });
    const next = structuredClone(old);
    next.metadata.name = 'y';
    next.metadata.resourceVersion = '';
    expect(validateUpdate(resource, next, old).map(fieldErrorText)).toEqual([
      'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      'metadata.name: Invalid value: "y": field is immutable',
    ]);
  });

  test('nothing being deleted gets finalizers', () => {
    const resource = resourceOf('ConfigMap');
    const old = made(
      'ConfigMap',
      {},
      { uid: 'u', resourceVersion: '7', deletionTimestamp: '2026-01-01T00:00:00Z' },
    );
    const next = structuredClone(old);
    next.metadata.finalizers = ['a.b/c'];
    expect(validateUpdate(resource, next, old).map(fieldErrorText)).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/c"}',
    ]);
  });
});

const template = (labels: Json, spec: Json = {}): Json => ({
  metadata: { labels },
  spec: { containers: [container], ...spec },
});
const deployment = (fields: Json): Json => ({
  spec: { selector: { matchLabels: { app: 'a' } }, template: template({ app: 'a' }), ...fields },
});

describe('deployments', () => {
  test.each<[string, Json, string]>([
    ['no selector', deployment({ selector: undefined }), 'spec.selector: Required value'],
    [
      'an empty selector',
      deployment({ selector: {} }),
      'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
    ],
    [
      'other labels',
      deployment({ template: template({ app: 'b' }) }),
      'spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels`',
    ],
    [
      'pods that end',
      deployment({ template: template({ app: 'a' }, { restartPolicy: 'Never' }) }),
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      'fewer than none',
      deployment({ replicas: -1 }),
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'no room to move',
      deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ],
    [
      'more than all',
      deployment({ strategy: { rollingUpdate: { maxUnavailable: '110%' } } }),
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "110%": must not be greater than 100%',
    ],
    [
      'a strange percentage',
      deployment({ strategy: { rollingUpdate: { maxSurge: '20Percent' } } }),
      `spec.strategy.rollingUpdate.maxSurge: Invalid value: "20Percent": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
    [
      'both strategies',
      deployment({ strategy: { type: 'Recreate', rollingUpdate: {} } }),
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
    [
      'a hurried deadline',
      deployment({ minReadySeconds: 10, progressDeadlineSeconds: 10 }),
      'spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds',
    ],
  ])('%s', (_name, rest, expected) => {
    expect(errorsOf('Deployment', rest)).toContain(expected);
  });

  test('the selector is immutable', () => {
    const after = deployment({
      selector: { matchLabels: { app: 'b' } },
      template: template({ app: 'b' }),
    });
    expect(updateErrors('Deployment', deployment({}), after)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ]);
  });
});

const service = (fields: Json): Json => ({ spec: { ports: [{ port: 80 }], ...fields } });

describe('services', () => {
  test.each<[string, Json, Json, string]>([
    [
      'a name that starts with a digit',
      service({}),
      { name: '1a' },
      `metadata.name: Invalid value: "1a": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
    ],
    ['no ports', service({ ports: [] }), {}, 'spec.ports: Required value'],
    [
      'two ports without names',
      service({ ports: [{ port: 1 }, { port: 2 }] }),
      {},
      'spec.ports[1].name: Required value',
    ],
    [
      'one port twice',
      service({
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      }),
      {},
      'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}',
    ],
    [
      'an unknown type',
      service({ type: 'Magic' }),
      {},
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      'a node port of a cluster address',
      service({ ports: [{ port: 1, nodePort: 30000 }] }),
      {},
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    ['no name to point to', service({ type: 'ExternalName' }), {}, 'spec.externalName: Required value'],
    [
      'an address that is none',
      service({ clusterIP: 'x' }),
      {},
      'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      'loopback from outside',
      service({ externalIPs: ['127.0.0.1'] }),
      {},
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      'ranges without balancer',
      service({ loadBalancerSourceRanges: ['10.0.0.0/8'] }),
      {},
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      'a policy for nobody',
      service({ externalTrafficPolicy: 'Local' }),
      {},
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  ])('%s', (_name, rest, metadata, expected) => {
    expect(errorsOf('Service', rest, metadata)).toContain(expected);
  });

  test('the cluster address stays', () => {
    const before = service({ clusterIP: '10.43.0.5' });
    expect(updateErrors('Service', before, service({ clusterIP: '10.43.0.6' }))).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.43.0.6"]: may not change once set',
    ]);
    expect(updateErrors('Service', before, service({}))).toEqual([]);
  });
});

describe('other kinds', () => {
  test.each<[string, Json, string]>([
    [
      'ConfigMap',
      { data: { 'a b': '' } },
      `data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
    ],
    ['ConfigMap', { data: { a: 'x'.repeat(1048577) } }, ': Too long: may not be more than 1048576 bytes'],
    ['Secret', { type: 'kubernetes.io/tls', data: {} }, 'data[tls.crt]: Required value'],
    [
      'Secret',
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'eA==' } },
      'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be well-formed JSON',
    ],
    [
      'Node',
      { spec: { taints: [{ key: 'a', effect: 'Never' }] } },
      'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    [
      'Lease',
      { spec: { leaseDurationSeconds: 0 } },
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    ],
    [
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{}] },
      'endpoints[0].addresses: Required value: must contain at least 1 address',
    ],
    [
      'EndpointSlice',
      { addressType: 'IPX' },
      'addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"',
    ],
    [
      'Endpoints',
      { subsets: [{}] },
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
    ],
    [
      'Event',
      { involvedObject: { namespace: 'other' } },
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ],
  ])('%s %j', (kind, rest, expected) => {
    expect(errorsOf(kind, rest)).toContain(expected);
  });

  test.each(['ConfigMap', 'Secret'])('an immutable %s keeps its data', (kind) => {
    const before = { immutable: true, data: { a: 'eA==' } };
    expect(updateErrors(kind, before, { immutable: true, data: { a: 'eQ==' } })).toEqual([
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
  });

  test('a namespace is a label', () => {
    expect(errorsOf('Namespace', {}, { name: 'a.b' })).toEqual([
      'metadata.name: Invalid value: "a.b": must not contain dots',
    ]);
  });
});

test('invalidError says it as the API server does', () => {
  const errors = validateCreate(
    resourceOf('Deployment'),
    made('Deployment', deployment({ replicas: -1, minReadySeconds: -1 })),
  );
  expect(invalidError({ group: 'apps', kind: 'Deployment', name: 'x' }, errors).message).toBe(
    'Deployment.apps "x" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0]',
  );
  expect(invalidError({ group: '', kind: 'Pod', name: 'x' }, [errors[0]!]).message).toBe(
    'Pod "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
});
