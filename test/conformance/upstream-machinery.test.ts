import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../harness/cloud.ts';
import {
  DEFINITIONS,
  define,
  definition,
  JSON_PATCH,
  MERGE,
  rawClient,
  type Send,
  STRATEGIC,
} from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What the tests of upstream's test/e2e/{apimachinery,auth,instrumentation} ask of the API server alone.

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const DEFAULT = '/api/v1/namespaces/default';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const PROTOBUF = { accept: 'application/vnd.kubernetes.protobuf' };

let running: RunningServer;
let send: Send;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
});

afterAll(async () => {
  await running?.stop();
});

describe('tables', () => {
  test('a page of a list is a table with the rest to come', async () => {
    const template = (name: string) => ({
      metadata: { name },
      template: { spec: { containers: [{ name: 'c', image: 'i' }] } },
    });
    for (let i = 0; i < 5; i++) await send('POST', `${DEFAULT}/podtemplates`, template(`t${i}`));
    const first = (await send('GET', `${DEFAULT}/podtemplates?limit=2`, undefined, TABLE)).body;
    expect([first.kind, first.rows.length, first.metadata.remainingItemCount]).toEqual(['Table', 2, 3]);
    expect(first.columnDefinitions[0]).toMatchObject({ name: 'Name', type: 'string', format: 'name' });
    const next = `${DEFAULT}/podtemplates?continue=${first.metadata.continue}`;
    const rest = (await send('GET', next, undefined, TABLE)).body;
    expect(rest.rows.map(({ cells }: Json) => cells[0])).toEqual(['t2', 't3', 't4']);
    expect(rest.metadata.continue).toBeUndefined();
  });

  test('of a list that is streamed there is none', async () => {
    const asked = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const path = `${DEFAULT}/secrets?${asked}&timeoutSeconds=1`;
    expect((await send('GET', path, undefined, TABLE)).status).toBe(406);
    const either = { accept: `${TABLE.accept},application/json` };
    const { bytes } = await send('GET', path, undefined, either);
    expect(JSON.parse(bytes.toString().trim().split('\n').at(-1)!).object.kind).toBe('Secret');
  });

  test('of what is never stored there is none', async () => {
    const review = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const { status, body } = await send('POST', path, review, TABLE);
    expect([status, body.reason]).toEqual([406, 'NotAcceptable']);
  });
});

describe('discovery', () => {
  test('every group says which version it prefers, and serves all that it names', async () => {
    const { body } = await send('GET', '/apis');
    for (const group of body.groups) {
      const one = (await send('GET', `/apis/${group.name}`)).body;
      expect(one).toMatchObject({ kind: 'APIGroup', preferredVersion: group.preferredVersion });
      expect(one.versions).toContainEqual(group.preferredVersion);
      for (const { groupVersion } of one.versions)
        expect((await send('GET', `/apis/${groupVersion}`)).body).toMatchObject({
          kind: 'APIResourceList',
          groupVersion,
        });
    }
  });

  test.each([
    ['/api', 'APIVersions'],
    ['/apis', 'APIGroupList'],
    ['/apis/apps', 'APIGroup'],
    ['/apis/apps/v1', 'APIResourceList'],
  ])('%s is protobuf for who asks for it alone', async (path, kind) => {
    const { status, headers, bytes } = await send('GET', path, undefined, PROTOBUF);
    expect([status, headers['content-type']]).toEqual([200, PROTOBUF.accept]);
    expect(bytes.subarray(0, 4).toString('latin1')).toBe('k8s\0');
    expect(bytes.toString('latin1')).toContain(kind);
  });
});

