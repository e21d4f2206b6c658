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

describe('an object', () => {
  const data = Object.fromEntries(
    Array.from({ length: 9999 }, (_, index) => [
      `this-key-is-very-long-so-as-to-create-a-very-large-serialized-fieldset-${index}`,
      'A',
    ]),
  );
  const configMaps = '/api/v1/namespaces/default/configmaps';

  test('too large with the names of who owns its fields is stored without, but not applied', async () => {
    const { body } = await send('POST', configMaps, { metadata: { name: 'large' }, data });
    expect(body.metadata.managedFields).toBeUndefined();
    await send('POST', configMaps, { metadata: { name: 'grown' }, data: { k: 'v' } });
    expect((await send('PATCH', `${configMaps}/grown`, { data }, MERGE)).status).toBe(200);
    const empty = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'grown' } };
    expect((await send('PATCH', `${configMaps}/grown?fieldManager=a`, empty, APPLY)).status).toBe(413);
  });

  test('that stays for its finalizers is accepted to be deleted when its dependents go too', async () => {
    const finalizers = ['kube.io/dummy-finalizer'];
    for (const name of ['a', 'b']) await send('POST', configMaps, { metadata: { name, finalizers } });
    expect((await send('DELETE', `${configMaps}/a`)).status).toBe(200);
    expect((await send('DELETE', `${configMaps}/b`, { orphanDependents: false })).status).toBe(202);
  });
});

describe('dependents', () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };

  test('of a ReplicationController and of a Job stay when nothing else is said, and of a Job it is warned', async () => {
    const controllers = '/api/v1/namespaces/default/replicationcontrollers';
    const spec = { replicas: 0, selector: { a: 'b' }, template };
    await send('POST', controllers, { metadata: { name: 'keeps' }, spec });
    expect((await send('DELETE', `${controllers}/keeps`)).body.metadata.finalizers).toEqual(['orphan']);
    const jobs = '/apis/batch/v1/namespaces/default/jobs';
    const once = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
    await send('POST', jobs, { metadata: { name: 'keeps' }, spec: { template: once } });
    const { body, warnings } = await send('DELETE', `${jobs}/keeps`);
    expect(body.metadata.finalizers).toEqual(['orphan']);
    expect(warnings).toEqual([
      expect.stringMatching(/^child pods are preserved by default when jobs are deleted;/),
    ]);
    const background = { propagationPolicy: 'Background' };
    expect((await send('DELETE', `${jobs}/keeps`, background)).warnings).toEqual([]);
    expect((await send('GET', `${jobs}/keeps`)).status).toBe(404);
  });
});

describe('a list', () => {
  const secrets = '/api/v1/namespaces/default/secrets';

  test.each([
    ['resourceVersion=x&resourceVersionMatch=Bogus', 'supported values'],
    ['resourceVersion=x&resourceVersionMatch=Exact&continue=y', 'forbidden when continue is provided'],
    ['resourceVersion=x&continue=y', 'Invalid value: "x"'],
    ['resourceVersion=1&continue=y', 'continue key is not valid'],
  ])('asked for with %s says first: %s', async (query, why) => {
    expect((await send('GET', `${secrets}?${query}`)).body.message).toContain(why);
  });
});
