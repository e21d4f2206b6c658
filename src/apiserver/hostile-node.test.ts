import { afterAll, beforeAll, expect, test } from 'vitest';
import { requests } from '../kube/certificates/requests.test-data.ts';
import { configMap, pod, TestServer } from './api-server.test-support.ts';
import type { User } from './index.ts';

/** A node that is not ours any more: what it can reach beyond its own pods. */
const NODE: User = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const BASE = '/api/v1/namespaces/default';
const VICTIM = '/api/v1/namespaces/victim';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces', { metadata: { name: 'victim' } });
  for (const base of [BASE, VICTIM]) {
    await server.post(`${base}/serviceaccounts`, { metadata: { name: 'default' } });
    for (const name of ['shared', 'private'])
      await server.post(`${base}/secrets`, { metadata: { name }, stringData: { in: base } });
    await server.post(`${base}/configmaps`, configMap('settings'));
  }
  const volumes = [{ name: 'v', secret: { secretName: 'shared' } }];
  await place(BASE, 'mine', 'n1', { volumes });
  await place(VICTIM, 'theirs', 'n2', {});
});

afterAll(() => server.stop());

async function place(base: string, name: string, node: string, spec: object): Promise<void> {
  await server.post(`${base}/pods`, pod(name, spec));
  await server.post(`${base}/pods/${name}/binding`, {
    metadata: { name },
    target: { kind: 'Node', name: node },
  });
}

const get = async (url: string) => (await server.get(url, NODE)).status;
const as = (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, body?: unknown) =>
  server.send(method, url, body, {
    user: NODE,
    headers: method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {},
  });

test('reads the one Secret its pod uses, by every way to ask, and no other', async () => {
  expect(await get(`${BASE}/secrets/shared`)).toBe(200);
  // Whatever else a selector says, one that names the Secret selects no other.
  const selector = 'metadata.name%3Dshared,metadata.name!%3Dx';
  expect(await get(`${BASE}/secrets?fieldSelector=${selector}`)).toBe(200);
  for (const url of [
    `${BASE}/secrets/private`,
    `${BASE}/secrets`,
    `${VICTIM}/secrets/shared`,
    `/api/v1/secrets?fieldSelector=metadata.name%3Dshared`,
    `${BASE}/secrets?labelSelector=a%3Db`,
    `/clusters/*/api/v1/namespaces/victim/secrets?fieldSelector=metadata.name%3Dshared`,
    `/clusters/*/api/v1/secrets?fieldSelector=metadata.name%3Dshared`,
    `/clusters/*/api/v1/watch/namespaces/default/secrets/shared`,
  ])
    expect([url, await get(url)]).toEqual([url, 403]);
});

test('a watch of one name by path tells of that object alone', async () => {
  const ending = new AbortController();
  const { body } = await server.send('GET', `/api/v1/watch/namespaces/default/secrets/shared`, undefined, {
    user: NODE,
    signal: ending.signal,
  });
  const names: string[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    for (const line of Buffer.from(chunk).toString().trim().split('\n'))
      names.push(JSON.parse(line).object.metadata.name);
    if (names.length === 2) break;
    await server.patch(`${BASE}/secrets/private`, { stringData: { more: '1' } });
    await server.patch(`${BASE}/secrets/shared`, { stringData: { more: '1' } });
  }
  ending.abort();
  expect(names).toEqual(['shared', 'shared']);
});

test('sees its own pods only', async () => {
  expect(await get(`${BASE}/pods/mine`)).toBe(200);
  expect(await get(`${VICTIM}/pods/theirs`)).toBe(403);
  expect(await get('/api/v1/pods')).toBe(403);
  expect(await get('/api/v1/pods?fieldSelector=spec.nodeName%3Dn2')).toBe(403);
  expect(await get('/clusters/*/api/v1/pods?fieldSelector=spec.nodeName%3Dn1')).toBe(200);
});

