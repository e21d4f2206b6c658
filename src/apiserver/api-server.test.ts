import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFIG_MAPS, configMap, pod, TestServer } from './api-server.test-support.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});

afterAll(() => server.stop());

const PODS = '/api/v1/namespaces/default/pods';
const SERVICES = '/api/v1/namespaces/default/services';

describe('writes', () => {
  test('a create fills in what the server owns, and the bytes of a GET are those of the create', async () => {
    const created = await server.post(CONFIG_MAPS, configMap('one'));
    expect(created.status).toBe(201);
    expect(created.body.metadata).toMatchObject({
      name: 'one',
      namespace: 'default',
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect((await server.get(`${CONFIG_MAPS}/one`)).body).toEqual(created.body);
    expect(await server.post(CONFIG_MAPS, configMap('one'))).toMatchObject({
      status: 409,
      body: { reason: 'AlreadyExists', message: 'configmaps "one" already exists' },
    });
  });

  test('generateName gives a new name each time', async () => {
    const body = { metadata: { generateName: 'gen-' } };
    const [a, b] = [await server.post(CONFIG_MAPS, body), await server.post(CONFIG_MAPS, body)];
    expect(a.body.metadata.name).toMatch(/^gen-[a-z0-9]{5}$/);
    expect(b.body.metadata.name).not.toBe(a.body.metadata.name);
  });

  test('an update with an old resourceVersion conflicts, one without overwrites', async () => {
    const { body } = await server.post(CONFIG_MAPS, configMap('race'));
    const second = await server.put(`${CONFIG_MAPS}/race`, { ...body, data: { a: 'c' } });
    expect(Number(second.body.metadata.resourceVersion)).toBeGreaterThan(
      Number(body.metadata.resourceVersion),
    );
    expect(await server.put(`${CONFIG_MAPS}/race`, { ...body, data: { a: 'd' } })).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', message: expect.stringContaining('the object has been modified') },
    });
    expect((await server.put(`${CONFIG_MAPS}/race`, configMap('race', { data: { a: 'e' } }))).status).toBe(
      200,
    );
  });

  test('an update that changes nothing writes nothing', async () => {
    const { body } = await server.post(CONFIG_MAPS, configMap('same'));
    const again = await server.put(`${CONFIG_MAPS}/same`, configMap('same'));
    expect(again.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    const patched = await server.patch(`${CONFIG_MAPS}/same`, { data: { a: 'b' } });
    expect(patched.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
  });

  test('concurrent patches without a resourceVersion all happen', async () => {
    await server.post(CONFIG_MAPS, configMap('busy'));
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, n) => server.patch(`${CONFIG_MAPS}/busy`, { data: { [`k${n}`]: 'x' } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(Object.keys((await server.get(`${CONFIG_MAPS}/busy`)).body.data)).toHaveLength(5);
  });

  test('a dry run answers as the write would and changes nothing', async () => {
    expect((await server.post(`${CONFIG_MAPS}?dryRun=All`, configMap('dry'))).status).toBe(201);
    expect((await server.get(`${CONFIG_MAPS}/dry`)).status).toBe(404);
    expect(await server.post(`${CONFIG_MAPS}?dryRun=Some`, configMap('dry'))).toMatchObject({
      status: 422,
      body: {
        message: expect.stringContaining('dryRun: Unsupported value: "Some": supported values: "All"'),
      },
    });
  });

  test('unknown fields are warned of, refused or ignored as asked', async () => {
    const body = { ...configMap('extra'), nope: 1 };
    const warned = await server.post(`${CONFIG_MAPS}?dryRun=All`, body);
    expect(warned.headers.warning).toBe('299 - "unknown field \\"nope\\""');
    expect(warned.body.nope).toBeUndefined();
    expect((await server.post(`${CONFIG_MAPS}?fieldValidation=Strict`, body)).status).toBe(400);
    expect(
      (await server.post(`${CONFIG_MAPS}?fieldValidation=Ignore&dryRun=All`, body)).headers.warning,
    ).toBeUndefined();
  });

  test('an object over 1.5 MB, and a body over 3 MB, are 413 and change nothing', async () => {
    const big = await server.post(CONFIG_MAPS, {
      metadata: { name: 'big' },
      data: { a: 'x'.repeat(1000), b: 'y'.repeat(1_600_000) },
    });
    expect([413, 422]).toContain(big.status);
    const huge = await server.post(CONFIG_MAPS, {
      metadata: { name: 'big' },
      data: { a: 'x'.repeat(3_200_000) },
    });
    expect(huge).toMatchObject({ status: 413, body: { reason: 'RequestEntityTooLarge' } });
    expect((await server.get(`${CONFIG_MAPS}/big`)).status).toBe(404);
  });

  test.each([
    ['POST', CONFIG_MAPS, '{', 400],
    ['POST', CONFIG_MAPS, '[]', 400],
    ['POST', CONFIG_MAPS, '', 400],
    ['POST', CONFIG_MAPS, { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } }, 400],
    ['POST', CONFIG_MAPS, { kind: 'Secret', metadata: { name: 'x' } }, 400],
    ['POST', CONFIG_MAPS, { metadata: { name: 'x', namespace: 'other' } }, 400],
    ['POST', '/api/v1/namespaces/nowhere/configmaps', configMap('x'), 404],
    ['POST', CONFIG_MAPS, { metadata: { name: 'Bad_Name' } }, 422],
    ['POST', CONFIG_MAPS, {}, 422],
    ['PUT', `${CONFIG_MAPS}/a`, configMap('b'), 400],
    ['PUT', CONFIG_MAPS, configMap('b'), 405],
    ['POST', `${CONFIG_MAPS}/a`, configMap('a'), 405],
    ['GET', '/api/v1/nothings', undefined, 404],
    ['GET', '/apis/apps/v9/deployments', undefined, 404],
    ['GET', `${CONFIG_MAPS}/a/scale`, undefined, 404],
    ['GET', `${CONFIG_MAPS}?limit=x`, undefined, 400],
    ['GET', `${CONFIG_MAPS}?fieldSelector=data.a%3Db`, undefined, 400],
    ['GET', `${CONFIG_MAPS}?continue=%25%25`, undefined, 400],
    ['GET', '/clusters/nowhere/api/v1/namespaces/default/pods/x', undefined, 404],
    ['POST', '/clusters/nowhere/api/v1/namespaces', { metadata: { name: 'x' } }, 404],
  ] as const)('%s %s %j is refused', async (method, url, body, status) => {
    const answer = await server.send(method, url, body);
    expect(answer).toMatchObject({ status, body: { kind: 'Status', status: 'Failure', code: status } });
  });

  test('a body in a language we do not read is 415 by name', async () => {
    const answer = await server.send('POST', CONFIG_MAPS, 'x', {
      headers: { 'content-type': 'application/cbor' },
    });
    expect(answer).toMatchObject({
      status: 415,
      body: { message: expect.stringContaining('application/json') },
    });
  });

  test('an answer nobody can read is refused before the write', async () => {
    const answer = await server.send('POST', CONFIG_MAPS, configMap('unread'), {
      headers: { accept: 'application/cbor' },
    });
    expect(answer.status).toBe(406);
    expect((await server.get(`${CONFIG_MAPS}/unread`)).status).toBe(404);
  });
});

describe('deletion', () => {
  test('answers with a Status, and honours preconditions', async () => {
    const { body } = await server.post(CONFIG_MAPS, configMap('gone'));
    expect(await server.delete(`${CONFIG_MAPS}/gone`, { preconditions: { uid: 'other' } })).toMatchObject({
      status: 409,
    });
    expect(await server.delete(`${CONFIG_MAPS}/gone`)).toMatchObject({
      status: 200,
      body: {
        kind: 'Status',
        status: 'Success',
        details: { name: 'gone', kind: 'configmaps', uid: body.metadata.uid },
      },
    });
    expect((await server.get(`${CONFIG_MAPS}/gone`)).status).toBe(404);
  });

  test('a finalizer holds the object until it is taken away', async () => {
    await server.post(CONFIG_MAPS, configMap('held', { metadata: { finalizers: ['example.com/wait'] } }));
    const deleted = await server.delete(`${CONFIG_MAPS}/held`);
    expect(deleted.body.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      finalizers: ['example.com/wait'],
    });
    await server.patch(`${CONFIG_MAPS}/held`, { metadata: { finalizers: null } });
    expect((await server.get(`${CONFIG_MAPS}/held`)).status).toBe(404);
  });

  test('propagation policies leave their finalizers for the garbage collector', async () => {
    await server.post(CONFIG_MAPS, configMap('parent'));
    const { body } = await server.delete(`${CONFIG_MAPS}/parent?propagationPolicy=Foreground`);
    expect(body.metadata.finalizers).toEqual(['foregroundDeletion']);
    await server.delete(`${CONFIG_MAPS}/parent?propagationPolicy=Background`);
    expect((await server.get(`${CONFIG_MAPS}/parent`)).status).toBe(404);
  });

  test('a bound pod ends gracefully, and at once with grace 0', async () => {
    await server.post(PODS, pod('graceful'));
    const binding = { target: { kind: 'Node', name: 'n1' }, metadata: { name: 'graceful' } };
    expect((await server.post(`${PODS}/graceful/binding`, binding)).status).toBe(201);
    expect(await server.post(`${PODS}/graceful/binding`, binding)).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('pod graceful is already assigned to node "n1"') },
    });
    const ending = await server.delete(`${PODS}/graceful`);
    expect(ending.body.metadata).toMatchObject({
      deletionGracePeriodSeconds: 30,
      deletionTimestamp: expect.any(String),
    });
    const sooner = await server.delete(`${PODS}/graceful?gracePeriodSeconds=5`);
    expect(sooner.body.metadata.deletionGracePeriodSeconds).toBe(5);
    await server.delete(`${PODS}/graceful?gracePeriodSeconds=0`);
    expect((await server.get(`${PODS}/graceful`)).status).toBe(404);
  });

  test('a namespace waits for its finalizer, and takes nothing new meanwhile', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'ending' } });
    const { body } = await server.delete('/api/v1/namespaces/ending');
    expect(body.status.phase).toBe('Terminating');
    expect(await server.post('/api/v1/namespaces/ending/configmaps', configMap('late'))).toMatchObject({
      status: 403,
      body: { details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    });
    await server.put('/api/v1/namespaces/ending/finalize', { ...body, spec: { finalizers: [] } });
    expect((await server.get('/api/v1/namespaces/ending')).status).toBe(404);
  });

  test('a collection is deleted by selector', async () => {
    for (const name of ['c1', 'c2'])
      await server.post(CONFIG_MAPS, configMap(name, { metadata: { labels: { sweep: 'me' } } }));
    const { body } = await server.delete(`${CONFIG_MAPS}?labelSelector=sweep%3Dme`);
    expect(body.items).toHaveLength(2);
    expect((await server.get(`${CONFIG_MAPS}?labelSelector=sweep`)).body.items).toEqual([]);
  });
});

