import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/kube/object.ts';
import type { Resource } from '../../src/kube/resource.ts';
import { builtinResources } from '../../src/kube/resources/builtin-resources.ts';
import { olderSamples, samples } from '../../src/kube/resources/samples.test-data.ts';
import { groupVersionString } from '../../src/kube/schema/schema.ts';
import {
  APPLY,
  JSON_PATCH,
  MERGE,
  rawClient,
  rawWatch,
  type Send,
  STRATEGIC,
  type Watch,
} from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What upstream's tests of "API operations" and "lifecycles" (test/e2e/{apps,network,node,storage,scheduling,dra}) do with
// each kind, done with every kind and version there is.

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

let running: RunningServer;
let send: Send;
let watch: Watch;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
  watch = await rawWatch(running);
  // No controllers run here: what they make is made by hand.
  await send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});

afterAll(() => running?.stop());

/** Kinds whose objects bear the names of other things, and so cannot be named at will. */
const NAMED_BY_CONTENT = new Set(['customresourcedefinitions', 'apiservices']);
/** Wait for a controller, or for what it puts in the way, to be deleted; or have no deletecollection. */
const NOT_GONE_AT_ONCE = new Set([
  'namespaces',
  'servicecidrs',
  'customresourcedefinitions',
  'apiservices',
  'persistentvolumes',
  'persistentvolumeclaims',
]);
/** The server itself writes their status. */
const HAS_OPINION = new Set([
  'apiservices',
  'customresourcedefinitions',
  'resourcequotas',
  'validatingadmissionpolicies',
]);

/** Said, since some kinds keep their dependents when it is not. */
const AT_ONCE = { gracePeriodSeconds: 0, propagationPolicy: 'Background' };

// Components' states are only read.
const kinds = builtinResources
  .filter(({ name }) => name !== 'componentstatuses')
  .map((resource) => [title(resource), resource] as const);

function title({ group, name, version }: Resource): string {
  return `${group === '' ? 'core' : group}/${version} ${name}`;
}

function pathOf(resource: Resource): { here: string; everywhere: string } {
  const { group, version, namespaced, name } = resource;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return {
    here: namespaced ? `${root}/namespaces/default/${name}` : `${root}/${name}`,
    everywhere: `${root}/${name}`,
  };
}

function sampleOf(resource: Resource, name: string): KubeObject {
  const key = `${resource.group}/${resource.name}`;
  const sample = structuredClone(olderSamples[`${key}@${resource.version}`] ?? samples[key]!);
  sample.apiVersion = groupVersionString(resource);
  sample.metadata.labels = { lifecycle: `${resource.name}-${resource.version}`, step: 'created' };
  if (resource.name === 'ipaddresses') sample.metadata.name = `10.9.8.${name.length}`;
  else if (!NAMED_BY_CONTENT.has(resource.name)) sample.metadata.name = name;
  return sample;
}

