import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONFIG_MAPS, configMap, pod, TestServer } from '../api-server.test-support.ts';

const NAMESPACE = '/api/v1/namespaces/default';
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await server.post(`${NAMESPACE}/serviceaccounts`, account);
});

afterEach(() => server.stop());

const quota = (hard: Record<string, string>, more = {}) =>
  server.post(`${NAMESPACE}/resourcequotas`, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    spec: { hard, ...more },
  });

/** Resolves when the quota's status says so. */
async function used(expected: Record<string, string>): Promise<void> {
  const matches = (status?: { used?: Record<string, string> }) =>
    Object.entries(expected).every(([name, amount]) => status?.used?.[name] === amount);
  const { body } = await server.get(`${NAMESPACE}/resourcequotas`);
  if (matches(body.items[0].status)) return;
  const ending = new AbortController();
  const query = `watch=true&resourceVersion=${body.metadata.resourceVersion}&timeoutSeconds=10`;
  const watch = await server.send('GET', `${NAMESPACE}/resourcequotas?${query}`, undefined, {
    signal: ending.signal,
  });
  let last: unknown;
  for await (const chunk of watch.body as AsyncIterable<Uint8Array>)
    for (const line of Buffer.from(chunk).toString().split('\n').filter(Boolean)) {
      const { status } = JSON.parse(line).object;
      last = status;
      if (matches(status)) {
        ending.abort();
        return;
      }
    }
  expect(last).toMatchObject({ used: expected });
}

const resources = (cpu: string, memory: string) => ({
  containers: [{ name: 'main', image: 'x', resources: { requests: { cpu, memory } } }],
});

test('a new quota counts what is there, and refuses what would pass it', async () => {
  await server.post(CONFIG_MAPS, configMap('a'));
  await quota({ configmaps: '2', 'count/configmaps': '5' });
  await used({ configmaps: '1', 'count/configmaps': '1' });
  expect((await server.post(CONFIG_MAPS, configMap('b'))).status).toBe(201);
  const refused = await server.post(CONFIG_MAPS, configMap('c'));
  expect(refused.status).toBe(403);
  expect(refused.body.message).toBe(
    'configmaps "c" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2',
  );
});

test('what is deleted is given back', async () => {
  await quota({ pods: '1' });
  await server.post(`${NAMESPACE}/pods`, pod('a'));
  await used({ pods: '1' });
  expect((await server.post(`${NAMESPACE}/pods`, pod('b'))).status).toBe(403);
  await server.delete(`${NAMESPACE}/pods/a`, { gracePeriodSeconds: 0 });
  await used({ pods: '0' });
  expect((await server.post(`${NAMESPACE}/pods`, pod('b'))).status).toBe(201);
});

test('concurrent creates cannot overrun a quota together', async () => {
  await quota({ 'count/configmaps': '5' });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => server.post(CONFIG_MAPS, configMap(`c${index}`))),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
  expect((await server.get(CONFIG_MAPS)).body.items).toHaveLength(5);
  await used({ 'count/configmaps': '5' });
});

test('a create that fails gives back what it took', async () => {
  await server.post(CONFIG_MAPS, configMap('a'));
  await quota({ configmaps: '2' });
  await used({ configmaps: '1' });
  expect((await server.post(CONFIG_MAPS, configMap('a'))).status).toBe(409);
  await used({ configmaps: '1' });
  expect((await server.post(CONFIG_MAPS, configMap('b'))).status).toBe(201);
});

test('compute resources of pods are summed, and must be said', async () => {
  await quota({ 'requests.cpu': '1', 'requests.memory': '1Gi', 'limits.cpu': '2' });
  const silent = await server.post(`${NAMESPACE}/pods`, pod('silent'));
  expect(silent.body.message).toBe(
    'pods "silent" is forbidden: failed quota: q: must specify limits.cpu for: main; requests.cpu for: main; requests.memory for: main',
  );
  const limited = {
    name: 'main',
    image: 'x',
    resources: { requests: { cpu: '600m', memory: '100Mi' }, limits: { cpu: '1' } },
  };
  expect((await server.post(`${NAMESPACE}/pods`, pod('a', { containers: [limited] }))).status).toBe(201);
  const over = await server.post(`${NAMESPACE}/pods`, pod('b', { containers: [limited] }));
  expect(over.body.message).toBe(
    'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
  );
});

test('a quota with scopes counts only pods of its scopes', async () => {
  await quota({ pods: '0' }, { scopes: ['BestEffort'] });
  expect((await server.post(`${NAMESPACE}/pods`, pod('best-effort'))).status).toBe(403);
  expect((await server.post(`${NAMESPACE}/pods`, pod('burstable', resources('1', '1Mi')))).status).toBe(201);
});

test('services count by type, also when they change', async () => {
  await quota({ services: '5', 'services.nodeports': '1', 'services.loadbalancers': '0' });
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { ports: [{ port: 80 }] },
  };
  await server.post(`${NAMESPACE}/services`, service);
  const grown = await server.patch(`${NAMESPACE}/services/s`, { spec: { type: 'NodePort' } });
  expect(grown.status).toBe(200);
  // One of the two is `kubernetes`.
  await used({ services: '2', 'services.nodeports': '1' });
  const balanced = await server.patch(`${NAMESPACE}/services/s`, { spec: { type: 'LoadBalancer' } });
  expect(balanced.body.message).toContain(
    'exceeded quota: q, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0',
  );
});

test('a LimitRange gives defaults and holds containers to its bounds', async () => {
  await server.post(`${NAMESPACE}/limitranges`, {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'l' },
    spec: {
      limits: [
        {
          type: 'Container',
          max: { cpu: '1' },
          min: { cpu: '100m' },
          defaultRequest: { cpu: '200m' },
          default: { cpu: '500m' },
          maxLimitRequestRatio: { cpu: '4' },
        },
      ],
    },
  });
  const answer = await server.post(`${NAMESPACE}/pods`, pod('a'));
  expect(answer.body.spec.containers[0].resources).toEqual({
    requests: { cpu: '200m' },
    limits: { cpu: '500m' },
  });
  expect(answer.body.metadata.annotations).toEqual({
    'kubernetes.io/limit-ranger':
      'LimitRanger plugin set: cpu request for container main; cpu limit for container main',
  });
  const refused = async (requests: string, limits: string) => {
    const container = {
      name: 'main',
      image: 'x',
      resources: { requests: { cpu: requests }, limits: { cpu: limits } },
    };
    return (await server.post(`${NAMESPACE}/pods`, pod('b', { containers: [container] }))).body.message;
  };
  expect(await refused('1', '2')).toBe(
    'pods "b" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
  );
  expect(await refused('50m', '600m')).toBe(
    'pods "b" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, cpu max limit to request ratio per Container is 4, but provided ratio is 12.000000]',
  );
});
