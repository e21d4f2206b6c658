import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  API_SERVICES,
  type Client,
  CUSTOM_RESOURCE_DEFINITIONS,
  FLOW_SCHEMAS,
  NAMESPACES,
  PRIORITY_LEVEL_CONFIGURATIONS,
} from '../../src/client/index.ts';
import type { apiextensionsv1, apiregistrationv1, corev1, flowcontrolv1 } from '../../src/kube/index.ts';
import { eventually } from '../harness/cloud.ts';
import { ExtensionServer, GROUP } from '../harness/extension-server.ts';
import { bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

type Schema = flowcontrolv1.FlowSchema;
type Service = apiregistrationv1.APIService;

let controlPlane: ControlPlane;
let client: Client;

beforeAll(async () => {
  controlPlane = await bootControlPlane();
  client = controlPlane.client;
});

afterAll(() => controlPlane.stop());

test('a flow schema tells whether its priority level is there', async () => {
  const level = {
    metadata: { name: 'mine' },
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } },
  };
  await client.resource<Schema>(FLOW_SCHEMAS).create({
    metadata: { name: 'mine' },
    spec: { priorityLevelConfiguration: { name: 'mine' }, rules: [] },
  });
  const dangling = (status: string) =>
    until<Schema, boolean>(client, FLOW_SCHEMAS, undefined, (all) =>
      all.some(
        ({ metadata, status: has }) =>
          metadata.name === 'mine' &&
          has?.conditions?.some((one) => one.type === 'Dangling' && one.status === status),
      ),
    );
  expect(await dangling('True')).toBe(true);
  const levels = client.resource<flowcontrolv1.PriorityLevelConfiguration>(PRIORITY_LEVEL_CONFIGURATIONS);
  await levels.create(level);
  expect(await dangling('False')).toBe(true);
});

test('the versions of a definition have an APIService each, as long as they are served', async () => {
  const definitions = client.resource<apiextensionsv1.CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  await definitions.create({
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } as apiextensionsv1.JSONSchemaProps },
        },
      ],
    } as unknown as apiextensionsv1.CustomResourceDefinitionSpec,
  });
  const of = (all: Service[]) => all.find(({ metadata }) => metadata.name === 'v1.example.com');
  const made = await until<Service, Service>(client, API_SERVICES, undefined, of);
  expect(made).toMatchObject({
    metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'true' } },
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 },
    status: { conditions: [{ type: 'Available', status: 'True', reason: 'Local' }] },
  });
  const services = client.resource<Service>(API_SERVICES);
  await services.patch('v1.example.com', { type: 'merge', body: { spec: { versionPriority: 1 } } });
  await until<Service, boolean>(
    client,
    API_SERVICES,
    undefined,
    (all) =>
      of(all)?.spec.versionPriority === 100 &&
      of(all)!.metadata.resourceVersion !== made.metadata.resourceVersion,
  );
  await definitions.delete('widgets.example.com');
  await until<Service, boolean>(client, API_SERVICES, undefined, (all) => of(all) === undefined);
});

test('a namespace is emptied of what extension API servers have, and waits for one that is down', async () => {
  const requestHeaderCa = await readFile(controlPlane.pki.paths.frontProxyCaCertificate, 'utf8');
  const service = { namespace: 'default', name: 'wardle' };
  const extension = await ExtensionServer.start({ service, requestHeaderCa });
  const request = (method: 'GET' | 'POST', path: string, body?: object) =>
    controlPlane.transport.request({
      method,
      path,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    });
  try {
    await request('POST', '/api/v1/namespaces/default/services', extension.serviceObject);
    await request('POST', '/apis/apiregistration.k8s.io/v1/apiservices', extension.apiService());
    const namespaces = client.resource<corev1.Namespace>(NAMESPACES);
    for (const name of ['full', 'stuck']) await namespaces.create({ metadata: { name }, spec: {} });
    const flunders = `/apis/${GROUP}/v1alpha1/namespaces/full/flunders`;
    await eventually('the extension is available', async () =>
      (await request('POST', flunders, { metadata: { name: 'one' } })).status === 201 ? true : undefined,
    );
    await namespaces.delete('full');
    await until<corev1.Namespace, boolean>(client, NAMESPACES, undefined, (all) =>
      all.every(({ metadata }) => metadata.name !== 'full'),
    );
    expect(extension.count).toBe(0);

    await extension.stop();
    await namespaces.delete('stuck');
    const failure = await until<corev1.Namespace, corev1.NamespaceCondition>(
      client,
      NAMESPACES,
      undefined,
      (all) =>
        all
          .find(({ metadata }) => metadata.name === 'stuck')
          ?.status?.conditions?.find(
            ({ type, status }) => type === 'NamespaceDeletionDiscoveryFailure' && status === 'True',
          ),
    );
    expect(failure).toMatchObject({
      reason: 'DiscoveryFailed',
      message: `Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: ${GROUP}/v1alpha1: stale GroupVersion discovery: ${GROUP}/v1alpha1`,
    });
    await client.resource<Service>(API_SERVICES).delete(`v1alpha1.${GROUP}`);
    await until<corev1.Namespace, boolean>(client, NAMESPACES, undefined, (all) =>
      all.every(({ metadata }) => metadata.name !== 'stuck'),
    );
  } finally {
    await extension.stop();
  }
});
