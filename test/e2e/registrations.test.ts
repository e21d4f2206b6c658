import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  API_SERVICES,
  type Client,
  CUSTOM_RESOURCE_DEFINITIONS,
  FLOW_SCHEMAS,
  PRIORITY_LEVEL_CONFIGURATIONS,
} from '../../src/client/index.ts';
import type { apiextensionsv1, apiregistrationv1, flowcontrolv1 } from '../../src/kube/index.ts';
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
  await definitions.delete('widgets.example.com');
  await until<Service, boolean>(client, API_SERVICES, undefined, (all) => of(all) === undefined);
});
