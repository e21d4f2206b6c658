import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, pod, TestServer } from '../api-server.test-support.ts';

const NAMESPACE = '/api/v1/namespaces/default';
const ENABLED = [
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'ExtendedResourceToleration',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
];
let server: TestServer;
let directory: string;
let auditLog: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-admission-'));
  const [configFile, policyFile] = [join(directory, 'admission.yaml'), join(directory, 'audit.yaml')];
  auditLog = join(directory, 'audit.log');
  await writeFile(
    configFile,
    `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: v1.30, audit: restricted, warn: privileged}
    exemptions: {namespaces: [free], usernames: [], runtimeClasses: []}
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes: [{scopeName: PriorityClass, operator: In, values: [precious]}]
    - resource: persistentvolumeclaims
      matchContains: [gold.storageclass.storage.k8s.io/requests.storage]
`,
  );
  await writeFile(policyFile, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n');
  server = await TestServer.start({
    admission: { enable: ENABLED, disable: ['LimitRanger'], configFile },
    audit: { policyFile, logFile: auditLog },
  });
  for (const namespace of ['default', 'free']) {
    if (namespace === 'free')
      await server.post('/api/v1/namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace },
      });
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
    await server.post(`/api/v1/namespaces/${namespace}/serviceaccounts`, account);
  }
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

/** The annotations of the audit event about the creation of a pod. */
async function auditOf(name: string): Promise<Record<string, string>> {
  for (;;) {
    const lines = (await readFile(auditLog, 'utf8')).split('\n').filter((line) => line !== '');
    const events = lines.map((line) => JSON.parse(line));
    const found = events.find(
      ({ stage, objectRef }) => stage === 'ResponseComplete' && objectRef?.name === name,
    );
    if (found !== undefined) return found.annotations;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a namespace without labels is held to the configured level, of the configured version', async () => {
  const refused = await server.post(`${NAMESPACE}/pods`, pod('host', { hostNetwork: true }));
  expect(refused.body.message).toBe(
    'pods "host" is forbidden: violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)',
  );
  const probe = { httpGet: { port: 80, host: 'example.com' } };
  const containers = [{ name: 'main', image: 'x', livenessProbe: probe }];
  // Hosts of probes are looked at since 1.34 only.
  expect((await server.post(`${NAMESPACE}/pods`, pod('probing', { containers }))).status).toBe(201);
  const annotations = await auditOf('probing');
  expect(annotations['pod-security.kubernetes.io/enforce-policy']).toBe('baseline:v1.30');
  expect(annotations['pod-security.kubernetes.io/audit-violations']).toMatch(
    /^would violate PodSecurity "restricted:latest": probe or lifecycle host/,
  );
});

test('an exempt namespace is let off, which is written down', async () => {
  const made = await server.post('/api/v1/namespaces/free/pods', pod('let-off', { hostNetwork: true }));
  expect(made.status).toBe(201);
  expect((await auditOf('let-off'))['pod-security.kubernetes.io/exempt']).toBe('namespace');
});

test('images are always pulled, and what a pod asks for beyond the usual is tolerated', async () => {
  const resources = { requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '1' } };
  const containers = [{ name: 'main', image: 'x:1', imagePullPolicy: 'Never', resources }];
  const { body } = await server.post(`${NAMESPACE}/pods`, pod('pulled', { containers }));
  expect(body.spec.containers[0].imagePullPolicy).toBe('Always');
  expect(body.spec.tolerations).toContainEqual({ key: 'example.com/gpu', operator: 'Exists' });
});

test('hard anti-affinity is within a host', async () => {
  const term = { labelSelector: {}, topologyKey: 'topology.kubernetes.io/zone' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const { body } = await server.post(`${NAMESPACE}/pods`, pod('apart', { affinity }));
  expect(body.message).toContain(
    'affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey topology.kubernetes.io/zone but only key kubernetes.io/hostname is allowed',
  );
});

test('a Service takes no external address it did not have', async () => {
  const service = (externalIPs: string[]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }], externalIPs },
  });
  const { body } = await server.post(`${NAMESPACE}/services`, service(['192.0.2.7']));
  expect(body.message).toBe('services "s" is forbidden: Use of external IPs is denied by admission control');
  expect((await server.post(`${NAMESPACE}/services`, service([]))).status).toBe(201);
});

