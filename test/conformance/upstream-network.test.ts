import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JSON_PATCH, MERGE, rawClient, type Send, STRATEGIC } from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What the tests of upstream's test/e2e/network ask of the API server alone; titles are upstream's.

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const SERVICES = '/api/v1/namespaces/default/services';
const ENDPOINTS = '/api/v1/namespaces/default/endpoints';

let running: RunningServer;
let send: Send;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
});

afterAll(() => running?.stop());

async function ok(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Json> {
  const answer = await send(method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.bytes}`);
  return answer.body;
}

describe('Services', () => {
  const external = (name: string) => ({
    metadata: { name },
    spec: { type: 'ExternalName', externalName: 'foo.example.com', ports: [{ port: 80, protocol: 'TCP' }] },
  });
  /** Upstream reads, changes and puts. */
  async function change(name: string, how: (service: Json) => void): Promise<Json> {
    const service = await ok('GET', `${SERVICES}/${name}`);
    how(service);
    return ok('PUT', `${SERVICES}/${name}`, service);
  }

  test('should be able to change the type from ExternalName to ClusterIP', async () => {
    const made = await ok('POST', SERVICES, external('en-ci'));
    expect(made.spec.clusterIP).toBeUndefined();
    expect(made.spec.ipFamilies).toBeUndefined();
    const changed = await change('en-ci', ({ spec }) => {
      spec.type = 'ClusterIP';
      spec.externalName = '';
      spec.ports = [{ port: 80, name: 'http', protocol: 'TCP', targetPort: 9376 }];
    });
    expect(changed.spec.clusterIP).toMatch(/^10\./);
    expect(changed.spec.clusterIPs).toEqual([changed.spec.clusterIP]);
    expect(changed.spec.externalName).toBeUndefined();
  });

  test('should be able to change the type from ExternalName to NodePort, and back', async () => {
    await ok('POST', SERVICES, external('en-np'));
    const there = await change('en-np', ({ spec }) => {
      spec.type = 'NodePort';
      spec.externalName = '';
      spec.ports = [
        { port: 80, name: 'http', protocol: 'TCP', targetPort: 9376 },
        { port: 80, name: 'udp', protocol: 'UDP', targetPort: 9376 },
      ];
    });
    const ports = there.spec.ports.map(({ nodePort }: Json) => nodePort);
    expect(ports.every((port: number) => port >= 30_000)).toBe(true);
    const { clusterIP } = there.spec;
    const back = await change('en-np', ({ spec }) => {
      spec.type = 'ExternalName';
      spec.externalName = 'a.example.com';
    });
    expect([back.spec.clusterIP, back.spec.clusterIPs, back.spec.ports?.[0]?.nodePort]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    // What it held is free again.
    const taken = await ok('POST', SERVICES, {
      metadata: { name: 'taker' },
      spec: { type: 'NodePort', clusterIP, ports: [{ port: 80, nodePort: ports[0] }] },
    });
    expect(taken.spec.clusterIP).toBe(clusterIP);
  });

  test('should be able to change the type from ClusterIP and NodePort to ExternalName by what upstream sends', async () => {
    for (const type of ['ClusterIP', 'NodePort']) {
      const name = `to-en-${type.toLowerCase()}`;
      await ok('POST', SERVICES, { metadata: { name }, spec: { type, ports: [{ port: 80 }] } });
      // The cluster's address stays in what is sent; the server takes it away.
      const changed = await change(name, ({ spec }) => {
        spec.type = 'ExternalName';
        spec.externalName = `${name}.default.svc.cluster.local`;
      });
      expect(changed.spec).toMatchObject({ type: 'ExternalName' });
      expect(changed.spec.clusterIP).toBeUndefined();
    }
  });

  test('should be able to switch session affinity', async () => {
    await ok('POST', SERVICES, {
      metadata: { name: 'affine' },
      spec: { sessionAffinity: 'ClientIP', ports: [{ port: 80 }] },
    });
    const read = await ok('GET', `${SERVICES}/affine`);
    expect(read.spec.sessionAffinityConfig).toEqual({ clientIP: { timeoutSeconds: 10_800 } });
    const off = await change('affine', ({ spec }) => {
      spec.sessionAffinity = 'None';
      delete spec.sessionAffinityConfig;
    });
    expect(off.spec.sessionAffinityConfig).toBeUndefined();
    const patch = { spec: { sessionAffinity: 'ClientIP' } };
    expect((await ok('PATCH', `${SERVICES}/affine`, patch, STRATEGIC)).spec.sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10_800 },
    });
  });

  test('should complete a service status lifecycle', async () => {
    const name = 'test-service-status';
    await ok('POST', SERVICES, {
      metadata: { name, labels: { 'test-service-static': 'true' } },
      spec: { type: 'LoadBalancer', ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 80 }] },
    });
    const path = `${SERVICES}/${name}/status`;
    const balancer = { ingress: [{ ip: '203.0.113.1' }] };
    const patch = {
      metadata: { annotations: { patchedstatus: 'true' } },
      status: { loadBalancer: balancer },
    };
    const patched = await ok('PATCH', path, patch, MERGE);
    expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' });
    expect(patched.status.loadBalancer.ingress).toMatchObject([{ ip: '203.0.113.1', ipMode: 'VIP' }]);
    const read = await ok('GET', path);
    const conditions = [
      {
        type: 'StatusUpdate',
        status: 'True',
        reason: 'E2E',
        message: 'Set from e2e test',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ];
    const updated = await ok('PUT', path, { ...read, status: { ...read.status, conditions } });
    expect(updated.status.conditions).toEqual(conditions);
    const servicePatch = { metadata: { labels: { 'test-service': 'patched' } } };
    expect((await ok('PATCH', `${SERVICES}/${name}`, servicePatch, STRATEGIC)).metadata.labels).toMatchObject(
      {
        'test-service': 'patched',
      },
    );
    await ok('DELETE', `${SERVICES}/${name}`);
  });

  test('should delete a collection of services', async () => {
    for (const index of [0, 1, 2])
      await ok('POST', SERVICES, {
        metadata: { name: `e2e-svc-${index}`, labels: { 'e2e-test-service': index === 2 ? 'kept' : 'gone' } },
        spec: { ports: [{ port: 8080 + index }] },
      });
    await ok('DELETE', `${SERVICES}?labelSelector=e2e-test-service%3Dgone`);
    const { items } = await ok('GET', `${SERVICES}?labelSelector=e2e-test-service`);
    expect(items.map(({ metadata }: Json) => metadata.name)).toEqual(['e2e-svc-2']);
  });

  test('should provide secure master service, with EndpointSlices that say what its Endpoints say', async () => {
    const service = await ok('GET', `${SERVICES}/kubernetes`);
    expect(service.spec.ports).toMatchObject([{ name: 'https', port: 443, protocol: 'TCP' }]);
    const endpoints = await ok('GET', `${ENDPOINTS}/kubernetes`);
    const { items } = await ok(
      'GET',
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes',
    );
    expect(items).toHaveLength(1);
    expect(items[0].endpoints.flatMap(({ addresses }: Json) => addresses)).toEqual(
      endpoints.subsets[0].addresses.map(({ ip }: Json) => ip),
    );
    expect(items[0].ports[0].port).toBe(endpoints.subsets[0].ports[0].port);
  });

  test('should test the lifecycle of an Endpoint', async () => {
    const name = 'testservice';
    const made = await ok('POST', ENDPOINTS, {
      metadata: { name, labels: { 'test-endpoint-static': 'true' } },
      subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }],
    });
    made.metadata.labels['test-service'] = 'updated';
    expect((await ok('PUT', `${ENDPOINTS}/${name}`, made)).metadata.labels['test-service']).toBe('updated');
    const patch = {
      metadata: { labels: { 'test-service': 'patched' } },
      subsets: [{ addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080 }] }],
    };
    const patched = await ok('PATCH', `${ENDPOINTS}/${name}`, patch, STRATEGIC);
    expect(patched.subsets).toEqual([
      { addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080, protocol: 'TCP' }] },
    ]);
    await ok('DELETE', `${ENDPOINTS}?labelSelector=test-endpoint-static%3Dtrue`);
    expect((await send('GET', `${ENDPOINTS}/${name}`)).status).toBe(404);
  });
});

test('ServiceCIDR and IPAddress API: the default range has a status, and any address may be kept', async () => {
  const range = await ok('GET', '/apis/networking.k8s.io/v1/servicecidrs/kubernetes');
  const status = await ok('GET', '/apis/networking.k8s.io/v1/servicecidrs/kubernetes/status');
  expect([status.kind, status.metadata.uid]).toEqual(['ServiceCIDR', range.metadata.uid]);
  const addresses = '/apis/networking.k8s.io/v1/ipaddresses';
  const parentRef = { group: 'mygroup', resource: 'myresources', namespace: 'foo', name: 'bar' };
  for (const name of ['255.255.255.255', 'fe80::42:1dff:fe84:f9e2'])
    await ok('POST', addresses, { metadata: { name, labels: { test: 'ip' } }, spec: { parentRef } });
  await ok('DELETE', `${addresses}?labelSelector=test%3Dip`);
  expect((await ok('GET', `${addresses}?labelSelector=test%3Dip`)).items).toEqual([]);
});

test('Ingress API should support creating Ingress API operations', async () => {
  const path = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';
  const backend = { service: { name: 'defaultbackend', port: { number: 80 } } };
  const made = await ok('POST', path, {
    metadata: { generateName: 'e2e-example-ing' },
    spec: { defaultBackend: backend, rules: [{ host: 'a.example.com' }] },
  });
  const at = `${path}/${made.metadata.name}`;
  const status = { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } };
  const patched = await ok(
    'PATCH',
    `${at}/status`,
    { metadata: { annotations: { patchedstatus: 'true' } }, status },
    MERGE,
  );
  expect([patched.status.loadBalancer.ingress[0].ip, patched.metadata.annotations]).toEqual([
    '169.1.1.1',
    { patchedstatus: 'true' },
  ]);
  const operations = [
    { op: 'replace', path: '/spec/defaultBackend/service/name', value: 'test' },
    { op: 'add', path: '/metadata/annotations/patched', value: 'json' },
  ];
  const changed = await ok('PATCH', at, operations, JSON_PATCH);
  expect([changed.spec.defaultBackend.service.name, changed.metadata.generation]).toEqual(['test', 2]);
  expect(changed.status.loadBalancer.ingress[0].ip).toBe('169.1.1.1');
});
