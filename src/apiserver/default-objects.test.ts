import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requests } from '../kube/certificates/requests.test-data.ts';
import { pod, TestServer } from './api-server.test-support.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});

afterAll(() => server.stop());

const PODS = '/api/v1/namespaces/default/pods';
const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';
const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

describe('at the start', () => {
  test('there are the flow schemas, levels and priority classes every cluster has', async () => {
    const names = async (path: string) =>
      (await server.get(path)).body.items.map((one: { metadata: { name: string } }) => one.metadata.name);
    expect(await names('/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations')).toEqual([
      'catch-all',
      'exempt',
      'global-default',
      'leader-election',
      'node-high',
      'system',
      'workload-high',
      'workload-low',
    ]);
    expect(await names('/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas')).toHaveLength(13);
    expect(await names(CLASSES)).toEqual(['system-cluster-critical', 'system-node-critical']);
  });

  test('every built-in group version but its own has an APIService that is available', async () => {
    const services = (await server.get('/apis/apiregistration.k8s.io/v1/apiservices')).body.items;
    const { groups } = (await server.get('/apis')).body;
    const served = groups.flatMap((group: { versions: { groupVersion: string }[] }) =>
      group.versions.map(({ groupVersion }) => groupVersion.split('/').reverse().join('.')),
    );
    expect(groups[0].name).toBe('apiregistration.k8s.io');
    expect(services.map((one: { metadata: { name: string } }) => one.metadata.name).sort()).toEqual(
      ['v1.', ...served.filter((name: string) => name !== 'v1.apiregistration.k8s.io')].sort(),
    );
    expect(services[0].status.conditions).toMatchObject([
      { type: 'Available', status: 'True', reason: 'Local' },
    ]);
  });

  test('a second start changes nothing, but brings a flow schema of ours back', async () => {
    const path = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/service-accounts';
    const before = (await server.get('/apis/apiregistration.k8s.io/v1/apiservices')).body;
    await server.patch(path, { spec: { matchingPrecedence: 8000 } });
    await server.api.bootstrap();
    expect((await server.get(path)).body.spec.matchingPrecedence).toBe(9000);
    expect((await server.get('/apis/apiregistration.k8s.io/v1/apiservices')).body.items).toEqual(
      before.items,
    );
  });
});

