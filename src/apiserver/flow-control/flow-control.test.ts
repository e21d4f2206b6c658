import { describe, expect, test } from 'vitest';
import { MetricRegistry } from '../../base/index.ts';
import { defaultFlowSchemas, defaultPriorityLevels, type flowcontrolv1 } from '../../kube/index.ts';
import type { User } from '../http/messages.ts';
import { readRequestInfo } from '../request-info/request-info.ts';
import { allocateSeats, concurrencyBounds } from './concurrency-shares.ts';
import { FlowControl, type FlowTicket, Overloaded } from './flow-control.ts';
import { flowMetrics } from './flow-metrics.ts';
import { dealHand } from './shuffle-shard.ts';
import { seatsOf } from './work-estimate.ts';

const AUTHENTICATED = 'system:authenticated';

function control() {
  const registry = new MetricRegistry();
  const flow = new FlowControl({
    serverSeats: 600,
    waitLimitMs: 1000,
    metrics: flowMetrics(registry),
    statistics: () => undefined,
    now: () => 0,
  });
  return { flow, registry };
}

/** Objects whose UIDs are their names. */
function named<T>(objects: readonly unknown[]): T[] {
  return objects.map((one) => {
    const { metadata, ...rest } = one as { metadata: { name: string } };
    return { ...rest, metadata: { ...metadata, uid: metadata.name } };
  }) as T[];
}

const SCHEMAS = named<flowcontrolv1.FlowSchema>(defaultFlowSchemas);
const LEVELS = named<flowcontrolv1.PriorityLevelConfiguration>(defaultPriorityLevels);

function enter(flow: FlowControl, user: User, path: string, method: 'GET' | 'POST' | 'PUT' = 'GET') {
  const request = { method, path };
  return flow.enter(user, readRequestInfo(request), request) as FlowTicket;
}

function classified(flow: FlowControl, user: User, path: string, method?: 'GET' | 'POST' | 'PUT') {
  const ticket = enter(flow, user, path, method);
  ticket.release();
  return Object.values(ticket.headers!);
}

describe('classification by the default schemas', () => {
  const { flow } = control();
  flow.configure(SCHEMAS, LEVELS);
  const account = (namespace: string, name: string): User => ({
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED],
  });
  const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x';

  test.each<[string, User, string, 'GET' | 'PUT', string[]]>([
    [
      'masters',
      { name: 'a', groups: ['system:masters', AUTHENTICATED] },
      '/api/v1/pods',
      'GET',
      ['exempt', 'exempt'],
    ],
    ['probes', { name: 'a', groups: ['system:unauthenticated'] }, '/readyz', 'GET', ['probes', 'exempt']],
    [
      'nodes',
      { name: 'system:node:n', groups: ['system:nodes'] },
      '/api/v1/pods',
      'GET',
      ['system-nodes', 'system'],
    ],
    [
      'status of nodes',
      { name: 'system:node:n', groups: ['system:nodes'] },
      '/api/v1/nodes/n/status',
      'PUT',
      ['system-node-high', 'node-high'],
    ],
    [
      'leases of the system',
      account('kube-system', 'x'),
      LEASE,
      'PUT',
      ['system-leader-election', 'leader-election'],
    ],
    [
      'accounts of the system',
      account('kube-system', 'x'),
      '/api/v1/pods',
      'GET',
      ['kube-system-service-accounts', 'workload-high'],
    ],
    ['accounts', account('default', 'x'), '/api/v1/pods', 'GET', ['service-accounts', 'workload-low']],
    [
      'users',
      { name: 'ann', groups: [AUTHENTICATED] },
      '/version',
      'GET',
      ['global-default', 'global-default'],
    ],
  ])('%s', (_name, user, path, method, expected) => {
    expect(classified(flow, user, path, method)).toEqual(expected);
  });

  test('a schema whose level is not there matches nothing', () => {
    const { flow: other } = control();
    other.configure(
      SCHEMAS,
      LEVELS.filter(({ metadata }) => metadata.name !== 'global-default'),
    );
    expect(classified(other, { name: 'ann', groups: [AUTHENTICATED] }, '/version')).toEqual([
      'catch-all',
      'catch-all',
    ]);
  });

  test('without any configuration the mandatory objects hold', () => {
    const { flow: bare } = control();
    const ann = { name: 'ann', groups: [AUTHENTICATED] };
    expect(enter(bare, ann, '/version').headers).toEqual({
      'x-kubernetes-pf-flowschema-uid': '',
      'x-kubernetes-pf-prioritylevel-uid': '',
    });
  });
});

test('a level that is full refuses, and says so in the metrics', async () => {
  const { flow, registry } = control();
  flow.configure([], []);
  const ann = { name: 'ann', groups: [AUTHENTICATED] };
  for (let i = 0; i < 600; i++) enter(flow, ann, '/api/v1/pods');
  expect(() => enter(flow, ann, '/api/v1/pods')).toThrow(Overloaded);
  expect(() => enter(flow, { name: 'root', groups: ['system:masters'] }, '/api/v1/pods')).not.toThrow();
  const text = await registry.text();
  expect(text).toContain(
    'apiserver_flowcontrol_rejected_requests_total{priority_level="catch-all",flow_schema="catch-all",reason="concurrency-limit"} 1',
  );
  expect(text).toContain('apiserver_flowcontrol_nominal_limit_seats{priority_level="catch-all"} 600');
});