async function ok(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Json> {
  const answer = await send(method, path, body, headers);
  const text = answer.status < 300 ? '' : answer.bytes.toString();
  expect(`${method} ${path} ${answer.status < 300 ? '' : answer.status} ${text}`.trim()).toBe(
    `${method} ${path}`,
  );
  return answer.body;
}

describe.each(kinds)('%s', (_, resource) => {
  const { here, everywhere } = pathOf(resource);
  const label = `labelSelector=lifecycle%3D${resource.name}-${resource.version}`;
  const hasStatus = resource.subresources.some(({ name }) => name === 'status');

  test('create, read, change, delete, and what a watch sees of it', async () => {
    const sample = sampleOf(resource, `one-${resource.version}`);
    const { name } = sample.metadata;
    const before = await ok('GET', `${here}?${label}`);
    const created = await ok('POST', here, sample);
    expect(created.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(created).toMatchObject({ apiVersion: sample.apiVersion, kind: sample.kind });
    if (!HAS_OPINION.has(resource.name)) expect(await ok('GET', `${here}/${name}`)).toEqual(created);
    for (const list of [`${here}?${label}`, `${everywhere}?${label}`]) {
      const { kind, items } = await ok('GET', list);
      expect([kind, items.length]).toEqual([`${sample.kind}List`, 1]);
    }
    const patches: [Record<string, string>, unknown][] = [
      [MERGE, { metadata: { annotations: { patched: 'merge' }, labels: { step: 'patched' } } }],
      [STRATEGIC, { metadata: { annotations: { patched: 'strategic' } } }],
      [JSON_PATCH, [{ op: 'replace', path: '/metadata/annotations/patched', value: 'json' }]],
    ];
    for (const [type, patch] of patches) await ok('PATCH', `${here}/${name}`, patch, type);
    const patched = await ok('GET', `${here}/${name}`);
    expect(patched.metadata.annotations).toMatchObject({ patched: 'json' });
    patched.metadata.annotations.updated = 'true';
    const updated = await ok('PUT', `${here}/${name}`, patched);
    expect(updated.metadata.annotations).toMatchObject({ patched: 'json', updated: 'true' });
    expect(BigInt(updated.metadata.resourceVersion)).toBeGreaterThan(
      BigInt(created.metadata.resourceVersion),
    );
    await ok(
      'PATCH',
      `${here}/${name}?fieldManager=e2e&force=true`,
      { apiVersion: sample.apiVersion, kind: sample.kind, metadata: { name, labels: { applied: 'true' } } },
      APPLY,
    );
    await ok('DELETE', `${here}/${name}`, AT_ONCE);
    if (HAS_OPINION.has(resource.name)) return;
    const gone = !NOT_GONE_AT_ONCE.has(resource.name);
    const from = before.metadata.resourceVersion;
    const events = await watch(`${here}?watch=1&${label}&resourceVersion=${from}`, gone ? 7 : 6);
    expect(events).toEqual(['ADDED', ...Array(5).fill('MODIFIED'), ...(gone ? ['DELETED'] : [])]);
    if (gone) expect((await send('GET', `${here}/${name}`)).status).toBe(404);
  });

  const collectionGoes = NOT_GONE_AT_ONCE.has(resource.name) ? undefined : test;
  collectionGoes?.('a collection goes by its label', async () => {
    for (const n of ['a', 'bb', 'ccc'])
      await ok('POST', here, sampleOf(resource, `coll-${n}-${resource.version}`));
    const list = await ok('GET', `${here}?${label}`);
    expect(list.items).toHaveLength(3);
    await ok('DELETE', `${here}?${label}`, AT_ONCE);
    expect((await ok('GET', `${everywhere}?${label}`)).items).toEqual([]);
  });

  const statusIsOurs = hasStatus && !HAS_OPINION.has(resource.name) ? test : undefined;
  statusIsOurs?.('the status is changed by its own path, and nothing else by it', async () => {
    const sample = sampleOf(resource, `status-${resource.version}`);
    const { name } = sample.metadata;
    const made = await ok('POST', here, sample);
    const path = `${here}/${name}/status`;
    const read = await ok('GET', path);
    expect([read.kind, read.metadata.uid]).toEqual([sample.kind, made.metadata.uid]);
    const patch = { metadata: { annotations: { patched: 'status' } }, spec: { nothing: 'of this' } };
    const patched = await ok('PATCH', `${path}?fieldValidation=Ignore`, patch, MERGE);
    const { generation } = patched.metadata;
    expect([generation, patched.spec]).toEqual([made.metadata.generation, made.spec]);
    const conditions = [
      {
        type: 'StatusUpdate',
        status: 'True',
        reason: 'E2E',
        message: 'Set from an e2e test',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ];
    const applied = await send('PATCH', path, { status: { conditions } }, MERGE);
    if (applied.status === 200 && applied.warnings.length === 0)
      expect((await ok('GET', `${here}/${name}`)).status.conditions).toMatchObject([
        { type: 'StatusUpdate' },
      ]);
    else expect([200, 422]).toContain(applied.status);
    const again = await ok('GET', path);
    await ok('PUT', path, again);
    await ok('DELETE', `${here}/${name}`, AT_ONCE);
  });
});
