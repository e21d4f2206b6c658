import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PODS } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { whyNotHere } from './engine-fixture.ts';
import { type NodeFixture, SHELL_IMAGE, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';

describe.skipIf(missing !== '')(`parts of a running pod${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  const pods = () => cloud.client.resource<corev1.Pod>(PODS);
  const patch = (name: string, subresource: string, spec: object) =>
    pods().patch(name, { type: 'strategic', body: { spec } }, { namespace: 'default', subresource });
  const ephemeral = (pod: corev1.Pod) => pod.status?.ephemeralContainerStatuses?.[0];
  const regular = (pod: corev1.Pod) => pod.status?.containerStatuses?.[0];

  test('an ephemeral container joins a pod that runs, sees the processes of its target, and ends once', async () => {
    await cloud.run('debugged', { containers: [shell('a', forever)] });
    await cloud.untilReady('debugged');
    await patch('debugged', 'ephemeralcontainers', {
      ephemeralContainers: [
        {
          name: 'debugger',
          image: SHELL_IMAGE,
          imagePullPolicy: 'IfNotPresent',
          args: ['-c', 'cat /proc/1/cmdline > /dev/termination-log; exit 3'],
          targetContainerName: 'a',
        },
      ],
    });
    const ended = await cloud.until(
      'debugged',
      'looked at',
      (pod) => ephemeral(pod)?.state?.terminated !== undefined,
    );
    // The first process it sees is the other container's.
    expect(ephemeral(ended)!.state!.terminated).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('trap'),
    });
    expect(ended.status!.phase).toBe('Running');
    expect(regular(ended)!.restartCount).toBe(0);
  });

  test('other limits reach a running container in its cgroup, without a restart', async () => {
    const resources = {
      requests: { cpu: '100m', memory: '32Mi' },
      limits: { cpu: '200m', memory: '64Mi' },
    };
    await cloud.run('resized', { containers: [shell('a', forever, { resources })] });
    const before = await cloud.untilReady('resized');
    expect(regular(before)).toMatchObject({ resources, allocatedResources: resources.requests });
    const wanted = { requests: { cpu: '150m', memory: '48Mi' }, limits: { cpu: '300m', memory: '96Mi' } };
    await patch('resized', 'resize', { containers: [{ name: 'a', resources: wanted }] });
    const after = await cloud.until(
      'resized',
      'resized',
      (pod) => regular(pod)?.resources?.limits?.cpu === '300m',
    );
    expect(regular(after)).toMatchObject({
      resources: wanted,
      allocatedResources: wanted.requests,
      restartCount: 0,
      containerID: regular(before)!.containerID,
    });
    const limits = await cloud.exec(
      'resized',
      'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max',
    );
    expect(limits).toContain('30000');
    expect(limits).toContain(String(96 * 1024 * 1024));
  });

  test('what the node can never give stays pending and says why; what was granted stays', async () => {
    await patch('resized', 'resize', {
      containers: [
        { name: 'a', resources: { requests: { cpu: '200m', memory: '900Ti' }, limits: { memory: '900Ti' } } },
      ],
    });
    const pending = await cloud.until('resized', 'pending', (pod) =>
      (pod.status?.conditions ?? []).some(({ type }) => type === 'PodResizePending'),
    );
    expect(pending.status!.conditions!.find(({ type }) => type === 'PodResizePending')).toMatchObject({
      status: 'True',
      reason: 'Infeasible',
      message: expect.stringContaining("Node didn't have enough capacity: memory"),
    });
    expect(regular(pending)!.allocatedResources).toEqual({ cpu: '150m', memory: '48Mi' });
    await cloud.stopNode();
    await cloud.startNode();
    await patch('resized', 'resize', {
      containers: [{ name: 'a', resources: { requests: { memory: '48Mi' }, limits: { memory: '96Mi' } } }],
    });
    const granted = await cloud.until(
      'resized',
      'granted',
      (pod) => !(pod.status?.conditions ?? []).some(({ type }) => type === 'PodResizePending'),
    );
    expect(granted.status!.containerStatuses![0]!.restartCount).toBe(0);
  });

  test('a policy of restarting restarts the container with its new limits', async () => {
    const resources = { requests: { memory: '32Mi' }, limits: { memory: '64Mi' } };
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    await cloud.run('restarted', { containers: [shell('a', forever, { resources, resizePolicy })] });
    await cloud.untilReady('restarted');
    await patch('restarted', 'resize', {
      containers: [{ name: 'a', resources: { limits: { memory: '80Mi' } } }],
    });
    const again = await cloud.until('restarted', 'restarted', (pod) => regular(pod)?.restartCount === 1);
    expect(again.spec.containers[0]!.resources!.limits).toEqual({ memory: '80Mi' });
  });
});