test('an owner is set only by who may delete the object, and blocked only by who may finalize it', async () => {
  const user = { name: 'jane', groups: ['system:authenticated'] };
  const as = (body: unknown) => server.send('POST', `${NAMESPACE}/configmaps`, body, { user });
  const owner = await server.post(`${NAMESPACE}/configmaps`, configMap('owner'));
  const owned = (name: string, blockOwnerDeletion: boolean) => {
    const { uid } = owner.body.metadata;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion };
    return configMap(name, { metadata: { ownerReferences: [reference] } });
  };
  const allow = async (name: string, resources: string[], verbs: string[]) => {
    const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name } };
    const base = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    const rules = [{ apiGroups: [''], resources, verbs }];
    await server.post(`${base}/roles`, { ...rbac, kind: 'Role', rules });
    await server.post(`${base}/rolebindings`, {
      ...rbac,
      kind: 'RoleBinding',
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
  };
  await allow('create', ['configmaps'], ['create']);
  expect((await as(owned('a', false))).body.message).toContain(
    "cannot set an ownerRef on a resource you can't delete: ",
  );
  await allow('delete', ['configmaps'], ['delete']);
  expect((await as(owned('b', false))).status).toBe(201);
  expect((await as(owned('c', true))).body.message).toContain(
    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ",
  );
  await allow('finalize', ['configmaps/finalizers'], ['update']);
  expect((await as(owned('d', true))).status).toBe(201);
});

test('a pod that is bound carries the zone of its node', async () => {
  await server.post('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', labels: { 'topology.kubernetes.io/zone': 'z', other: 'x' } },
  });
  await server.post(`${NAMESPACE}/pods`, pod('bound'));
  await server.post(`${NAMESPACE}/pods/bound/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'bound' },
    target: { kind: 'Node', name: 'n' },
  });
  const { body } = await server.get(`${NAMESPACE}/pods/bound`);
  expect(body.metadata.labels).toEqual({ 'topology.kubernetes.io/zone': 'z' });
});

test('a claim grows only when it is bound and its class lets it', async () => {
  await server.post('/apis/storage.k8s.io/v1/storageclasses', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'rigid' },
    provisioner: 'example.com/x',
  });
  const path = `${NAMESPACE}/persistentvolumeclaims`;
  await server.post(path, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'rigid',
      resources: { requests: { storage: '1Gi' } },
    },
  });
  const grow = () => server.patch(`${path}/c`, { spec: { resources: { requests: { storage: '2Gi' } } } });
  const early = await grow();
  expect([403, 422]).toContain(early.status);
  await server.patch(`${path}/c/status`, { status: { phase: 'Bound', capacity: { storage: '1Gi' } } });
  const bound = await grow();
  expect(bound.status).toBe(403);
  expect(bound.body.message).toContain('only dynamically provisioned pvc can be resized');
});

test('what is limited is used only where a quota speaks of it', async () => {
  await server.post('/apis/scheduling.k8s.io/v1/priorityclasses', {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'precious' },
    value: 1000,
  });
  const precious = pod('precious', { priorityClassName: 'precious' });
  expect((await server.post(`${NAMESPACE}/pods`, precious)).body.message).toBe(
    'pods "precious" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [precious]}]',
  );
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'gold' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'gold',
      resources: { requests: { storage: '1Gi' } },
    },
  };
  expect((await server.post(`${NAMESPACE}/persistentvolumeclaims`, claim)).body.message).toContain(
    'insufficient quota to consume: gold.storageclass.storage.k8s.io/requests.storage',
  );
  await server.post(`${NAMESPACE}/resourcequotas`, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'precious' },
    spec: {
      hard: { pods: '1' },
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['precious'] }],
      },
    },
  });
  const made = await server.post(`${NAMESPACE}/pods`, precious);
  expect(made.status, made.body.message).toBe(201);
});