describe('services', () => {
  const service = (name: string, spec: object = {}) => ({
    metadata: { name },
    spec: { ports: [{ port: 80 }], ...spec },
  });

  test('the same address or port is never given twice, and comes back when the service goes', async () => {
    const answers = await Promise.all(
      Array.from({ length: 14 }, (_, n) =>
        server.post(SERVICES, service(`s${n}`, n < 10 ? { type: 'NodePort' } : {})),
      ),
    );
    const made = answers.filter(({ status }) => status === 201).map(({ body }) => body.spec);
    // 14 usable addresses of the /28, one of them taken by `kubernetes`.
    expect(made).toHaveLength(13);
    expect(new Set(made.map(({ clusterIP }) => clusterIP)).size).toBe(13);
    const ports = made.flatMap(({ ports: [port] }) => port.nodePort ?? []);
    expect(new Set(ports).size).toBe(ports.length);
    const [first] = made;
    expect(await server.post(SERVICES, service('again', { clusterIP: first.clusterIP }))).toMatchObject({
      status: 422,
      body: {
        message: expect.stringContaining(
          `failed to allocate IP ${first.clusterIP}: provided IP is already allocated`,
        ),
      },
    });
    await Promise.all(Array.from({ length: 14 }, (_, n) => server.delete(`${SERVICES}/s${n}`)));
    expect((await server.post(SERVICES, service('again', { clusterIP: first.clusterIP }))).status).toBe(201);
    await server.delete(`${SERVICES}/again`);
  });

  test('what a failed or dry create took is given back', async () => {
    for (let n = 0; n < 30; n++)
      await server.post(`${SERVICES}?dryRun=All`, service(`dry${n}`, { type: 'NodePort' }));
    expect((await server.post(SERVICES, service('real', { type: 'NodePort' }))).status).toBe(201);
    expect(await server.post(SERVICES, service('far', { clusterIP: '1.2.3.4' }))).toMatchObject({
      status: 422,
    });
  });

  test('an update without the address keeps it, and one to ClusterIP frees the port', async () => {
    const before = (await server.get(`${SERVICES}/real`)).body;
    const after = await server.put(
      `${SERVICES}/real`,
      service('real', { type: 'NodePort', ports: [{ port: 81 }] }),
    );
    expect(after.body.spec.clusterIP).toBe(before.spec.clusterIP);
    const plain = await server.patch(`${SERVICES}/real`, {
      spec: { type: 'ClusterIP', ports: [{ port: 81 }] },
    });
    expect(plain.body.spec.ports[0].nodePort).toBeUndefined();
    await server.delete(`${SERVICES}/real`);
  });
});