test('a mirror pod gives it no right', async () => {
  const { uid } = (await server.post('/api/v1/nodes', { metadata: { name: 'n1' } })).body.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid, controller: true };
  const mirror = (spec: object, more: object = {}) =>
    as('POST', `${VICTIM}/pods`, {
      metadata: {
        name: 'mirror',
        annotations: { 'kubernetes.io/config.mirror': 'x' },
        ownerReferences: [owner],
        ...more,
      },
      spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'x' }], ...spec },
    });
  const volume = (source: object) => ({ volumes: [{ name: 'v', ...source }] });
  for (const [spec, why] of [
    [volume({ secret: { secretName: 'private' } }), 'reference secrets'],
    [{ imagePullSecrets: [{ name: 'private' }] }, 'reference secrets'],
    [volume({ configMap: { name: 'settings' } }), 'reference configmaps'],
    [{ serviceAccountName: 'default' }, 'reference a service account'],
    [volume({ persistentVolumeClaim: { claimName: 'c' } }), 'reference persistentvolumeclaims'],
    [
      volume({ projected: { sources: [{ clusterTrustBundle: { name: 'b', path: 'p' } }] } }),
      'reference clustertrustbundles',
    ],
    [{ nodeName: 'n2' }, 'spec.nodeName set to itself'],
    [{ nodeName: '' }, 'spec.nodeName set to itself'],
  ] as const)
    expect(await mirror(spec)).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining(why) },
    });
  expect((await as('POST', `${VICTIM}/pods`, pod('plain', { nodeName: 'n1' }))).status).toBe(403);
  for (const [ownerReferences, why] of [
    [[], 'with an owner reference set to itself'],
    [[owner, { ...owner, name: 'n2', controller: false }], 'with a single owner reference'],
    [[{ ...owner, name: 'n2' }], 'with an owner reference set to itself'],
    [[{ ...owner, controller: false }], 'with a controller owner reference'],
    [[{ ...owner, blockOwnerDeletion: true }], 'must not set blockOwnerDeletion'],
    [[{ ...owner, uid: 'u' }], `node n1 UID mismatch: expected ${uid} got u`],
  ] as const)
    expect(await mirror({}, { ownerReferences })).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining(why) },
    });

  const made = await mirror({});
  expect(made.status).toBe(201);
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'mirror', uid: made.body.metadata.uid };
  const token = await as('POST', `${VICTIM}/serviceaccounts/default/token`, { spec: { boundObjectRef } });
  expect(token.status).toBe(403);
  await server.delete('/api/v1/nodes/n1');
});

test('gets tokens of its pods for whom they mean them, and for nobody else', async () => {
  const sources = [{ serviceAccountToken: { path: 't', audience: 'vault' } }];
  await place(BASE, 'speaker', 'n1', { volumes: [{ name: 'v', projected: { sources } }] });
  await server.post('/apis/storage.k8s.io/v1/csidrivers', {
    metadata: { name: 'disk.example.com' },
    spec: { tokenRequests: [{ audience: 'disks' }] },
  });
  await place(BASE, 'mounter', 'n1', { volumes: [{ name: 'v', csi: { driver: 'disk.example.com' } }] });
  const ask = async (name: string, audiences: string[], uid?: string) => {
    const own = (await server.get(`${BASE}/pods/${name}`)).body.metadata.uid;
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid: uid ?? own };
    const { status, body } = await as('POST', `${BASE}/serviceaccounts/default/token`, {
      spec: { audiences, boundObjectRef },
    });
    return status === 201 ? status : body.message;
  };
  expect(await ask('speaker', ['vault'])).toBe(201);
  expect(await ask('mounter', ['disks'])).toBe(201);
  expect(await ask('speaker', ['disks'])).toBe(
    'serviceaccounts "default" is forbidden: audience "disks" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  );
  expect(await ask('speaker', ['vault', 'disks'])).toContain('node may only request 0 or 1 audiences');
  expect(await ask('speaker', ['vault'], 'another')).toContain('does not match the UID in record');
});

test('asks for certificates in its own name', async () => {
  const ask = (user: string, request: string) =>
    server.send(
      'POST',
      '/apis/certificates.k8s.io/v1/certificatesigningrequests',
      {
        metadata: { generateName: 'c-' },
        spec: {
          request,
          signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
          usages: ['digital signature', 'client auth'],
        },
      },
      { user: { ...NODE, name: user } },
    );
  expect((await ask('system:node:n2', requests.kubeletClient)).body.message).toContain(
    'can only create a node CSR with CN=system:node:n2',
  );
  expect((await ask('system:node:n1', requests.kubeletClient)).status).toBe(201);
});