describe('shares', () => {
  const bounds = concurrencyBounds(new Map(LEVELS.map(({ metadata, spec }) => [metadata.name, spec])), 600);

  test('the server’s seats are divided by them', () => {
    expect(bounds.get('global-default')).toEqual({ nominal: 49, lower: 24, upper: 649 });
    expect(bounds.get('exempt')).toMatchObject({ nominal: 0 });
    expect(bounds.get('workload-low')).toMatchObject({ nominal: 245, lower: 24 });
  });

  test('idle seats go to who wants them, within the bounds', () => {
    const { seats } = allocateSeats(100, [
      { target: 10, lower: 10, upper: 200 },
      { target: 300, lower: 50, upper: 80 },
      { target: 0, lower: 5, upper: 200 },
    ]);
    expect(seats.reduce((a, b) => a + b)).toBeCloseTo(100);
    expect(seats[1]).toBe(80);
    expect(seats[2]).toBe(5);
  });
});

test('a busy level borrows what others lend', () => {
  let now = 0;
  const flow = new FlowControl({
    serverSeats: 600,
    waitLimitMs: 1000,
    metrics: flowMetrics(new MetricRegistry()),
    statistics: () => undefined,
    now: () => now,
  });
  flow.configure(SCHEMAS, LEVELS);
  const ann = { name: 'ann', groups: [AUTHENTICATED] };
  const level = [...flow.levels].find(({ name }) => name === 'global-default')!;
  for (let i = 0; i < 49; i++) enter(flow, ann, '/version');
  const waiting = flow.enter(ann, readRequestInfo({ method: 'GET', path: '/version' }), {
    method: 'GET',
    path: '/version',
  });
  expect(waiting).toBeInstanceOf(Promise);
  now += 10_000;
  flow.adjust();
  expect(level.queues.limit).toBeGreaterThan(100);
  return waiting;
});

test('hands hold different queues and differ from flow to flow', () => {
  const hands = Array.from({ length: 200 }, (_, i) => dealHand(`flow ${i}`, { queues: 64, handSize: 8 }));
  for (const hand of hands) {
    expect(new Set(hand).size).toBe(8);
    for (const queue of hand) expect(queue).toBeLessThan(64);
  }
  expect(new Set(hands.map((hand) => [...hand].sort().join())).size).toBe(200);
  expect(new Set(hands.flat()).size).toBe(64);
});

test('a list takes seats by what it loads', () => {
  const statistics = { count: 1000, averageBytes: 1500 };
  const seats = (path: string, query: string, maxSeats = 10) => {
    const request = { method: 'GET' as const, path, query: new URLSearchParams(query) };
    return seatsOf(request, readRequestInfo(request), { statistics, maxSeats });
  };
  expect(seats('/api/v1/configmaps', '')).toBe(10);
  expect(seats('/api/v1/configmaps', 'limit=100')).toBe(2);
  expect(seats('/api/v1/configmaps', 'limit=100&labelSelector=a%3Db')).toBe(8);
  expect(seats('/api/v1/configmaps', '', 3)).toBe(3);
  expect(seats('/api/v1/configmaps', 'watch=true')).toBe(1);
  expect(seats('/api/v1/configmaps', 'watch=true&sendInitialEvents=true')).toBe(10);
  expect(seats('/api/v1/namespaces/a/configmaps/b', '')).toBe(1);
});

describe('tenants', () => {
  test('a service account of a workspace does not pass for one of kube-system', () => {
    const { flow } = control();
    flow.configure(SCHEMAS, LEVELS);
    const account = (home: string): User => ({
      name: 'system:serviceaccount:kube-system:generic-garbage-collector',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', AUTHENTICATED],
      extra: { 'authentication.kcp.io/cluster-name': [home] },
    });
    const path = '/clusters/aaaa/api/v1/pods';
    expect(classified(flow, account('root'), path)).toEqual([
      'kube-system-service-accounts',
      'workload-high',
    ]);
    expect(classified(flow, account('aaaa'), path)).toEqual(['service-accounts', 'workload-low']);
  });

  test('the flood of one workspace, by whoever, leaves another its turn', async () => {
    const { flow } = control();
    flow.configure(SCHEMAS, LEVELS);
    const ask = (name: string, workspace: string) => {
      const request = { method: 'GET' as const, path: `/clusters/${workspace}/api/v1/configmaps/x` };
      return flow.enter({ name, groups: [AUTHENTICATED] }, readRequestInfo(request), request);
    };
    const served: string[] = [];
    const running: FlowTicket[] = [];
    const waiting: Promise<void>[] = [];
    const enter = (workspace: string, user: string) => {
      const entering = ask(user, workspace);
      if (!(entering instanceof Promise)) running.push(entering);
      else
        waiting.push(
          entering.then((ticket) => {
            served.push(workspace);
            ticket.release();
          }),
        );
    };
    for (let i = 0; waiting.length < 200; i++) enter('noisy', `user-${i}`);
    enter('quiet', 'jane');
    for (const ticket of running) ticket.release();
    await Promise.all(waiting);
    expect(served.indexOf('quiet')).toBeLessThan(20);
  });
});
