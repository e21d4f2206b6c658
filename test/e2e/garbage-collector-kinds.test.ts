import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, type ResourceRef } from '../../src/client/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';
import { eventually } from '../harness/cloud.ts';
import { bootControlPlane, type ControlPlane } from './control-plane-fixture.ts';

const GROUP = 'gc.example.com';
let plane: ControlPlane;

beforeAll(async () => {
  plane = await bootControlPlane();
});

afterAll(() => plane.stop());

function widgets(version: string): ResourceRef {
  return { group: GROUP, version, resource: 'widgets', namespaced: true, kind: 'Widget' };
}

async function define(version: string): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object' } };
  await plane.client.resource<KubeObject>(CUSTOM_RESOURCE_DEFINITIONS).create({
    metadata: { name: `widgets.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  } as never);
}

/** Makes a widget that a config map owns, and deletes its owner. */
async function ownAndDelete(name: string, version: string): Promise<void> {
  const maps = plane.client.resource<KubeObject>(CONFIG_MAPS);
  const namespace = 'default';
  const owner = await maps.create({ metadata: { name, namespace } } as never);
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: owner.metadata.uid }];
  const client = plane.client.resource<KubeObject>(widgets(version));
  await eventually('the kind is served', () =>
    client.create({ metadata: { name, namespace, ownerReferences } } as never),
  );
  await maps.delete(name, { namespace });
}

const isGone = (name: string, version: string, timeoutMs: number) =>
  eventually(
    `${name} is collected`,
    async () => {
      const { items } = await plane.client.resource<KubeObject>(widgets(version)).list({});
      return items.some(({ metadata }) => metadata.name === name) ? undefined : true;
    },
    timeoutMs,
  );

test('objects of a new kind, and of one that comes again in another version, are collected within seconds', async () => {
  await define('v1');
  await ownAndDelete('first', 'v1');
  await isGone('first', 'v1', 10_000);
  const definitions = plane.client.resource<KubeObject>(CUSTOM_RESOURCE_DEFINITIONS);
  await definitions.delete(`widgets.${GROUP}`);
  await eventually('the definition is gone', async () =>
    (await definitions.list({})).items.length === 0 ? true : undefined,
  );
  await define('v2');
  await ownAndDelete('second', 'v2');
  await isGone('second', 'v2', 10_000);
  expect((await definitions.list({})).items).toHaveLength(1);
});
