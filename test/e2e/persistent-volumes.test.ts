import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Client,
  EVENTS,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  STATEFUL_SETS,
  STORAGE_CLASSES,
} from '../../src/client/index.ts';
import type { appsv1, corev1, Draft, KubeObject, storagev1 } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

/** Claims and volumes over the real API server, with binder, provisioner and scheduler; nodes are objects only. */
type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

let plane: ControlPlane;
let client: Client;
let namespaces = 0;

beforeAll(async () => {
  plane = await bootControlPlane();
  client = plane.client;
  await addNode(client, 'node-1', '127.0.0.1');
  await addNode(client, 'node-2', '127.0.0.2');
  await makeClass('manual', { provisioner: 'kubernetes.io/no-provisioner' });
  await makeClass('delayed', {
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
});

afterAll(() => plane.stop());

async function makeNamespace(): Promise<string> {
  const name = `volumes-${++namespaces}`;
  await client.resource<KubeObject>(NAMESPACES).create({ metadata: { name } });
  return name;
}

async function makeClass(name: string, rest: Omit<storagev1.StorageClass, 'metadata'>): Promise<void> {
  await client.resource<storagev1.StorageClass>(STORAGE_CLASSES).create({ metadata: { name }, ...rest });
}

function makeVolume(name: string, storage: string, spec: Partial<corev1.PersistentVolumeSpec> = {}) {
  return client.resource<Volume>(PERSISTENT_VOLUMES).create({
    metadata: { name },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'manual',
      hostPath: { path: `/tmp/${name}` },
      ...spec,
    } as unknown as corev1.PersistentVolumeSpec,
  });
}

function makeClaim(namespace: string, name: string, spec: Partial<corev1.PersistentVolumeClaimSpec> = {}) {
  return client.resource<Claim>(PERSISTENT_VOLUME_CLAIMS).create({
    metadata: { name, namespace },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'manual',
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  });
}

function makePod(namespace: string, name: string, claimName: string, spec: Partial<corev1.PodSpec> = {}) {
  return client.resource<corev1.Pod>(PODS).create({
    metadata: { name, namespace },
    spec: {
      containers: [{ name: 'c', image: 'app' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
      ...spec,
    } as corev1.PodSpec,
  });
}

function claimIs(namespace: string, name: string, phase: string): Promise<Claim> {
  return until<Claim, Claim>(client, PERSISTENT_VOLUME_CLAIMS, namespace, (claims) =>
    claims.find(({ metadata, status }) => metadata.name === name && status?.phase === phase),
  );
}

function volumeIs(name: string, phase: string): Promise<Volume> {
  return until<Volume, Volume>(client, PERSISTENT_VOLUMES, undefined, (volumes) =>
    volumes.find(({ metadata, status }) => metadata.name === name && status?.phase === phase),
  );
}

function said(namespace: string, about: string, reason: string): Promise<string> {
  return until<corev1.Event, string>(
    client,
    EVENTS,
    namespace,
    (events) =>
      events.find((event) => event.involvedObject.name === about && event.reason === reason)?.message,
  );
}

function nodeOf(namespace: string, name: string): Promise<string> {
  return until<corev1.Pod, string>(
    client,
    PODS,
    namespace,
    (pods) => pods.find(({ metadata }) => metadata.name === name)?.spec.nodeName,
  );
}

function isGone<T extends KubeObject>(
  resource: typeof PERSISTENT_VOLUMES,
  namespace: string | undefined,
  name: string,
): Promise<true> {
  return until<T, true>(client, resource, namespace, (all) => !all.some((one) => one.metadata.name === name));
}

test('a claim gets the smallest volume that suffices, and both say so', async () => {
  const namespace = await makeNamespace();
  await makeVolume('large', '10Gi');
  await makeVolume('small', '2Gi');
  await makeVolume('tiny', '100Mi');
  await Promise.all([
    volumeIs('large', 'Available'),
    volumeIs('small', 'Available'),
    volumeIs('tiny', 'Available'),
  ]);
  await makeClaim(namespace, 'data');
  const claim = await claimIs(namespace, 'data', 'Bound');
  expect(claim).toMatchObject({
    metadata: {
      annotations: {
        'pv.kubernetes.io/bind-completed': 'yes',
        'pv.kubernetes.io/bound-by-controller': 'yes',
      },
      finalizers: ['kubernetes.io/pvc-protection'],
    },
    spec: { volumeName: 'small' },
    status: { accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } },
  });
  const volume = await volumeIs('small', 'Bound');
  expect(volume).toMatchObject({
    metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
    spec: {
      claimRef: { kind: 'PersistentVolumeClaim', namespace, name: 'data', uid: claim.metadata.uid },
    },
  });
  await client.resource(PERSISTENT_VOLUME_CLAIMS).delete('data', { namespace });
  // Retain, the default of volumes made by hand.
  await volumeIs('small', 'Released');
  for (const name of ['large', 'small', 'tiny']) {
    await client.resource(PERSISTENT_VOLUMES).delete(name);
    await isGone(PERSISTENT_VOLUMES, undefined, name);
  }
});

test('a claim without a class or a volume waits and says why', async () => {
  const namespace = await makeNamespace();
  await makeClaim(namespace, 'none', { storageClassName: '' });
  expect(await said(namespace, 'none', 'FailedBinding')).toBe(
    'no persistent volumes available for this claim and no storage class is set',
  );
  await makeClaim(namespace, 'unknown', { storageClassName: 'unknown' });
  expect(await said(namespace, 'unknown', 'ProvisioningFailed')).toBe(
    'storageclass.storage.k8s.io "unknown" not found',
  );
  await makePod(namespace, 'pod', 'none');
  expect(await said(namespace, 'pod', 'FailedScheduling')).toBe(
    '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. no new claims to deallocate, ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await makeVolume('late', '1Gi', { storageClassName: '' });
  expect((await claimIs(namespace, 'none', 'Bound')).spec.volumeName).toBe('late');
  await nodeOf(namespace, 'pod');
});

test('claim and volume may ask for each other beforehand; what does not fit is refused', async () => {
  const namespace = await makeNamespace();
  await makeVolume('asked', '1Gi');
  await makeClaim(namespace, 'asks', { volumeName: 'asked' });
  await claimIs(namespace, 'asks', 'Bound');
  await makeVolume('reserved', '1Gi', {
    claimRef: { namespace, name: 'expected' } as corev1.ObjectReference,
  });
  await volumeIs('reserved', 'Available');
  await makeClaim(namespace, 'expected');
  expect((await claimIs(namespace, 'expected', 'Bound')).spec.volumeName).toBe('reserved');
  await makeClaim(namespace, 'second', { volumeName: 'asked' });
  expect(await said(namespace, 'second', 'FailedBinding')).toBe(
    'volume "asked" already bound to a different claim.',
  );
  await makeVolume('narrow', '100Mi');
  await makeClaim(namespace, 'wide', { volumeName: 'narrow' });
  expect(await said(namespace, 'wide', 'VolumeMismatch')).toBe(
    'Cannot bind to requested volume "narrow": requested PV is too small',
  );
});

test('a claim whose volume is taken away is lost', async () => {
  const namespace = await makeNamespace();
  await makeVolume('fragile', '1Gi', { storageClassName: 'manual' });
  await makeClaim(namespace, 'loses', { volumeName: 'fragile' });
  await claimIs(namespace, 'loses', 'Bound');
  const volumes = client.resource<Volume>(PERSISTENT_VOLUMES);
  await volumes.delete('fragile');
  // Held while it is bound.
  expect((await volumes.get('fragile')).metadata.deletionTimestamp).toBeDefined();
  await volumes.patch('fragile', { type: 'merge', body: { metadata: { finalizers: null } } });
  await claimIs(namespace, 'loses', 'Lost');
  expect(await said(namespace, 'loses', 'ClaimLost')).toBe(
    'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  );
});

test('a claim that a pod uses is held until the pod is gone', async () => {
  const namespace = await makeNamespace();
  await makeVolume('held', '1Gi');
  await makeClaim(namespace, 'data', { volumeName: 'held' });
  await makePod(namespace, 'user', 'data');
  await nodeOf(namespace, 'user');
  const claims = client.resource<Claim>(PERSISTENT_VOLUME_CLAIMS);
  await claims.delete('data', { namespace });
  expect((await claims.get('data', namespace)).metadata.deletionTimestamp).toBeDefined();
  await makePod(namespace, 'late', 'data');
  expect(await said(namespace, 'late', 'FailedScheduling')).toContain(
    'persistentvolumeclaim "data" is being deleted',
  );
  await client.resource(PODS).delete('user', { namespace, gracePeriodSeconds: 0 });
  await isGone(PERSISTENT_VOLUME_CLAIMS, namespace, 'data');
});

test('with WaitForFirstConsumer the pod goes where its volume is, and the claim is bound then', async () => {
  const namespace = await makeNamespace();
  const required = {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-2'] }] },
    ],
  };
  await makeVolume('far', '1Gi', { storageClassName: 'delayed', nodeAffinity: { required } });
  await volumeIs('far', 'Available');
  await makeClaim(namespace, 'data', { storageClassName: 'delayed' });
  expect(await said(namespace, 'data', 'WaitForFirstConsumer')).toBe(
    'waiting for first consumer to be created before binding',
  );
  await makePod(namespace, 'stray', 'data', { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } });
  expect(await said(namespace, 'stray', 'FailedScheduling')).toContain(
    "1 node(s) didn't find available persistent volumes to bind, 1 node(s) didn't match Pod's node affinity/selector.",
  );
  await makePod(namespace, 'pod', 'data');
  expect(await nodeOf(namespace, 'pod')).toBe('node-2');
  expect((await claimIs(namespace, 'data', 'Bound')).spec.volumeName).toBe('far');
  // It stays with its volume.
  await makePod(namespace, 'other', 'data', { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } });
  expect(await said(namespace, 'other', 'FailedScheduling')).toContain(
    "1 node(s) didn't match PersistentVolume's node affinity",
  );
});

test('the class local-path is the default, and makes a volume on the node of the first pod', async () => {
  const namespace = await makeNamespace();
  const localPath = await client.resource<storagev1.StorageClass>(STORAGE_CLASSES).get('local-path');
  expect(localPath).toMatchObject({
    provisioner: 'rancher.io/local-path',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
    metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  });
  const resources = { requests: { storage: '1Gi' } };
  await client
    .resource<Claim>(PERSISTENT_VOLUME_CLAIMS)
    .create({ metadata: { name: 'data', namespace }, spec: { accessModes: ['ReadWriteOnce'], resources } });
  await makePod(namespace, 'pod', 'data');
  const node = await nodeOf(namespace, 'pod');
  const claim = await claimIs(namespace, 'data', 'Bound');
  const name = `pvc-${claim.metadata.uid}`;
  expect(claim).toMatchObject({
    metadata: {
      annotations: {
        'volume.kubernetes.io/selected-node': node,
        'volume.kubernetes.io/storage-provisioner': 'rancher.io/local-path',
        'volume.beta.kubernetes.io/storage-provisioner': 'rancher.io/local-path',
      },
    },
    spec: { storageClassName: 'local-path', volumeName: name },
  });
  const path = `/var/lib/orrery-test/storage/${name}_${namespace}_data`;
  expect(await volumeIs(name, 'Bound')).toMatchObject({
    metadata: { annotations: { 'pv.kubernetes.io/provisioned-by': 'rancher.io/local-path' } },
    spec: {
      persistentVolumeReclaimPolicy: 'Delete',
      hostPath: { path, type: 'DirectoryOrCreate' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  });
  expect(await said(namespace, 'data', 'ProvisioningSucceeded')).toBe(
    `Successfully provisioned volume ${name}`,
  );
  await client.resource(PODS).delete('pod', { namespace, gracePeriodSeconds: 0 });
  await client.resource(PERSISTENT_VOLUME_CLAIMS).delete('data', { namespace });
  // The node is asked to remove the folder, and the volume stays until it has.
  const key = `local-path.orrery.dev/${name}`;
  const folder = await until<corev1.Node, string>(
    client,
    NODES,
    undefined,
    (nodes) => nodes.find(({ metadata }) => metadata.name === node)?.metadata.annotations?.[key],
  );
  expect(folder).toBe(`${name}_${namespace}_data`);
  await volumeIs(name, 'Released');
  await client
    .resource<corev1.Node>(NODES)
    .patch(node, { type: 'merge', body: { metadata: { annotations: { [key]: 'removed' } } } });
  await isGone(PERSISTENT_VOLUMES, undefined, name);
  await until<corev1.Node, true>(client, NODES, undefined, (nodes) =>
    nodes.every(({ metadata }) => metadata.annotations?.[key] === undefined),
  );
});

test('a claim local-path cannot serve says why; one of an unknown provisioner waits for it', async () => {
  const namespace = await makeNamespace();
  await makeClaim(namespace, 'shared', { storageClassName: 'local-path', accessModes: ['ReadWriteMany'] });
  await makePod(namespace, 'pod', 'shared');
  expect(await said(namespace, 'shared', 'ProvisioningFailed')).toBe(
    'failed to provision volume with StorageClass "local-path": ' +
      'NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes',
  );
  await makeClass('foreign', { provisioner: 'example.com/disk' });
  await makeClaim(namespace, 'elsewhere', { storageClassName: 'foreign' });
  expect(await said(namespace, 'elsewhere', 'ExternalProvisioning')).toBe(
    "Waiting for a volume to be created either by the external provisioner 'example.com/disk' or manually by the " +
      'system administrator. If volume creation is delayed, please verify that the provisioner is running and ' +
      'correctly registered.',
  );
});

test('an ephemeral volume gets a claim that is its pod’s', async () => {
  const namespace = await makeNamespace();
  const resources = { requests: { storage: '1Gi' } };
  const pod = await makePod(namespace, 'pod', '', {
    volumes: [
      {
        name: 'scratch',
        ephemeral: {
          volumeClaimTemplate: {
            metadata: { labels: { type: 'scratch' } },
            spec: { accessModes: ['ReadWriteOnce'], resources },
          },
        },
      },
    ] as unknown as corev1.Volume[],
  });
  await nodeOf(namespace, 'pod');
  const claim = await claimIs(namespace, 'pod-scratch', 'Bound');
  expect(claim.metadata).toMatchObject({
    labels: { type: 'scratch' },
    ownerReferences: [{ kind: 'Pod', name: 'pod', uid: pod.metadata.uid, controller: true }],
  });
  await client.resource(PODS).delete('pod', { namespace, gracePeriodSeconds: 0 });
  await isGone(PERSISTENT_VOLUME_CLAIMS, namespace, 'pod-scratch');
});

test('ReadWriteOncePod: a second pod waits for the first, or takes its place when it matters more', async () => {
  const namespace = await makeNamespace();
  await makeVolume('single', '1Gi', { accessModes: ['ReadWriteOncePod'] });
  await makeClaim(namespace, 'data', { accessModes: ['ReadWriteOncePod'] });
  await claimIs(namespace, 'data', 'Bound');
  await makePod(namespace, 'first', 'data');
  await nodeOf(namespace, 'first');
  await makePod(namespace, 'second', 'data');
  expect(await said(namespace, 'second', 'FailedScheduling')).toContain(
    '2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
  );
  await client.resource(PODS).delete('first', { namespace, gracePeriodSeconds: 0 });
  await nodeOf(namespace, 'second');
});

test('a bound claim of a class that allows it grows with its volume', async () => {
  const namespace = await makeNamespace();
  await makeClass('growing', {
    provisioner: 'rancher.io/local-path',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  });
  await makeClaim(namespace, 'data', { storageClassName: 'growing' });
  await makePod(namespace, 'pod', 'data');
  const { spec } = await claimIs(namespace, 'data', 'Bound');
  const body = { spec: { resources: { requests: { storage: '2Gi' } } } };
  await client
    .resource<Claim>(PERSISTENT_VOLUME_CLAIMS)
    .patch('data', { type: 'merge', body }, { namespace });
  await until<Claim, true>(client, PERSISTENT_VOLUME_CLAIMS, namespace, (claims) =>
    claims.some(({ status }) => status?.capacity?.storage === '2Gi'),
  );
  const volume = await client.resource<Volume>(PERSISTENT_VOLUMES).get(spec.volumeName!);
  expect(volume.spec.capacity).toEqual({ storage: '2Gi' });
});

test('claims of a StatefulSet go with the pod that is scaled away, and stay when the set is deleted', async () => {
  const namespace = await makeNamespace();
  const sets = client.resource<appsv1.StatefulSet>(STATEFUL_SETS);
  await sets.create({
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 2,
      serviceName: 'web',
      podManagementPolicy: 'Parallel',
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' },
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'app' }] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  } as unknown as appsv1.StatefulSet);
  await Promise.all(['web-0', 'web-1'].map((name) => nodeOf(namespace, name)));
  const body = { spec: { replicas: 1 } };
  await sets.patch('web', { type: 'merge', body }, { namespace });
  await until<corev1.Pod, true>(client, PODS, namespace, (pods) =>
    pods.some(({ metadata }) => metadata.name === 'web-1' && metadata.deletionTimestamp !== undefined),
  );
  await client.resource(PODS).delete('web-1', { namespace, gracePeriodSeconds: 0 });
  await isGone(PERSISTENT_VOLUME_CLAIMS, namespace, 'data-web-1');
  await sets.delete('web', { namespace });
  await until<corev1.Pod, true>(client, PODS, namespace, (pods) =>
    pods.every(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  await client.resource(PODS).delete('web-0', { namespace, gracePeriodSeconds: 0 });
  await isGone(PODS, namespace, 'web-0');
  expect((await claimIs(namespace, 'data-web-0', 'Bound')).metadata.ownerReferences).toBeUndefined();
});

test('PersistentVolumes CSI Conformance: the lifecycle of a PV and a PVC, and their status', async () => {
  const namespace = await makeNamespace();
  const labels = { 'e2e-pv-pool': namespace };
  const volumes = client.resource<Volume>(PERSISTENT_VOLUMES);
  const claims = client.resource<Claim>(PERSISTENT_VOLUME_CLAIMS);
  const labelSelector = `e2e-pv-pool=${namespace}`;
  const csi = { driver: 'inline.storage.kubernetes.io', volumeHandle: 'e2e-conformance' };
  await makeVolume('csi-1', '1Gi', { csi, hostPath: undefined, storageClassName: '' } as object);
  await makeClaim(namespace, 'csi', { storageClassName: '', volumeName: 'csi-1' });
  await claimIs(namespace, 'csi', 'Bound');
  await volumes.patch('csi-1', { type: 'strategic', body: { metadata: { labels } } });
  await claims.patch('csi', { type: 'strategic', body: { metadata: { labels } } }, { namespace });
  expect((await volumes.list({ labelSelector })).items).toHaveLength(1);
  expect((await claims.list({ namespace, labelSelector })).items).toHaveLength(1);
  const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E', message: 'from a test' };
  const patched = await claims.patch(
    'csi',
    { type: 'merge', body: { status: { conditions: [condition] } } },
    { namespace, subresource: 'status' },
  );
  expect(patched.status?.conditions).toEqual([expect.objectContaining(condition)]);
  const said = { status: { message: 'StatusPatched', reason: 'E2E' } };
  await volumes.patch('csi-1', { type: 'merge', body: said }, { subresource: 'status' });
  await claims.deleteCollection({ namespace, labelSelector });
  await isGone(PERSISTENT_VOLUME_CLAIMS, namespace, 'csi');
  await volumeIs('csi-1', 'Released');
  await volumes.deleteCollection({ labelSelector });
  await isGone(PERSISTENT_VOLUMES, undefined, 'csi-1');
});

test.each([
  ['storage.k8s.io', 'storageclasses', 'StorageClass', { provisioner: 'e2e-fake-provisioner' }],
  [
    'storage.k8s.io',
    'volumeattachments',
    'VolumeAttachment',
    {
      spec: {
        attacher: 'e2e-test.storage.k8s.io',
        nodeName: 'node-1',
        source: { persistentVolumeName: 'none' },
      },
    },
  ],
  ['storage.k8s.io', 'csinodes', 'CSINode', { spec: { drivers: [] } }],
  ['storage.k8s.io', 'csidrivers', 'CSIDriver', { spec: { attachRequired: false } }],
  ['scheduling.k8s.io', 'priorityclasses', 'PriorityClass', { value: 42 }],
])('the lifecycle of one of %s/%s', async (group, resource, kind, content) => {
  const api = client.resource<KubeObject>({ group, version: 'v1', resource, kind, namespaced: false });
  const labelSelector = 'e2e-lifecycle=patched';
  const name = `e2e-${resource}`;
  const made = await api.create({ metadata: { name }, ...content } as Draft<KubeObject>);
  expect((await api.get(name)).metadata.uid).toBe(made.metadata.uid);
  const body = { metadata: { labels: { 'e2e-lifecycle': 'patched' } } };
  expect((await api.patch(name, { type: 'merge', body })).metadata.labels).toEqual(body.metadata.labels);
  expect((await api.list({ labelSelector })).items.map((one) => one.metadata.name)).toEqual([name]);
  const now = await api.get(name);
  const annotations = { 'e2e-lifecycle': 'updated' };
  const updated = await api.update({ ...now, metadata: { ...now.metadata, annotations } });
  expect(updated.metadata.annotations).toEqual(annotations);
  await api.delete(name);
  await expect(api.get(name)).rejects.toThrow(`${resource}.${group} "${name}" not found`);
  await api.create({ metadata: { name, labels: body.metadata.labels }, ...content } as Draft<KubeObject>);
  await api.deleteCollection({ labelSelector });
  expect((await api.list({ labelSelector })).items).toEqual([]);
});
