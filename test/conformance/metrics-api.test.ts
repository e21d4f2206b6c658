import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../harness/cloud.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { type RunningServer, startServer } from './running-server.ts';

const BASE = '/apis/metrics.k8s.io/v1beta1';
const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is answered.
type Json = any;

let running: RunningServer;
let node: Server;
let uid: string;

beforeAll(async () => {
  running = await startServer();
  node = await startNode();
  const { port } = node.address() as AddressInfo;
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    allocatable: { cpu: '2', memory: '4Gi' },
  };
  await made('/api/v1/nodes', { kind: 'Node', metadata: { name: 'n1', labels: { disk: 'ssd' } }, status });
  // Nobody answers for this one.
  await made('/api/v1/nodes', {
    kind: 'Node',
    metadata: { name: 'n2' },
    status: { ...status, addresses: [] },
  });
  await made('/api/v1/namespaces/default/serviceaccounts', {
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
  const spec = { nodeName: 'n1', containers: [{ name: 'main', image: 'x' }] };
  const pod = await made('/api/v1/namespaces/default/pods', {
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec,
  });
  uid = pod.metadata.uid;
  const running1 = { status: { ...pod.status, phase: 'Running' } };
  await send('PUT', '/api/v1/namespaces/default/pods/web/status', { ...pod, ...running1 });
});

afterAll(async () => {
  node?.closeAllConnections();
  node?.close();
  await running?.stop();
});

/** A node's server: half a core of each second of the node's goes to the node, a tenth to the container. */
async function startNode(): Promise<Server> {
  const pair = await running.pki.issueCertificate({
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    usages: ['server'],
    hosts: ['127.0.0.1'],
  });
  const server = createServer(
    {
      cert: pair.certificate,
      key: pair.key,
      ca: running.pki.caCertificatePem,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      const now = Date.now();
      const stats = (share: number, workingSetBytes: number) => ({
        cpu: { time: new Date(now).toISOString(), usageCoreNanoSeconds: Math.round(now * 1e6 * share) },
        memory: { workingSetBytes },
      });
      const containers = [{ name: 'main', ...stats(0.1, 20 * 1024 * 1024) }];
      const podRef = { name: 'web', namespace: 'default', uid };
      const isSummary = request.url === '/stats/summary';
      response.writeHead(isSummary ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ node: stats(0.5, 1024 ** 3), pods: [{ podRef, containers }] }));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function send(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  body?: object,
): Promise<{ status: number; body: Json }> {
  const [path = '', query] = url.split('?');
  const response = await running.server.handle(
    {
      method,
      path,
      headers: { 'content-type': 'application/json' },
      ...(query !== undefined && { query: new URLSearchParams(query) }),
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    },
    ADMIN,
  );
  const chunks: Uint8Array[] = [];
  if (response.body instanceof Uint8Array) chunks.push(response.body);
  else for await (const chunk of response.body) chunks.push(chunk);
  return { status: response.status, body: JSON.parse(Buffer.concat(chunks).toString()) };
}

async function made(path: string, object: object): Promise<Json> {
  const { status, body } = await send('POST', path, { apiVersion: 'v1', ...object });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
}

test('its APIService is ours and available', async () => {
  const { body } = await send('GET', '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io');
  expect(body).toMatchObject({
    spec: { group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100 },
    status: { conditions: [{ type: 'Available', status: 'True', reason: 'Local' }] },
  });
});

test('nodes and pods tell what they use, as far as their node answers', async () => {
  const { body } = await send('GET', `${BASE}/nodes`);
  expect(body).toMatchObject({ kind: 'NodeMetricsList', apiVersion: 'metrics.k8s.io/v1beta1' });
  expect(body.items).toHaveLength(1);
  const [one] = body.items;
  expect(one).toMatchObject({
    metadata: { name: 'n1', labels: { disk: 'ssd' } },
    usage: { memory: `${1024 * 1024}Ki` },
  });
  expect(one.window).toMatch(/^[\d.]+s$/);
  expect(Number(/^(\d+)n$/.exec(one.usage.cpu)![1]) / 1e9).toBeCloseTo(0.5, 1);
  const pods = (await send('GET', `${BASE}/pods?labelSelector=app%3Dweb`)).body.items;
  expect(pods).toMatchObject([
    {
      metadata: { name: 'web', namespace: 'default' },
      containers: [{ name: 'main', usage: { memory: '20480Ki' } }],
    },
  ]);
  expect((await send('GET', `${BASE}/pods?labelSelector=app%3Dother`)).body.items).toEqual([]);
  expect((await send('GET', `${BASE}/namespaces/kube-system/pods`)).body.items).toEqual([]);
  expect((await send('GET', `${BASE}/namespaces/default/pods/web`)).body.kind).toBe('PodMetrics');
  const missing = await send('GET', `${BASE}/nodes/n2`);
  expect([missing.status, missing.body.message]).toEqual([404, 'nodes.metrics.k8s.io "n2" not found']);
  expect((await send('DELETE', `${BASE}/nodes/n1`)).status).toBe(405);
});

describe.each(findKubectls())('under $name', ({ path }) => {
  test('kubectl top shows nodes and pods', async () => {
    const kubeconfig = await running.kubeconfig({ commonName: 'k', organizations: ['system:masters'] });
    const kubectl = await Kubectl.create(path, kubeconfig, 'default');
    try {
      expect(await kubectl.ok('top', 'nodes')).toMatch(/n1 +\d{3}m +2\d% +1024Mi +25%/);
      expect(await kubectl.ok('top', 'pods', '--containers')).toMatch(/web +main +\d+m +20Mi/);
      expect(await kubectl.ok('get', 'pods.metrics.k8s.io')).toMatch(/NAME +CPU +MEMORY +WINDOW/);
    } finally {
      await kubectl.dispose();
    }
  });
});

test('a metrics-server that is installed takes it over, and gives it back', async () => {
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io';
  const { body } = await send('GET', path);
  const service = { namespace: 'kube-system', name: 'metrics-server', port: 443 };
  await send('PUT', path, { ...body, spec: { ...body.spec, service, insecureSkipTLSVerify: true } });
  await eventually('taken over', async () => {
    const answer = await running.server.handle({ method: 'GET', path: `${BASE}/nodes` }, ADMIN);
    return answer.status === 503 ? true : undefined;
  });
  expect((await send('DELETE', path)).status).toBe(200);
  await eventually('given back', async () => {
    const answer = await running.server.handle({ method: 'GET', path: `${BASE}/nodes` }, ADMIN);
    return answer.status === 200 ? true : undefined;
  });
});