test('tells of a claim how far its resize is, and nothing else', async () => {
  const spec = {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 's',
  };
  await server.post(`${BASE}/persistentvolumeclaims`, { metadata: { name: 'c' }, spec });
  await place(BASE, 'claimer', 'n1', {
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
  });
  const change = async (body: object) =>
    (await as('PATCH', `${BASE}/persistentvolumeclaims/c/status`, body)).status;
  expect(await change({ metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'n1' } } })).toBe(
    403,
  );
  expect(await change({ metadata: { finalizers: ['a.b/c'] } })).toBe(403);
  expect(await change({ status: { phase: 'Lost' } })).toBe(403);
  const condition = {
    type: 'FileSystemResizePending',
    status: 'True',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  expect(await change({ status: { conditions: [condition] } })).toBe(200);
});

test('changes no other node, no label that draws pods, no taint, no lease but its own', async () => {
  expect((await as('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })).status).toBe(201);
  await server.post('/api/v1/nodes', { metadata: { name: 'n2' } });
  const lease = (name: string) =>
    as('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', { metadata: { name } });
  for (const refused of [
    as('PATCH', '/api/v1/nodes/n2', { metadata: { labels: { a: 'b' } } }),
    as('PATCH', '/api/v1/nodes/n2/status', { status: { addresses: [] } }),
    as('DELETE', '/api/v1/nodes/n2'),
    as('DELETE', '/api/v1/nodes'),
    as('PATCH', '/api/v1/nodes/n1', {
      metadata: { labels: { 'node-restriction.kubernetes.io/pci': 'yes' } },
    }),
    as('PATCH', '/api/v1/nodes/n1', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
    lease('n2'),
    as('POST', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', {
      metadata: { generateName: 'n1' },
    }),
    as('DELETE', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'),
  ])
    expect((await refused).status).toBe(403);
  const role = { 'node-role.kubernetes.io/control-plane': '' };
  const unknown = await as('PATCH', '/api/v1/nodes/n1', { metadata: { labels: role } });
  expect(unknown.body.message).toContain(
    'node "n1" is not allowed to modify labels: node-role.kubernetes.io/control-plane',
  );
  const own = { 'topology.kubernetes.io/zone': 'z', 'node.kubernetes.io/x': 'y' };
  expect((await as('PATCH', '/api/v1/nodes/n1', { metadata: { labels: own } })).status).toBe(200);
  expect((await as('PATCH', '/api/v1/nodes/n1', { metadata: { labels: { a: 'b' } } })).status).toBe(200);
  expect((await lease('n1')).status).toBe(201);
});

test('of pods it changes the status of its own, not their labels, and deletes its own', async () => {
  const labels = { metadata: { labels: { app: 'bank' } } };
  for (const refused of [
    as('PATCH', `${BASE}/pods/mine/status`, labels),
    as('PATCH', `${BASE}/pods/mine`, labels),
    as('PATCH', `${VICTIM}/pods/theirs/status`, { status: { phase: 'Failed' } }),
    as('DELETE', `${VICTIM}/pods/theirs`),
    as('DELETE', `${VICTIM}/pods`),
    as('POST', `${VICTIM}/pods/theirs/eviction`, { metadata: { name: 'theirs' } }),
    as('POST', `${VICTIM}/pods/theirs/binding`, { target: { kind: 'Node', name: 'n1' } }),
    as('POST', `${VICTIM}/bindings`, { metadata: { name: 'theirs' }, target: { kind: 'Node', name: 'n1' } }),
    as('PATCH', `${BASE}/secrets/shared`, { stringData: { a: 'b' } }),
    as('POST', `${BASE}/pods/mine/exec?command=id`),
  ])
    expect((await refused).status).toBe(403);
  expect((await as('DELETE', `${BASE}/pods/mine?gracePeriodSeconds=0`)).status).toBe(200);
  expect(await get(`${BASE}/secrets/shared`)).toBe(403);
});

test('it says which storage drivers are its own, and no other node’s', async () => {
  const csiNodes = '/apis/storage.k8s.io/v1/csinodes';
  const csiNode = (name: string) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: { name },
    spec: { drivers: [] },
  });
  expect((await as('POST', csiNodes, csiNode('n2'))).body.message).toContain(
    'can only create CSINode with the same name as the requesting node',
  );
  expect((await as('POST', csiNodes, csiNode('n1'))).status).toBe(201);
});
