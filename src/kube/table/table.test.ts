import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { builtinResources } from '../resources/builtin-resources.ts';
import type { corev1 } from '../types/index.generated.ts';
import { humanDuration } from './human-duration.ts';
import { podSummary } from './pod-columns.ts';
import { tableOf } from './table.ts';

const now = new Date('2026-01-01T00:10:00Z');
const created = '2026-01-01T00:00:00Z';

describe('humanDuration', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  test.each([
    [-2 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [3 * minute + 12 * second, '3m12s'],
    [10 * minute + 5 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + minute, '8h'],
    [47 * hour, '47h'],
    [48 * hour, '2d'],
    [7 * day + 4 * hour, '7d4h'],
    [8 * day + 4 * hour, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [800 * day, '2y70d'],
    [8 * 365 * day, '8y'],
  ])('%d ms is %s', (durationMs, expected) => {
    expect(humanDuration(durationMs)).toBe(expected);
  });
});

type Status = Partial<corev1.PodStatus>;
type State = corev1.ContainerState;

function podOf(status: Status, more: { spec?: object; metadata?: object } = {}): corev1.Pod {
  return {
    metadata: { name: 'x', namespace: 'default', creationTimestamp: created, ...more.metadata },
    spec: { containers: [{ name: 'a' }, { name: 'b' }], ...more.spec },
    status,
  } as unknown as corev1.Pod;
}

function containerStatus(name: string, state: State, more: Partial<corev1.ContainerStatus> = {}) {
  return {
    name,
    state,
    ready: state.running !== undefined,
    restartCount: 0,
    image: '',
    imageID: '',
    ...more,
  };
}

const running: State = { running: { startedAt: created } };
const completed: State = { terminated: { exitCode: 0, reason: 'Completed' } };
const oneInit = { initContainers: [{ name: 'i' }] };
const sidecar = { initContainers: [{ name: 's', restartPolicy: 'Always' }] };

describe('READY, STATUS and RESTARTS of pods', () => {
  test.each<[string, corev1.Pod, string, string]>([
    ['not seen by a node yet', podOf({ phase: 'Pending' }), '0/2', 'Pending'],
    [
      'gated',
      podOf({
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      }),
      '0/2',
      'SchedulingGated',
    ],
    [
      'being made',
      podOf({
        phase: 'Pending',
        containerStatuses: [containerStatus('a', { waiting: { reason: 'ContainerCreating' } })],
      }),
      '0/2',
      'ContainerCreating',
    ],
    [
      'running',
      podOf({
        phase: 'Running',
        containerStatuses: [containerStatus('a', running), containerStatus('b', running)],
      }),
      '2/2',
      'Running',
    ],
    [
      'one crashing',
      podOf({
        phase: 'Running',
        containerStatuses: [
          containerStatus('a', running),
          containerStatus('b', { waiting: { reason: 'CrashLoopBackOff' } }),
        ],
      }),
      '1/2',
      'CrashLoopBackOff',
    ],
    [
      'ended by a signal without reason',
      podOf({
        phase: 'Failed',
        containerStatuses: [containerStatus('a', { terminated: { exitCode: 137, signal: 9 } })],
      }),
      '0/2',
      'Signal:9',
    ],
    [
      'ended with a code without reason',
      podOf({ phase: 'Failed', containerStatuses: [containerStatus('a', { terminated: { exitCode: 3 } })] }),
      '0/2',
      'ExitCode:3',
    ],
    [
      'ended well',
      podOf({ phase: 'Succeeded', containerStatuses: [containerStatus('a', completed)] }),
      '0/2',
      'Completed',
    ],
    [
      'one done, one running and not ready',
      podOf({
        phase: 'Running',
        containerStatuses: [containerStatus('a', completed), containerStatus('b', running)],
      }),
      '1/2',
      'NotReady',
    ],
    [
      'one done, one running and ready',
      podOf({
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [containerStatus('a', completed), containerStatus('b', running)],
      }),
      '1/2',
      'Running',
    ],
    [
      'initializing',
      podOf({ phase: 'Pending', initContainerStatuses: [containerStatus('i', running)] }, { spec: oneInit }),
      '0/2',
      'Init:0/1',
    ],
    [
      'initializing in vain',
      podOf(
        {
          phase: 'Pending',
          initContainerStatuses: [containerStatus('i', { waiting: { reason: 'CrashLoopBackOff' } })],
        },
        { spec: oneInit },
      ),
      '0/2',
      'Init:CrashLoopBackOff',
    ],
    [
      'failed to initialize',
      podOf(
        {
          phase: 'Failed',
          initContainerStatuses: [containerStatus('i', { terminated: { exitCode: 1, reason: 'Error' } })],
        },
        { spec: oneInit },
      ),
      '0/2',
      'Init:Error',
    ],
    [
      'with a sidecar',
      podOf(
        {
          phase: 'Running',
          initContainerStatuses: [containerStatus('s', running, { started: true })],
          containerStatuses: [containerStatus('a', running), containerStatus('b', running)],
        },
        { spec: sidecar },
      ),
      '3/3',
      'Running',
    ],
    [
      'on its way out',
      podOf({ phase: 'Running' }, { metadata: { deletionTimestamp: created } }),
      '0/2',
      'Terminating',
    ],
    [
      'ended, on its way out',
      podOf({ phase: 'Succeeded' }, { metadata: { deletionTimestamp: created } }),
      '0/2',
      'Succeeded',
    ],
    [
      'on a node that is gone',
      podOf({ phase: 'Running', reason: 'NodeLost' }, { metadata: { deletionTimestamp: created } }),
      '0/2',
      'Unknown',
    ],
    ['evicted', podOf({ phase: 'Failed', reason: 'Evicted' }), '0/2', 'Evicted'],
  ])('%s', (_name, pod, ready, status) => {
    const summary = podSummary(pod);
    expect([`${summary.ready}/${summary.total}`, summary.status]).toEqual([ready, status]);
  });

  test('restarts say when the last one was', () => {
    const ended = (finishedAt: string) => ({
      restartCount: 2,
      lastState: { terminated: { exitCode: 1, finishedAt } },
    });
    const pod = podOf({
      phase: 'Running',
      containerStatuses: [
        containerStatus('a', running, ended('2026-01-01T00:09:00Z')),
        containerStatus('b', running, ended('2026-01-01T00:09:50Z')),
      ],
    });
    expect(cells('pods', pod)).toEqual([
      'x',
      '2/2',
      'Running',
      '4 (10s ago)',
      '10m',
      '<none>',
      '<none>',
      '<none>',
      '<none>',
    ]);
  });
});

function cells(name: string, object: object, group = ''): unknown[] {
  const resource = builtinResources.find((one) => one.name === name && one.group === group)!;
  const metadata = { name: 'x', namespace: 'default', creationTimestamp: created };
  const whole = { metadata, ...object } as unknown as KubeObject;
  return tableOf(resource, [whole], { now, includeObject: 'None', metadata: { continue: '' } }).rows[0]!
    .cells;
}

const podTemplate = {
  spec: {
    containers: [
      { name: 'a', image: 'i:1' },
      { name: 'b', image: 'j:2' },
    ],
  },
};
const selector = { matchLabels: { app: 'web' } };
const ports = [
  { port: 80, nodePort: 30080, protocol: 'TCP' },
  { port: 53, protocol: 'UDP' },
];

describe('cells', () => {
  test.each<[string, string, object, unknown[]]>([
    [
      'apps',
      'deployments',
      {
        spec: { replicas: 3, selector, template: podTemplate },
        status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
      },
      ['x', '2/3', 3, 1, '10m', 'a,b', 'i:1,j:2', 'app=web'],
    ],
    [
      'apps',
      'replicasets',
      { spec: { replicas: 3, selector, template: podTemplate }, status: { replicas: 2 } },
      ['x', 3, 2, 0, '10m', 'a,b', 'i:1,j:2', 'app=web'],
    ],
    [
      '',
      'services',
      { spec: { type: 'ClusterIP', clusterIPs: ['10.43.0.1'], ports: [] } },
      ['x', 'ClusterIP', '10.43.0.1', '<none>', '<none>', '10m', '<none>'],
    ],
    [
      '',
      'services',
      { spec: { type: 'NodePort', clusterIPs: ['10.43.0.1'], ports, selector: { b: '2', a: '1' } } },
      ['x', 'NodePort', '10.43.0.1', '<none>', '80:30080/TCP,53/UDP', '10m', 'a=1,b=2'],
    ],
    [
      '',
      'services',
      { spec: { type: 'LoadBalancer', clusterIPs: ['10.43.0.1'], ports } },
      ['x', 'LoadBalancer', '10.43.0.1', '<pending>', '80:30080/TCP,53/UDP', '10m', '<none>'],
    ],
    [
      '',
      'services',
      {
        spec: { type: 'LoadBalancer', ports: [] },
        status: { loadBalancer: { ingress: [{ ip: '192.168.100.100' }, { hostname: 'a.example' }] } },
      },
      ['x', 'LoadBalancer', '<none>', '192.168.100.100,a.example', '<none>', '10m', '<none>'],
    ],
    [
      '',
      'services',
      { spec: { type: 'ExternalName', externalName: 'a.example' } },
      ['x', 'ExternalName', '<none>', 'a.example', '<none>', '10m', '<none>'],
    ],
    [
      '',
      'endpoints',
      {
        subsets: [
          { addresses: ['1', '2', '3', '4'].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] },
        ],
      },
      ['x', '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...', '10m'],
    ],
    ['', 'endpoints', {}, ['x', '<none>', '10m']],
    [
      'discovery.k8s.io',
      'endpointslices',
      { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ name: '', port: 80 }] },
      ['x', 'IPv4', '80', '10.0.0.1', '10m'],
    ],
    [
      'discovery.k8s.io',
      'endpointslices',
      { addressType: 'IPv4' },
      ['x', 'IPv4', '<unset>', '<unset>', '10m'],
    ],
    [
      '',
      'nodes',
      {
        metadata: {
          name: 'n',
          creationTimestamp: created,
          labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
        },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
          nodeInfo: {
            kubeletVersion: 'v1.33.0',
            osImage: 'Debian',
            kernelVersion: '6.1',
            containerRuntimeVersion: 'orrery://0.1.0',
          },
        },
      },
      [
        'n',
        'Ready,SchedulingDisabled',
        'control-plane,worker',
        '10m',
        'v1.33.0',
        '10.0.0.1',
        '<none>',
        'Debian',
        '6.1',
        'orrery://0.1.0',
      ],
    ],
    [
      '',
      'nodes',
      {},
      ['x', 'Unknown', '<none>', '10m', '', '<none>', '<none>', '<unknown>', '<unknown>', '<unknown>'],
    ],
    ['', 'namespaces', { status: { phase: 'Active' } }, ['x', 'Active', '10m']],
    ['', 'configmaps', { data: { a: '' }, binaryData: { b: '' } }, ['x', 2, '10m']],
    ['', 'secrets', { type: 'Opaque', data: { a: '' } }, ['x', 'Opaque', 1, '10m']],
    ['', 'serviceaccounts', {}, ['x', 0, '10m']],
    ['coordination.k8s.io', 'leases', { spec: { holderIdentity: 'node-1' } }, ['x', 'node-1', '10m']],
    [
      '',
      'events',
      {
        involvedObject: { kind: 'Pod', name: 'p', fieldPath: 'spec.containers{a}' },
        source: { component: 'kubelet', host: 'n' },
        type: 'Warning',
        reason: 'BackOff',
        message: ' Back-off \n',
        count: 3,
        firstTimestamp: created,
        lastTimestamp: '2026-01-01T00:09:00Z',
      },
      ['60s', 'Warning', 'BackOff', 'pod/p', 'spec.containers{a}', 'kubelet, n', 'Back-off', '10m', 3, 'x'],
    ],
    [
      'events.k8s.io',
      'events',
      {
        regarding: { kind: 'Pod', name: 'p' },
        note: 'hi',
        reportingController: 'c',
        reportingInstance: 'i',
        eventTime: created,
      },
      ['10m', '', '', 'pod/p', '', 'c, i', 'hi', '10m', 1, 'x'],
    ],
  ])('of %s/%s', (group, name, object, expected) => {
    expect(cells(name, object, group)).toEqual(expected);
  });
});

test('rows carry as much of the object as was asked for', () => {
  const resource = builtinResources.find((one) => one.name === 'pods')!;
  const pod = podOf({ phase: 'Succeeded' });
  const row = (includeObject: 'None' | 'Metadata' | 'Object') =>
    tableOf(resource, [pod], { now, includeObject, metadata: { resourceVersion: '9', continue: '' } })
      .rows[0]!;
  expect(row('None').object).toBeNull();
  expect(row('Object').object).toBe(pod);
  expect(row('Metadata').object).toEqual({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: pod.metadata,
  });
  expect(row('None').conditions?.[0]?.type).toBe('Completed');
});

test('a resource without columns has NAME and AGE', () => {
  const { columns: _columns, ...resource } = builtinResources.find((one) => one.name === 'configmaps')!;
  const table = tableOf(resource, [], { now, includeObject: 'None', metadata: { continue: '' } });
  expect(table.columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Age']);
});