describe('subresources', () => {
  const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
  const deployment = {
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'x' }] } },
    },
  };

  test('status changes only the status, and only the spec counts as a generation', async () => {
    const { body } = await server.post(DEPLOYMENTS, { ...deployment, status: { replicas: 9 } });
    expect(body.metadata.generation).toBe(1);
    expect(body.status?.replicas).toBeUndefined();
    const status = await server.patch(`${DEPLOYMENTS}/web/status`, {
      spec: { replicas: 5 },
      status: { replicas: 1 },
    });
    expect(status.body).toMatchObject({
      spec: { replicas: 1 },
      status: { replicas: 1 },
      metadata: { generation: 1 },
    });
    const scaled = await server.patch(`${DEPLOYMENTS}/web`, {
      spec: { replicas: 3 },
      status: { replicas: 7 },
    });
    expect(scaled.body).toMatchObject({
      spec: { replicas: 3 },
      status: { replicas: 1 },
      metadata: { generation: 2 },
    });
  });

  test('of the metadata, status changes what upstream lets it', async () => {
    const metadata = { annotations: { seen: 'yes' }, labels: { new: 'label' }, finalizers: ['x.io/y'] };
    const { body } = await server.patch(`${DEPLOYMENTS}/web/status`, { metadata });
    expect(body.metadata).toMatchObject({
      annotations: { seen: 'yes' },
      finalizers: ['x.io/y'],
      generation: 2,
    });
    expect(body.metadata.labels).toBeUndefined();
    await server.patch(`${DEPLOYMENTS}/web`, { metadata: { finalizers: null } });
    const NODES = '/api/v1/nodes';
    await server.post(NODES, { metadata: { name: 'n' } });
    const node = await server.patch(`${NODES}/n/status`, { metadata, spec: { unschedulable: true } });
    expect(node.body.metadata).toMatchObject(metadata);
    expect(node.body.spec?.unschedulable).toBeUndefined();
    await server.patch(`${NODES}/n`, { metadata: { finalizers: null } });
    await server.delete(`${NODES}/n`);
  });

  test('scale reads and writes the replicas', async () => {
    expect((await server.get(`${DEPLOYMENTS}/web/scale`)).body).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 3 },
      status: { selector: 'app=web' },
    });
    await server.patch(`${DEPLOYMENTS}/web/scale`, { spec: { replicas: 0 } });
    expect((await server.get(`${DEPLOYMENTS}/web`)).body).toMatchObject({
      spec: { replicas: 0 },
      metadata: { generation: 3 },
    });
  });

  test('events are the same objects in both groups', async () => {
    const event = {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
      reason: 'R',
      message: 'said',
      type: 'Normal',
      source: { component: 'c' },
    };
    await server.post('/api/v1/namespaces/default/events', event);
    const { body } = await server.get('/apis/events.k8s.io/v1/namespaces/default/events/e');
    expect(body).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'said', regarding: { name: 'p' } });
  });
});
