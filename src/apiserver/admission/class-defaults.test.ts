import { afterEach, beforeEach, expect, test } from 'vitest';
import { pod, TestServer } from '../api-server.test-support.ts';

const NAMESPACE = '/api/v1/namespaces/default';
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await server.post(`${NAMESPACE}/serviceaccounts`, account);
});

afterEach(() => server.stop());

test('a claim without a class is of the default one', async () => {
  await server.post('/apis/storage.k8s.io/v1/storageclasses', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'example.com/x',
  });
  const claim = (name: string, more = {}) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more },
  });
  const made = await server.post(`${NAMESPACE}/persistentvolumeclaims`, claim('a'));
  expect(made.body.spec.storageClassName).toBe('fast');
  const none = await server.post(`${NAMESPACE}/persistentvolumeclaims`, claim('b', { storageClassName: '' }));
  expect(none.body.spec.storageClassName).toBe('');
});

test('a pod of a runtime class gets its overhead and goes where it runs', async () => {
  await server.post('/apis/node.k8s.io/v1/runtimeclasses', {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'sandboxed' },
    handler: 'runsc',
    overhead: { podFixed: { cpu: '100m' } },
    scheduling: { nodeSelector: { sandbox: 'yes' }, tolerations: [{ key: 'sandbox', operator: 'Exists' }] },
  });
  const made = await server.post(`${NAMESPACE}/pods`, pod('a', { runtimeClassName: 'sandboxed' }));
  expect(made.body.spec).toMatchObject({ overhead: { cpu: '100m' }, nodeSelector: { sandbox: 'yes' } });
  expect(made.body.spec.tolerations).toContainEqual({ key: 'sandbox', operator: 'Exists' });
  const elsewhere = pod('b', { runtimeClassName: 'sandboxed', nodeSelector: { sandbox: 'no' } });
  expect((await server.post(`${NAMESPACE}/pods`, elsewhere)).body.message).toBe(
    'pods "b" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[sandbox] = yes; pod.spec.nodeSelector[sandbox] = no',
  );
  const unknown = await server.post(`${NAMESPACE}/pods`, pod('c', { runtimeClassName: 'missing' }));
  expect(unknown.body.message).toBe('pods "c" is forbidden: pod rejected: RuntimeClass "missing" not found');
  const overhead = await server.post(`${NAMESPACE}/pods`, pod('d', { overhead: { cpu: '1' } }));
  expect(overhead.body.message).toContain(
    'Pod Overhead set without corresponding RuntimeClass defined Overhead',
  );
});

test('a new node takes no pods yet', async () => {
  const made = await server.post('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
  });
  expect(made.body.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
});

test('a new claim, and a new volume, is not gone before it is let go', async () => {
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'held' }, spec };
  const made = await server.post(`${NAMESPACE}/persistentvolumeclaims`, claim);
  expect(made.body.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
  const volume = await server.post('/api/v1/persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'held' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp/x' } },
  });
  expect(volume.body.metadata.finalizers).toEqual(['kubernetes.io/pv-protection']);
});
