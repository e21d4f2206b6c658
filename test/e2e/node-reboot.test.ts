import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECRETS } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { reboot } from '../harness/reboot.ts';
import { whyNotHere } from './engine-fixture.ts';
import { type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';

describe.skipIf(missing !== '')(`a host that was rebooted${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
    await cloud.client.resource<corev1.Secret>(SECRETS).create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'word', namespace: 'default' },
      stringData: { word: 'xyzzy' },
    });
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  test('its pods start again, on new networks, with their volumes; nothing of the old life is left', async () => {
    await cloud.run('web', {
      volumes: [
        { name: 'secret', secret: { secretName: 'word' } },
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'disk', emptyDir: {} },
      ] as unknown as corev1.Volume[],
      initContainers: [shell('first', 'true')],
      containers: [
        shell('a', `echo life >> /disk/lives; cat /secret/word > /memory/word; ${forever}`, {
          ports: [{ containerPort: 80, hostPort: 18_999, protocol: 'TCP' }],
          volumeMounts: ['secret', 'memory', 'disk'].map((name) => ({ name, mountPath: `/${name}` })),
        }),
      ],
    });
    await cloud.run('host', { hostNetwork: true, containers: [shell('a', forever)] });
    await cloud.run('lost', { containers: [shell('a', forever)] });
    await cloud.run('done', { restartPolicy: 'Never', containers: [shell('a', 'exit 0')] });
    await Promise.all(['web', 'host', 'lost'].map((name) => cloud.untilReady(name)));
    await cloud.until('done', 'Succeeded', (pod) => pod.status?.phase === 'Succeeded');

    await cloud.stopNode();
    await reboot(cloud);
    await cloud.remove('lost', 0);
    await cloud.untilGone('lost');
    await cloud.startNode();

    const isBack = (pod: corev1.Pod) =>
      pod.status!.containerStatuses![0]!.restartCount === 1 && pod.status!.containerStatuses![0]!.ready;
    const web = await cloud.until('web', 'back', isBack);
    await cloud.until('host', 'back', isBack);
    expect(web.status!.containerStatuses![0]!.lastState!.terminated).toMatchObject({ exitCode: 137 });
    expect(web.status!.initContainerStatuses![0]).toMatchObject({ restartCount: 1 });
    expect(await cloud.exec('web', 'cat /disk/lives /memory/word')).toBe('life\nlife\nxyzzy');
    expect((await cloud.pod('done')).status).toMatchObject({ phase: 'Succeeded' });
    await expect.poll(async () => (await cloud.traces()).folders, { timeout: 10_000 }).toHaveLength(3);
    const traces = await cloud.traces();
    expect(traces.addresses).toEqual([web.status!.podIP]);
    expect(traces.namespaces).toHaveLength(1);
    // The bridge and one end of a cable.
    expect(traces.links).toHaveLength(2);

    for (const name of ['web', 'host', 'done']) await cloud.remove(name);
    for (const name of ['web', 'host', 'done']) await cloud.untilGone(name);
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