describe('watches and versions', () => {
  async function eventsOf(query: string): Promise<string[]> {
    const { bytes } = await send('GET', `${DEFAULT}/configmaps?watch=1&timeoutSeconds=1&${query}`);
    const lines = bytes.toString().trim().split('\n');
    return lines.map((line) => JSON.parse(line)).map(({ type, object }) => `${type} ${object.data?.n ?? ''}`);
  }

  test('a watch by label sees objects come into its selection and go from it', async () => {
    const { body } = await send('GET', `${DEFAULT}/configmaps`);
    const path = `${DEFAULT}/configmaps/moving`;
    await send('POST', `${DEFAULT}/configmaps`, {
      metadata: { name: 'moving', labels: { at: 'a' } },
      data: { n: '1' },
    });
    await send('PATCH', path, { data: { n: '2' } }, MERGE);
    await send('PATCH', path, { metadata: { labels: { at: 'b' } } }, MERGE);
    await send('PATCH', path, { data: { n: '3' } }, MERGE);
    await send('PATCH', path, { metadata: { labels: { at: 'a' } } }, MERGE);
    await send('DELETE', path);
    expect(await eventsOf(`resourceVersion=${body.metadata.resourceVersion}&labelSelector=at%3Da`)).toEqual([
      'ADDED 1',
      'MODIFIED 2',
      'DELETED 2',
      'ADDED 3',
      'DELETED 3',
    ]);
  });

  test('a version of the future times out, in a Status that says so', async () => {
    const { status, body } = await send('GET', `${DEFAULT}/configmaps?resourceVersion=99999999`);
    expect([status, body.reason, body.details.causes[0].reason]).toEqual([
      504,
      'Timeout',
      'ResourceVersionTooLarge',
    ]);
    expect(body.message).toMatch(/^Timeout: Too large resource version: 99999999, current: \d+$/);
  });

  test('a propagation policy that is none is refused with those there are', async () => {
    const { body } = await send('DELETE', `${DEFAULT}/configmaps/x`, { propagationPolicy: 'Bogus' });
    expect(body.message).toBe(
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Bogus": supported values: "Foreground", "Background", "Orphan", "nil"',
    );
  });
});

describe('status', () => {
  test('of a namespace takes conditions by patch and update', async () => {
    const path = '/api/v1/namespaces/default/status';
    const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set by a test' });
    const { body } = await send('PATCH', path, { status: { conditions: [condition('Patched')] } }, MERGE);
    expect(body.status.conditions).toMatchObject([{ type: 'Patched' }]);
    body.status.conditions.push(condition('Updated'));
    const updated = await send('PUT', path, body);
    expect(updated.body.status.conditions.map(({ type }: Json) => type)).toEqual(['Patched', 'Updated']);
  });

  test('of a quota is what others write, until it is counted again', async () => {
    const quotas = `${DEFAULT}/resourcequotas`;
    await send('POST', quotas, { metadata: { name: 'q' }, spec: { hard: { cpu: '500m' } } });
    const patched = await send('PATCH', `${quotas}/q/status`, { status: { hard: { cpu: '750m' } } }, MERGE);
    expect(patched.body.status.hard).toEqual({ cpu: '750m' });
    expect((await send('GET', `${quotas}/q/status`)).body).toMatchObject({
      spec: { hard: { cpu: '500m' } },
      status: { hard: { cpu: '750m' } },
    });
    await send('DELETE', `${quotas}/q`);
  });

  test('has the zeros that Go always writes', async () => {
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
    await send('POST', budgets, {
      metadata: { name: 'b' },
      spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
    });
    const zeros = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
    const counted = await send(
      'PATCH',
      `${budgets}/b/status`,
      { status: { ...zeros, currentHealthy: 3 } },
      MERGE,
    );
    expect(counted.body.status).toEqual({ ...zeros, currentHealthy: 3 });
    const uncounted = await send('PATCH', `${budgets}/b/status`, { status: { currentHealthy: 0 } }, MERGE);
    expect(uncounted.body.status).toEqual(zeros);
  });
});

describe('quotas', () => {
  const claims = `${DEFAULT}/persistentvolumeclaims`;

  test('count a claim that changes its volume attributes class in both classes until it has', async () => {
    const hard = { persistentvolumeclaims: '1', 'requests.storage': '5Gi' };
    for (const name of ['gold', 'silver']) {
      const scope = { scopeName: 'VolumeAttributesClass', operator: 'In', values: [name] };
      const spec = { hard, scopeSelector: { matchExpressions: [scope] } };
      await send('POST', `${DEFAULT}/resourcequotas`, { metadata: { name }, spec });
    }
    const resources = { requests: { storage: '1Gi' } };
    const of = (volumeAttributesClassName: string) => ({ spec: { volumeAttributesClassName } });
    const spec = { ...of('gold').spec, storageClassName: '', accessModes: ['ReadWriteOnce'], resources };
    await send('POST', claims, { metadata: { name: 'a' }, spec });
    await used('gold', 'persistentvolumeclaims', '1');
    expect((await send('POST', claims, { metadata: { name: 'b' }, spec })).status).toBe(403);
    const current = (name: string) => ({
      status: { phase: 'Bound', currentVolumeAttributesClassName: name },
    });
    await send('PATCH', `${claims}/a/status`, current('gold'), MERGE);
    await send('PATCH', `${claims}/a`, of('silver'), MERGE);
    await used('silver', 'persistentvolumeclaims', '1');
    await used('gold', 'persistentvolumeclaims', '1');
    await send('PATCH', `${claims}/a/status`, current('silver'), MERGE);
    await used('gold', 'persistentvolumeclaims', '0');
    await used('silver', 'requests.storage', '1Gi');
  });

  test('count devices by their class', async () => {
    const devices = 'gold.deviceclass.resource.k8s.io/devices';
    const spec = { hard: { [devices]: '3' } };
    await send('POST', `${DEFAULT}/resourcequotas`, { metadata: { name: 'devices' }, spec });
    const path = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims';
    const claim = (name: string, count: number) => {
      const exactly = { deviceClassName: 'gold', count };
      return { metadata: { name }, spec: { devices: { requests: [{ name: 'one', exactly }] } } };
    };
    await send('POST', path, claim('a', 2));
    await used('devices', devices, '2');
    expect((await send('POST', path, claim('b', 2))).status).toBe(403);
    await send('DELETE', `${path}/a`);
    await used('devices', devices, '0');
  });

  const used = (quota: string, name: string, amount: string) =>
    eventually(`${quota} has ${amount} of ${name}`, async () => {
      const { body } = await send('GET', `${DEFAULT}/resourcequotas/${quota}`);
      return body.status?.used?.[name] === amount || undefined;
    });
});

