import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { corev1 } from '../../src/kube/index.ts';
import { whyNotHere } from './engine-fixture.ts';
import { type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';

function firstStatus(pod: corev1.Pod): corev1.ContainerStatus {
  return pod.status!.containerStatuses![0]!;
}

function engineId(pod: corev1.Pod): string {
  return firstStatus(pod).containerID!.slice('orrery://'.length);
}

describe.skipIf(missing !== '')(`a node that comes back${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  test('takes up what runs: same ids, start times and counts, Ready all along', async () => {
    await cloud.run('kept', {
      containers: [
        shell('a', forever, {
          readinessProbe: { exec: { command: ['sh', '-c', 'true'] }, periodSeconds: 1 },
        }),
      ],
    });
    const before = await cloud.untilReady('kept');
    const wasUnready: corev1.Pod[] = [];
    await cloud.stopNode();
    const watching = cloud
      .until('kept', 'unready', (pod) => !firstStatus(pod).ready, 4_000)
      .then(
        (pod) => wasUnready.push(pod),
        () => undefined,
      );
    await cloud.startNode();
    await watching;
    const after = await cloud.pod('kept');
    expect(wasUnready).toEqual([]);
    expect(firstStatus(after)).toEqual(firstStatus(before));
    expect(after.status!.podIP).toBe(before.status!.podIP);
  });

  test('notices what died meanwhile and starts it again, counting on', async () => {
    const before = await cloud.untilReady('kept');
    await cloud.stopNode();
    await cloud.engine.kill(engineId(before), 'SIGKILL');
    await cloud.startNode();
    const after = await cloud.until(
      'kept',
      'restarted',
      (pod) => firstStatus(pod).restartCount === 1 && firstStatus(pod).ready,
    );
    expect(firstStatus(after).lastState!.terminated).toMatchObject({
      exitCode: 137,
      containerID: firstStatus(before).containerID,
    });
  });

  test('keeps the back-off of a crashing container', async () => {
    await cloud.run('crash', { containers: [shell('a', 'exit 1')] });
    const isWaiting = (pod: corev1.Pod) =>
      pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff';
    const before = await cloud.until('crash', 'in CrashLoopBackOff', isWaiting);
    await cloud.stopNode();
    await cloud.startNode();
    const after = await cloud.until('crash', 'in CrashLoopBackOff', isWaiting);
    expect(firstStatus(after).restartCount).toBe(1);
    expect(firstStatus(after).lastState).toEqual(firstStatus(before).lastState);
    await cloud.remove('crash');
    await cloud.untilGone('crash');
  });

  test('without an API server restarts what crashes, and tells when it is back', async () => {
    const before = await cloud.untilReady('kept');
    await cloud.stopNode();
    cloud.cutOff(true);
    await cloud.startNode();
    await cloud.engine.kill(engineId(before), 'SIGKILL');
    const count = firstStatus(before).restartCount;
    const restarted = () =>
      cloud.node.pods
        .list()
        .find((pod) => firstStatus(pod)?.restartCount === count + 1 && firstStatus(pod).ready);
    // The second crash in a row waits ten seconds.
    await expect.poll(restarted, { timeout: 25_000 }).toBeDefined();
    cloud.cutOff(false);
    await cloud.until(
      'kept',
      'restarted',
      (pod) => firstStatus(pod).restartCount === count + 1 && firstStatus(pod).ready,
    );
  });

  test('ends what was deleted meanwhile, without a trace', async () => {
    await cloud.untilReady('kept');
    await cloud.stopNode();
    await cloud.remove('kept', 0);
    await cloud.untilGone('kept');
    await cloud.startNode();
    await expect.poll(() => readdir(join(cloud.directory, 'node', 'pods')), { timeout: 15_000 }).toEqual([]);
    expect(await cloud.traces()).toMatchObject({
      containers: [],
      mounts: [],
      namespaces: [],
      addresses: [],
      podMounts: [],
      folders: [],
    });
  });
});
