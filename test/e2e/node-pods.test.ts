import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFIG_MAPS, SECRETS } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { whyNotHere } from './engine-fixture.ts';
import { type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';

function firstStatus(pod: corev1.Pod): corev1.ContainerStatus {
  return pod.status!.containerStatuses![0]!;
}

describe.skipIf(missing !== '')(`pods on a node${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  async function configMap(name: string, data: Record<string, string>): Promise<void> {
    await cloud.client
      .resource(CONFIG_MAPS)
      .create({ metadata: { name, namespace: 'default' }, data } as never);
  }

  test('a pod becomes Ready, has the kubelet’s files and goes without a trace', async () => {
    await cloud.run('plain', {
      containers: [shell('a', forever)],
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['x.example'] }],
    });
    const pod = await cloud.untilReady('plain');
    expect(pod.status).toMatchObject({ phase: 'Running', hostIP: '127.0.0.1', qosClass: 'BestEffort' });
    expect(pod.status!.conditions!.find((c) => c.type === 'Ready')).not.toHaveProperty('reason');
    const hosts = await cloud.exec('plain', 'cat /etc/hosts; hostname');
    expect(hosts).toContain('# Kubernetes-managed hosts file.');
    expect(hosts).toContain(`${pod.status!.podIP}\tplain`);
    expect(hosts).toContain('192.0.2.7\tx.example');
    expect(hosts.endsWith('plain')).toBe(true);
    const token = await cloud.exec('plain', 'cat /var/run/secrets/kubernetes.io/serviceaccount/token');
    expect(token.split('.')).toHaveLength(3);
    await cloud.remove('plain');
    await cloud.untilGone('plain');
    expect(await cloud.traces()).toMatchObject({
      containers: [],
      mounts: [],
      namespaces: [],
      addresses: [],
      podMounts: [],
      folders: [],
    });
    const events = await cloud.events('plain');
    expect(events).toContain('Normal Created spec.containers{a} Container created');
    expect(events).toContain('Normal Killing spec.containers{a} Stopping container a');
  });

  test('environment, arguments and volumes come from ConfigMaps, Secrets and the pod itself', async () => {
    await configMap('settings', { color: 'red' });
    await cloud.client.resource(SECRETS).create({
      metadata: { name: 'keys', namespace: 'default' },
      data: { token: Buffer.from('s3cret').toString('base64') },
    } as never);
    await cloud.run('config', {
      volumes: [
        { name: 'settings', configMap: { name: 'settings' } },
        { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
        {
          name: 'me',
          downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
        },
        { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      ] as corev1.Volume[],
      containers: [
        shell('a', `echo "$(GREETING)" > /scratch/hello; ${forever}`, {
          env: [
            { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
            { name: 'GREETING', value: 'hello $(COLOR)' },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          envFrom: [{ secretRef: { name: 'keys' } }],
          volumeMounts: [
            { name: 'settings', mountPath: '/settings' },
            { name: 'settings', mountPath: '/one-file', subPath: 'color' },
            { name: 'keys', mountPath: '/keys' },
            { name: 'me', mountPath: '/me' },
            { name: 'scratch', mountPath: '/scratch' },
          ],
        }),
      ],
    });
    const pod = await cloud.untilReady('config');
    const shown = await cloud.exec(
      'config',
      'cat /scratch/hello /settings/color; echo; cat /one-file; echo; cat /keys/token; echo; cat /me/labels; echo; echo $NODE $IP $token; mount',
    );
    expect(shown).toContain('hello red\nred\nred\ns3cret\napp="config"\n');
    expect(shown).toContain(`earth ${pod.status!.podIP} s3cret`);
    expect(shown).toMatch(/tmpfs on \/keys type tmpfs \(ro/);
    expect(shown).toMatch(/tmpfs on \/scratch type tmpfs \(rw.*size=1024k/);
    // A running pod sees a changed ConfigMap.
    await cloud.client
      .resource(CONFIG_MAPS)
      .patch('settings', { type: 'merge', body: { data: { color: 'blue' } } }, { namespace: 'default' });
    await expect.poll(() => cloud.exec('config', 'cat /settings/color'), { timeout: 10_000 }).toBe('blue');
    await cloud.remove('config');
    await cloud.untilGone('config');
  });

  test('init containers run in order before the others, a sidecar beside them', async () => {
    await cloud.run('stages', {
      volumes: [{ name: 'v', emptyDir: {} }] as unknown as corev1.Volume[],
      initContainers: [
        shell('first', 'echo one >> /v/log', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
        shell('beside', `echo two >> /v/log; ${forever}`, {
          restartPolicy: 'Always',
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        }),
      ],
      containers: [
        shell('main', `echo three >> /v/log; ${forever}`, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ],
    });
    const pod = await cloud.untilReady('stages');
    expect(
      pod.status!.initContainerStatuses!.map((c) => [c.name, c.ready, Object.keys(c.state!)[0]]),
    ).toEqual([
      ['first', true, 'terminated'],
      ['beside', true, 'running'],
    ]);
    expect((await cloud.exec('stages', 'cat /v/log')).split('\n').sort()).toEqual(['one', 'three', 'two']);
    await cloud.remove('stages');
    await cloud.untilGone('stages');
  });

  test('a pod that ends is Succeeded or Failed, with its last words', async () => {
    await cloud.run('good', {
      restartPolicy: 'Never',
      containers: [shell('a', 'echo bye > /dev/termination-log')],
    });
    const good = await cloud.until('good', 'Succeeded', (pod) => pod.status?.phase === 'Succeeded');
    expect(firstStatus(good).state!.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
      message: 'bye\n',
    });
    await cloud.run('bad', {
      restartPolicy: 'Never',
      containers: [
        shell('a', 'echo what went wrong; exit 3', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
      ],
    });
    const bad = await cloud.until('bad', 'Failed', (pod) => pod.status?.phase === 'Failed');
    expect(firstStatus(bad).state!.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'what went wrong\n',
    });
    await cloud.remove('good');
    await cloud.remove('bad');
    await Promise.all([cloud.untilGone('good'), cloud.untilGone('bad')]);
  });

  test('a crashing container restarts at once, then waits in CrashLoopBackOff', async () => {
    const created = await cloud.run('crash', { containers: [shell('a', 'exit 7')] });
    const pod = await cloud.until(
      'crash',
      'in CrashLoopBackOff',
      (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    const where = `crash_default(${created.metadata.uid})`;
    expect(firstStatus(pod)).toMatchObject({
      restartCount: 1,
      ready: false,
      state: { waiting: { message: `back-off 10s restarting failed container=a pod=${where}` } },
      lastState: { terminated: { exitCode: 7, reason: 'Error' } },
    });
    expect(pod.status!.phase).toBe('Running');
    await cloud.untilEvent(
      'crash',
      `Warning BackOff spec.containers{a} Back-off restarting failed container a in pod ${where}`,
    );
    await cloud.remove('crash');
    await cloud.untilGone('crash');
  });

  test('a killed process and one over its memory come back and are told apart', async () => {
    await cloud.run('victim', { containers: [shell('a', forever)] });
    const before = firstStatus(await cloud.untilReady('victim'));
    await cloud.engine.kill(before.containerID!.slice('orrery://'.length), 'SIGKILL');
    const after = await cloud.until(
      'victim',
      'restarted',
      (pod) => firstStatus(pod).restartCount === 1 && firstStatus(pod).ready,
    );
    expect(firstStatus(after).lastState!.terminated).toMatchObject({
      exitCode: 137,
      reason: 'Error',
      containerID: before.containerID,
    });
    expect(firstStatus(after).containerID).not.toBe(before.containerID);
    await cloud.run('hungry', {
      restartPolicy: 'Never',
      containers: [
        shell('a', 'x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done', {
          resources: { limits: { memory: '24Mi' } },
        }),
      ],
    });
    const oom = await cloud.until('hungry', 'Failed', (pod) => pod.status?.phase === 'Failed');
    expect(firstStatus(oom).state!.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    await Promise.all(['victim', 'hungry'].map((name) => cloud.remove(name)));
    await Promise.all(['victim', 'hungry'].map((name) => cloud.untilGone(name)));
  });

  test('what is missing is named: an image, a ConfigMap, a key, a volume', async () => {
    await configMap('half', { there: '1' });
    const waits = async (name: string, reason: string) =>
      firstStatus(
        await cloud.until(
          name,
          reason,
          (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason,
        ),
      ).state!.waiting!.message;
    const key = (name: string, from: string): Partial<corev1.Container> => ({
      env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: from, key: name } } }],
    });
    await cloud.run('no-image', { containers: [{ name: 'a', image: 'local/nowhere:1' }] });
    expect(await waits('no-image', 'ErrImagePull')).toContain('local/nowhere:1');
    expect(await waits('no-image', 'ImagePullBackOff')).toContain('Back-off pulling image "local/nowhere:1"');
    await cloud.untilEvent('no-image', 'Warning Failed spec.containers{a} Error: ImagePullBackOff');
    await cloud.run('never', {
      containers: [{ name: 'a', image: 'local/nowhere:1', imagePullPolicy: 'Never' }],
    });
    expect(await waits('never', 'ErrImageNeverPull')).toBe(
      'Container image "local/nowhere:1" is not present with pull policy of Never',
    );
    await cloud.run('no-map', { containers: [shell('a', forever, key('k', 'absent'))] });
    expect(await waits('no-map', 'CreateContainerConfigError')).toBe('configmap "absent" not found');
    await cloud.untilEvent('no-map', 'Warning Failed spec.containers{a} Error: configmap "absent" not found');
    await cloud.run('no-key', { containers: [shell('a', forever, key('k', 'half'))] });
    expect(await waits('no-key', 'CreateContainerConfigError')).toBe(
      "couldn't find key k in ConfigMap default/half",
    );
    await cloud.run('no-volume', {
      volumes: [{ name: 'v', configMap: { name: 'absent-too' } }] as unknown as corev1.Volume[],
      containers: [shell('a', forever)],
    });
    await cloud.untilEvent(
      'no-volume',
      'Warning FailedMount - MountVolume.SetUp failed for volume "v" : configmap "absent-too" not found',
    );
    expect(firstStatus(await cloud.pod('no-volume')).state).toEqual({
      waiting: { reason: 'ContainerCreating' },
    });
    // Each goes on by itself when what was missing comes.
    await configMap('absent', { k: 'v' });
    await configMap('absent-too', {});
    await Promise.all([cloud.untilReady('no-map'), cloud.untilReady('no-volume')]);
    const names = ['no-image', 'never', 'no-map', 'no-key', 'no-volume'];
    await Promise.all(names.map((name) => cloud.remove(name)));
    await Promise.all(names.map((name) => cloud.untilGone(name)));
  });

  test('a failing liveness probe restarts, a failing readiness probe only takes Ready away', async () => {
    const unless = (path: string) => ({
      exec: { command: ['sh', '-c', `[ ! -e ${path} ] || { echo ${path}; exit 1; }`] },
    });
    await cloud.run('probed', {
      containers: [
        shell('a', forever, {
          livenessProbe: { ...unless('/dead'), periodSeconds: 1, failureThreshold: 1 },
          readinessProbe: { ...unless('/busy'), periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
    });
    await cloud.untilReady('probed');
    await cloud.exec('probed', 'touch /busy');
    const busy = await cloud.until('probed', 'unready', (pod) => !firstStatus(pod).ready);
    expect(firstStatus(busy)).toMatchObject({ restartCount: 0, started: true, state: { running: {} } });
    await cloud.untilEvent('probed', 'Warning Unhealthy spec.containers{a} Readiness probe failed: /busy');
    await cloud.exec('probed', 'touch /dead');
    const again = await cloud.until(
      'probed',
      'restarted',
      (pod) => firstStatus(pod).restartCount === 1 && firstStatus(pod).ready,
    );
    expect(firstStatus(again).lastState!.terminated).toMatchObject({ exitCode: 0 });
    await cloud.untilEvent('probed', 'Warning Unhealthy spec.containers{a} Liveness probe failed: /dead');
    await cloud.untilEvent(
      'probed',
      'Normal Killing spec.containers{a} Container a failed liveness probe, will be restarted',
    );
    await cloud.remove('probed');
    await cloud.untilGone('probed');
  });

  test('unsupported fields are refused by name', async () => {
    await cloud.run('odd', { shareProcessNamespace: true, containers: [shell('a', forever)] });
    const pod = await cloud.until('odd', 'Failed', (p) => p.status?.phase === 'Failed');
    expect(pod.status).toMatchObject({
      reason: 'NotSupported',
      message: 'Pod was rejected: spec.shareProcessNamespace is not supported by this node',
    });
    await cloud.remove('odd');
    await cloud.untilGone('odd');
  });

  test('a shorter grace period given later cuts a stop short', async () => {
    await cloud.run('stubborn', {
      terminationGracePeriodSeconds: 60,
      containers: [shell('a', 'trap "" TERM; while true; do sleep 0.05; done')],
    });
    await cloud.untilReady('stubborn');
    await cloud.remove('stubborn');
    await cloud.until('stubborn', 'terminating', (pod) => pod.metadata.deletionTimestamp !== undefined);
    const startedMs = Date.now();
    await cloud.remove('stubborn', 1);
    await cloud.untilGone('stubborn');
    expect(Date.now() - startedMs).toBeLessThan(10_000);
  });

  test('logs are where the lookup says', async () => {
    await cloud.run('talker', { containers: [shell('a', `echo hello; ${forever}`)] });
    await cloud.untilReady('talker');
    const found = cloud.node.pods.find('default', 'talker')!;
    expect(found.containers[0]).toMatchObject({ name: 'a', state: 'running' });
    await expect
      .poll(() => readFile(found.containers[0]!.logPath!, 'utf8'))
      .toMatch(/^\d{4}-\S+ stdout F hello\n/);
    await cloud.remove('talker');
    await cloud.untilGone('talker');
  });
});