describe('pods and priority classes', () => {
  test('a pod gets the number of its class, or of the default class', async () => {
    await server.post(CLASSES, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' });
    expect((await server.post(PODS, pod('plain'))).body.spec).toMatchObject({
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    expect((await server.post(PODS, pod('urgent', { priorityClassName: 'high' }))).body.spec).toMatchObject({
      priority: 1000,
      preemptionPolicy: 'Never',
    });
    await server.post(CLASSES, { metadata: { name: 'usual' }, value: 5, globalDefault: true });
    expect((await server.post(PODS, pod('usual'))).body.spec).toMatchObject({
      priority: 5,
      priorityClassName: 'usual',
    });
    expect(
      await server.post(CLASSES, { metadata: { name: 'too' }, value: 6, globalDefault: true }),
    ).toMatchObject({
      status: 403,
      body: {
        message:
          'priorityclasses.scheduling.k8s.io "too" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
      },
    });
    await server.delete(`${CLASSES}/usual`);
  });

  test('an unknown class and a number of one’s own are refused', async () => {
    expect((await server.post(PODS, pod('a', { priorityClassName: 'none' }))).body.message).toBe(
      'pods "a" is forbidden: no PriorityClass with name none was found',
    );
    expect((await server.post(PODS, pod('b', { priority: 7 }))).body.message).toBe(
      'pods "b" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
  });

  test('system classes stay', async () => {
    expect((await server.delete(`${CLASSES}/system-node-critical`)).body.message).toBe(
      'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
    );
  });
});

describe('certificate requests', () => {
  const request = (name: string, encoded: string, user: object = {}) =>
    server.send(
      'POST',
      CSRS,
      {
        metadata: { name },
        spec: {
          request: encoded,
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth'],
          username: 'somebody-else',
          ...user,
        },
      },
      { user: { name: 'ann', groups: ['system:masters', 'system:authenticated'], uid: 'u1' } },
    );

  test('say who asked, whatever the asker says', async () => {
    const { body } = await request('who', requests.rsa, { groups: ['system:masters'], uid: 'other' });
    expect(body.spec).toMatchObject({
      username: 'ann',
      uid: 'u1',
      groups: ['system:masters', 'system:authenticated'],
    });
  });

  test('for system:masters are refused', async () => {
    expect((await request('masters', requests.masters)).body.message).toBe(
      'certificatesigningrequests.certificates.k8s.io "masters" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
  });

  test('are decided through approval only, and signed through status only', async () => {
    const { body } = await request('decide', requests.rsa);
    const approved = { type: 'Approved', status: 'True', reason: 'Mine' };
    const certificate = Buffer.from(
      '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
    ).toString('base64');
    const at = `${CSRS}/decide`;
    expect(await server.put(`${at}/status`, { ...body, status: { conditions: [approved] } })).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('updates may not add a condition of type "Approved"') },
    });
    const decided = await server.put(`${at}/approval`, {
      ...body,
      status: { conditions: [approved], certificate },
    });
    expect(decided.body.status).toEqual({
      conditions: [
        { ...approved, lastUpdateTime: expect.any(String), lastTransitionTime: expect.any(String) },
      ],
    });
    const signed = await server.put(`${at}/status`, {
      ...decided.body,
      status: { ...decided.body.status, certificate },
    });
    expect(signed.body.status.certificate).toBe(certificate);
    expect((await server.patch(`${at}/status`, { status: { certificate: null } })).body.message).toContain(
      'updates may not modify existing certificate content',
    );
  });

  test('are approved only by those who may for the signer', async () => {
    const { body } = await request('rights', requests.rsa);
    const user = { name: 'bob', groups: ['system:authenticated'] };
    const role = (name: string, rules: object[]) =>
      server.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name }, rules });
    await role('approver', [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests/approval'],
        verbs: ['update'],
      },
    ]);
    await role('signers', [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['signers'],
        resourceNames: ['kubernetes.io/*'],
        verbs: ['approve'],
      },
    ]);
    const bind = (name: string) =>
      server.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' }],
      });
    await bind('approver');
    const status = { conditions: [{ type: 'Approved', status: 'True' }] };
    const approve = () => server.send('PUT', `${CSRS}/rights/approval`, { ...body, status }, { user });
    expect((await approve()).body.message).toBe(
      'certificatesigningrequests.certificates.k8s.io "rights" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
    );
    await bind('signers');
    expect((await approve()).status).toBe(200);
  });
});

test('an Ingress without a class is of the default one, of several the newest', async () => {
  const classes = '/apis/networking.k8s.io/v1/ingressclasses';
  const ingress = (name: string, more: object = {}) =>
    server.post('/apis/networking.k8s.io/v1/namespaces/default/ingresses', {
      metadata: { name, ...more },
      spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
    });
  expect((await ingress('none')).body.spec.ingressClassName).toBeUndefined();
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  await server.post(classes, { metadata: { name: 'b', annotations }, spec: { controller: 'example.com/b' } });
  await server.post(classes, { metadata: { name: 'c' }, spec: { controller: 'example.com/c' } });
  expect((await ingress('one')).body.spec.ingressClassName).toBe('b');
  const named = await ingress('named', { annotations: { 'kubernetes.io/ingress.class': 'x' } });
  expect(named.body.spec.ingressClassName).toBeUndefined();
});

test('a claim without a class is of the default one', async () => {
  const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
  const claim = (name: string, more: object = {}) =>
    server.post(claims, {
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...more },
    });
  expect((await claim('none')).body.spec.storageClassName).toBeUndefined();
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const provisioner = 'example.com/disk';
  await server.post('/apis/storage.k8s.io/v1/storageclasses', {
    metadata: { name: 'fast', annotations },
    provisioner,
  });
  expect((await claim('some')).body.spec.storageClassName).toBe('fast');
  expect((await claim('static', { storageClassName: '' })).body.spec.storageClassName).toBe('');
});

