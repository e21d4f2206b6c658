import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Client,
  ENDPOINT_SLICES,
  ENDPOINTS,
  IP_ADDRESSES,
  SERVICE_CIDRS,
  SERVICES,
} from '../../src/client/index.ts';
import type { corev1, discoveryv1, networkingv1 } from '../../src/kube/index.ts';
import { bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

// What the tests of upstream's test/e2e/network ask of controllers; requests alone are in test/conformance.

let controlPlane: ControlPlane;
let client: Client;

beforeAll(async () => {
  controlPlane = await bootControlPlane();
  client = controlPlane.client;
});

afterAll(() => controlPlane.stop());

const namespace = 'default';
const services = () => client.resource<corev1.Service>(SERVICES);

const slicesOf = (service: string, look: (slices: discoveryv1.EndpointSlice[]) => boolean) =>
  until<discoveryv1.EndpointSlice, discoveryv1.EndpointSlice[]>(client, ENDPOINT_SLICES, namespace, (all) => {
    const own = all.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service);
    return look(own) && own;
  });

test('EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete', async () => {
  const name = 'example-custom-endpoints';
  const ports = [{ name: 'example', port: 80, protocol: 'TCP' }];
  await services().create({ metadata: { name, namespace }, spec: { ports } } as never);
  const endpoints = client.resource<corev1.Endpoints>(ENDPOINTS);
  const subsets = (ip: string) => [{ ports: [{ port: 80 }], addresses: [{ ip }] }];
  await endpoints.create({ metadata: { name, namespace }, subsets: subsets('10.1.2.3') });
  const [slice] = await slicesOf(name, ({ length }) => length === 1);
  expect(slice).toMatchObject({
    addressType: 'IPv4',
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
    endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }],
    metadata: {
      labels: { 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' },
      ownerReferences: [{ kind: 'Endpoints', name }],
    },
  });
  // Upstream sends what it made, without a version: the update is unconditional.
  await endpoints.update({ metadata: { name, namespace }, subsets: subsets('10.2.3.4') } as never);
  const [same] = await slicesOf(name, ([one]) => one?.endpoints?.[0]?.addresses[0] === '10.2.3.4');
  expect(same!.metadata.name).toBe(slice!.metadata.name);
  await endpoints.delete(name, { namespace });
  await slicesOf(name, ({ length }) => length === 0);
});

test('Endpoints of a service that gets a selector are mirrored no more', async () => {
  const name = 'selected-later';
  const ports = [{ port: 80 }];
  const made = await services().create({ metadata: { name, namespace }, spec: { ports } } as never);
  const endpoints = client.resource<corev1.Endpoints>(ENDPOINTS);
  await endpoints.create({
    metadata: { name, namespace },
    subsets: [{ ports, addresses: [{ ip: '10.1.2.3' }] }],
  });
  await slicesOf(name, ({ length }) => length === 1);
  await services().update({ ...made, spec: { ...made.spec, selector: { app: 'web' } } });
  const [slice] = await slicesOf(
    name,
    ([one, ...more]) =>
      more.length === 0 &&
      one?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === 'endpointslice-controller.k8s.io',
  );
  expect(slice!.endpoints ?? []).toEqual([]);
});

test('Service CIDRs should create Services and serve on different Service CIDRs', async () => {
  const ranges = client.resource<networkingv1.ServiceCIDR>(SERVICE_CIDRS);
  const name = 'test-svc-cidr';
  const service = {
    metadata: { name: 'cidr1-test', namespace },
    spec: { type: 'NodePort', clusterIP: '203.0.113.10', ports: [{ port: 80 }] },
  } as never;
  await expect(services().create(service)).rejects.toThrow(
    'the provided IP (203.0.113.10) is not in the valid range',
  );
  await ranges.create({ metadata: { name }, spec: { cidrs: ['203.0.113.0/24'] } });
  const ready = (status: string) => (all: networkingv1.ServiceCIDR[]) =>
    all.find(
      (one) =>
        one.metadata.name === name &&
        one.status?.conditions?.some(
          (condition) => condition.type === 'Ready' && condition.status === status,
        ),
    );
  const range = await until(client, SERVICE_CIDRS, undefined, ready('True'));
  expect(range.metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer']);
  expect((await services().create(service)).spec.clusterIP).toBe('203.0.113.10');
  const held = await client.resource<networkingv1.IPAddress>(IP_ADDRESSES).get('203.0.113.10');
  expect(held.spec.parentRef).toEqual({ group: '', resource: 'services', namespace, name: 'cidr1-test' });
  // While a service has an address of it the range stays, and says why.
  await ranges.delete(name);
  const going = await until(client, SERVICE_CIDRS, undefined, ready('False'));
  expect(going.status!.conditions![0]).toMatchObject({ reason: 'Terminating' });
  await expect(
    services().create({
      ...(service as object),
      metadata: { name: 'late', namespace },
      spec: { ports: [{ port: 80 }], clusterIP: '203.0.113.11' },
    } as never),
  ).rejects.toThrow('is not in the valid range');
  await services().delete('cidr1-test', { namespace });
  await until(
    client,
    SERVICE_CIDRS,
    undefined,
    (all) => !all.some(({ metadata }) => metadata.name === name) && true,
  );
}, 30_000);
