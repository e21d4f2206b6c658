import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APPLY, MERGE, rawClient, type Send } from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What upstream's test/integration/apiserver/apply asks.

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

let running: RunningServer;
let send: Send;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
});

afterAll(async () => {
  await running?.stop();
});

describe('scale', () => {
  const scale = (replicas: number) => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'test', namespace: 'default' },
    spec: { replicas },
  });

  test.each([
    ['Deployment', 'apps/v1', '/apis/apps/v1/namespaces/default/deployments/test'],
    ['ReplicationController', 'v1', '/api/v1/namespaces/default/replicationcontrollers/test'],
  ])('of a %s is applied, and its owners own the replicas', async (kind, apiVersion, path) => {
    const labels = { app: 'nginx' };
    const selector = kind === 'Deployment' ? { matchLabels: labels } : labels;
    const containers = [{ name: 'nginx', image: 'nginx' }];
    const template = { metadata: { labels }, spec: { containers } };
    const spec = { replicas: 1, selector, template };
    const asked = { apiVersion, kind, metadata: { name: 'test' }, spec };
    await send('PATCH', `${path}?fieldManager=apply_test`, asked, APPLY);
    const refused = await send('PATCH', `${path}/scale?fieldManager=apply_scale`, scale(17), APPLY);
    expect([refused.status, refused.body.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "apply_test": .spec.replicas',
    ]);
    const forced = `${path}/scale?fieldManager=apply_scale&force=true`;
    expect((await send('PATCH', forced, scale(17), APPLY)).body).toMatchObject(scale(17));
    expect(await replicasAndOwners(path)).toEqual([17, 'apply_scale']);
    await send('PUT', `${path}/scale?fieldManager=replace_test`, scale(7));
    await send('PATCH', `${path}/scale?fieldManager=co_owner`, scale(7), APPLY);
    expect(await replicasAndOwners(path)).toEqual([7, 'co_owner', 'replace_test']);
    await send('PATCH', `${path}/scale?fieldManager=scale_test`, { spec: { replicas: 5 } }, MERGE);
    expect(await replicasAndOwners(path)).toEqual([5, 'scale_test']);
  });

  test('is not applied by nobody, nor with fields it has not', async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments/test/scale';
    expect((await send('PATCH', path, scale(1), APPLY)).body.message).toContain(
      'fieldManager: Required value',
    );
    const strange = { ...scale(1), spec: { replicas: 1, foo: 1 } };
    expect((await send('PATCH', `${path}?fieldManager=x`, strange, APPLY)).body.message).toBe(
      'failed to create typed patch object (default/test; autoscaling/v1, Kind=Scale): .spec.foo: field not declared in schema',
    );
  });

  async function replicasAndOwners(path: string): Promise<unknown[]> {
    const { body } = await send('GET', path);
    const owners = body.metadata.managedFields.filter(
      ({ fieldsV1 }: Json) => fieldsV1['f:spec']?.['f:replicas'],
    );
    return [body.spec.replicas, ...owners.map(({ manager }: Json) => manager).sort()];
  }
});