describe('pods and runtime classes', () => {
  const classes = '/apis/node.k8s.io/v1/runtimeclasses';

  test('a pod gets the overhead, node selector and tolerations of its class', async () => {
    await server.post(classes, {
      metadata: { name: 'kata' },
      handler: 'kata',
      overhead: { podFixed: { memory: '120Mi' } },
      scheduling: { nodeSelector: { kata: 'yes' }, tolerations: [{ key: 'kata', operator: 'Exists' }] },
    });
    const { body } = await server.post(
      PODS,
      pod('kata', { runtimeClassName: 'kata', nodeSelector: { a: 'b' } }),
    );
    expect(body.spec).toMatchObject({
      overhead: { memory: '120Mi' },
      nodeSelector: { a: 'b', kata: 'yes' },
      tolerations: expect.arrayContaining([{ key: 'kata', operator: 'Exists' }]),
    });
  });

  test('a class that is not there, and what contradicts it, refuse the pod', async () => {
    expect((await server.post(PODS, pod('c', { runtimeClassName: 'none' }))).body.message).toBe(
      'pods "c" is forbidden: pod rejected: RuntimeClass "none" not found',
    );
    const other = { runtimeClassName: 'kata', nodeSelector: { kata: 'no' } };
    expect((await server.post(PODS, pod('d', other))).body.message).toBe(
      'pods "d" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no',
    );
    expect((await server.post(PODS, pod('e', { overhead: { cpu: '1' } }))).body.message).toBe(
      'pods "e" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    );
  });
});

test('generation of a webhook configuration counts its webhooks', async () => {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  await server.post(path, { metadata: { name: 'hooks' } });
  const labelled = await server.patch(`${path}/hooks`, { metadata: { labels: { a: 'b' } } });
  expect(labelled.body.metadata.generation).toBe(1);
  const webhooks = [
    {
      name: 'a.example.com',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://a.example.com' },
      rules: [
        {
          operations: ['CREATE'],
          apiGroups: ['none.example.com'],
          apiVersions: ['v1'],
          resources: ['nothing'],
        },
      ],
    },
  ];
  expect((await server.patch(`${path}/hooks`, { webhooks })).body.metadata.generation).toBe(2);
});

test('components are healthy as long as they renew their leases', async () => {
  const answer = await server.get('/api/v1/componentstatuses');
  expect(answer.headers.warning ?? answer.headers.Warning).toContain(
    'v1 ComponentStatus is deprecated in v1.19+',
  );
  const conditions = async () =>
    Object.fromEntries(
      (await server.get('/api/v1/componentstatuses')).body.items.map(
        (one: { metadata: { name: string }; conditions: { status: string }[] }) => [
          one.metadata.name,
          one.conditions[0]!.status,
        ],
      ),
    );
  expect(await conditions()).toEqual({
    scheduler: 'Unknown',
    'controller-manager': 'Unknown',
    'etcd-0': 'True',
  });
  const lease = (holderIdentity: string, renewTime: string) => ({
    metadata: { name: 'kube-scheduler' },
    spec: { holderIdentity, leaseDurationSeconds: 15, renewTime },
  });
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
  await server.post(leases, lease('me', `${new Date().toISOString().slice(0, 23)}000Z`));
  expect((await conditions()).scheduler).toBe('True');
  await server.patch(`${leases}/kube-scheduler`, lease('me', '2020-01-01T00:00:00.000000Z'));
  const { body } = await server.get('/api/v1/componentstatuses/scheduler');
  expect(body.conditions[0]).toMatchObject({
    status: 'False',
    error: expect.stringContaining('its lease was not renewed since 2020-01-01'),
  });
  expect((await server.get('/api/v1/componentstatuses/other')).status).toBe(404);
  expect((await server.send('DELETE', '/api/v1/componentstatuses/scheduler')).status).toBe(405);
});