describe('events', () => {
  const core = `${DEFAULT}/events`;
  const events = '/apis/events.k8s.io/v1/namespaces/default/events';

  test('of core are patched, updated, listed by label and deleted together', async () => {
    const event = {
      metadata: { name: 'event-test', labels: { constant: 'true' } },
      involvedObject: { namespace: 'default' },
      message: 'This is a test event',
      reason: 'Test',
      type: 'Normal',
      count: 1,
    };
    expect((await send('POST', core, event)).body).toMatchObject({
      reportingComponent: '',
      reportingInstance: '',
    });
    const { body } = await send('PATCH', `${core}/event-test`, { message: 'patched' }, STRATEGIC);
    expect(body.message).toBe('patched');
    body.series = { count: 100, lastObservedTime: '2024-01-01T00:00:00.000000Z' };
    expect((await send('PUT', `${core}/event-test`, body)).body.series.count).toBe(100);
    const all = (await send('GET', '/api/v1/events?labelSelector=constant%3Dtrue')).body;
    expect(all.items).toHaveLength(1);
    await send('DELETE', `${core}?labelSelector=constant%3Dtrue`);
    expect((await send('GET', `${core}/event-test`)).status).toBe(404);
  });

  test('of events.k8s.io are listed by who reported them, and their words do not change', async () => {
    const event = {
      metadata: { name: 'ev' },
      regarding: { namespace: 'default' },
      type: 'Normal',
      reason: 'Test',
      action: 'Do',
      reportingController: 'test-controller',
      reportingInstance: 'test-node',
      note: 'This is ev',
      eventTime: '2024-01-01T00:00:00.123456Z',
    };
    expect((await send('POST', events, event)).body.eventTime).toBe(event.eventTime);
    const found = (await send('GET', `${events}?fieldSelector=reportingController%3Dtest-controller`)).body;
    expect(found.items).toHaveLength(1);
    const change = [{ op: 'replace', path: '/note', value: 'x' }];
    expect((await send('PATCH', `${events}/ev`, change, JSON_PATCH)).status).toBe(422);
  });
});

describe('rules of a definition', () => {
  const rule = (text: string) => ({ 'x-kubernetes-validations': [{ rule: text }] });
  const withSpec = (spec: object) => ({
    type: 'object',
    properties: { spec: { type: 'object', ...spec } },
  });
  const strings = { type: 'array', items: { type: 'string' } };

  test.each([
    ['Syntax error', withSpec(rule('self = 42'))],
    ["undefined field 'z'", withSpec({ properties: { x: { type: 'integer' } }, ...rule('self.z == 100') })],
    [
      'exceeds budget',
      withSpec({
        properties: {
          x: { type: 'array', items: { ...strings, ...rule("self.all(s, s == 'string constant')") } },
        },
      }),
    ],
  ])('are refused: %s', async (why, schema) => {
    const { status, body } = await send('POST', DEFINITIONS, definition('rules.example.com', 'bad', schema));
    expect([status, body.message]).toEqual([422, expect.stringContaining(why)]);
  });

  test('end when they cost too much', async () => {
    const large = { type: 'array', maxItems: 725, items: { type: 'integer' } };
    const all = rule('self.large.all(x, self.large.all(y, x == y))');
    await define(send, definition('rules.example.com', 'dear', withSpec({ properties: { large }, ...all })));
    const dear = { metadata: { name: 'a' }, spec: { large: Array.from({ length: 725 }, () => 20) } };
    const { status, body } = await send('POST', '/apis/rules.example.com/v1/dears', dear);
    expect([status, body.message]).toEqual([422, expect.stringContaining('call cost exceeds limit')]);
  });
});
