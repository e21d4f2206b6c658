import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LEASES, NODES } from '../../src/client/index.ts';
import type { coordinationv1, corev1 } from '../../src/kube/index.ts';
import { whyNotHere } from './engine-fixture.ts';
import { NODE_NAME, type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';

describe.skipIf(missing !== '')(`what a pod may ask of a node${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  async function drop(name: string): Promise<void> {
    await cloud.remove(name);
    await cloud.untilGone(name);
  }

  test('the node shows itself and its heartbeat', async () => {
    const node = await cloud.client.resource<corev1.Node>(NODES).get(NODE_NAME);
    expect(node.status!.conditions!.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'True',
      reason: 'KubeletReady',
    });
    expect(node.metadata.labels).toMatchObject({
      'kubernetes.io/hostname': NODE_NAME,
      'kubernetes.io/os': 'linux',
    });
    expect(node.status!.images!.flatMap((image) => image.names)).toContainEqual(
      expect.stringContaining('local/shell'),
    );
    expect(node.status!.daemonEndpoints!.kubeletEndpoint!.Port).toBeGreaterThan(0);
    const lease = () => cloud.client.resource<coordinationv1.Lease>(LEASES).get(NODE_NAME, 'kube-node-lease');
    await expect.poll(async () => (await lease()).spec.holderIdentity, { timeout: 15_000 }).toBe(NODE_NAME);
  });

  test('identity, groups, capabilities and a read-only root', async () => {
    await cloud.run('secure', {
      securityContext: { runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000, supplementalGroups: [4000] },
      volumes: [{ name: 'v', emptyDir: {} }] as unknown as corev1.Volume[],
      containers: [
        shell('a', forever, {
          securityContext: {
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        }),
      ],
    });
    await cloud.untilReady('secure');
    const shown = await cloud.exec(
      'secure',
      'id; touch /x; touch /v/mine && stat -c "%u %g" /v/mine; cat /proc/self/status',
    );
    expect(shown).toMatch(/uid=1000.* gid=2000.* groups=2000,3000,4000/);
    expect(shown).toContain('Read-only file system');
    expect(shown).toContain('1000 3000');
    expect(shown).toMatch(/CapEff:\s+0+\n/);
    expect(shown).toMatch(/NoNewPrivs:\s+1/);
    await drop('secure');
    await cloud.run('root', {
      containers: [shell('a', forever, { securityContext: { runAsNonRoot: true } })],
    });
    const refused = await cloud.until(
      'root',
      'refused',
      (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(refused.status!.containerStatuses![0]!.state!.waiting!.message).toContain(
      'container has runAsNonRoot and image will run as root (pod: "root_default(',
    );
    await drop('root');
  });

  test('hooks run after the start and before the stop', async () => {
    await cloud.run('hooked', {
      terminationGracePeriodSeconds: 10,
      volumes: [
        { name: 'h', hostPath: { path: cloud.directory, type: 'Directory' } },
      ] as unknown as corev1.Volume[],
      containers: [
        shell('a', forever, {
          volumeMounts: [{ name: 'h', mountPath: '/h' }],
          lifecycle: {
            postStart: { exec: { command: ['sh', '-c', 'sleep 1; echo started > /h/hooks'] } },
            preStop: { exec: { command: ['sh', '-c', 'echo stopping >> /h/hooks'] } },
          },
        }),
      ],
    });
    await cloud.untilReady('hooked');
    await drop('hooked');
    const { readFile } = await import('node:fs/promises');
    expect(await readFile(`${cloud.directory}/hooks`, 'utf8')).toBe('started\nstopping\n');
  });

  test('a failing postStart hook ends the container', async () => {
    await cloud.run('unhooked', {
      containers: [
        shell('a', forever, { lifecycle: { postStart: { exec: { command: ['sh', '-c', 'exit 4'] } } } }),
      ],
    });
    await cloud.untilEvent('unhooked', 'Warning FailedPostStartHook spec.containers{a} PostStartHook failed');
    await cloud.until(
      'unhooked',
      'restarted',
      (p) => (p.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1,
    );
    await drop('unhooked');
  });

  test('a pod on the host’s network has the host’s address', async () => {
    await cloud.run('host', { hostNetwork: true, containers: [shell('a', forever)] });
    const pod = await cloud.untilReady('host');
    expect(pod.status).toMatchObject({ podIP: '127.0.0.1', hostIP: '127.0.0.1' });
    expect(await cloud.exec('host', 'cat /etc/hosts')).toContain(
      '# Kubernetes-managed hosts file (host network).',
    );
    await drop('host');
  });

  test('a pod past its deadline is ended', async () => {
    await cloud.run('late', { activeDeadlineSeconds: 1, containers: [shell('a', forever)] });
    const pod = await cloud.until('late', 'Failed', (p) => p.status?.phase === 'Failed');
    expect(pod.status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
    await drop('late');
  });

  test('too much is refused with the kubelet’s words', async () => {
    await cloud.run('big', {
      containers: [shell('a', forever, { resources: { requests: { cpu: '1000' } } })],
    });
    const pod = await cloud.until('big', 'Failed', (p) => p.status?.phase === 'Failed');
    expect(pod.status!.reason).toBe('OutOfcpu');
    expect(pod.status!.message).toMatch(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000,/,
    );
    await drop('big');
  });

  test('a start that cannot succeed says why and backs off', async () => {
    await cloud.run('wrong', {
      containers: [{ name: 'a', image: 'local/shell', command: ['/no/such/program'] }],
    });
    const pod = await cloud.until(
      'wrong',
      'in CrashLoopBackOff',
      (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(pod.status!.containerStatuses![0]).toMatchObject({
      restartCount: 1,
      lastState: {
        terminated: {
          exitCode: 128,
          reason: 'StartError',
          message: expect.stringContaining('/no/such/program'),
        },
      },
    });
    await drop('wrong');
  });

  test('thirty pods at once become Ready and go', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `many-${i}`);
    await Promise.all(names.map((name) => cloud.run(name, { containers: [shell('a', forever)] })));
    await Promise.all(names.map((name) => cloud.untilReady(name)));
    const addresses = new Set(cloud.node.pods.list().map((pod) => pod.status!.podIP));
    expect(addresses.size).toBe(30);
    await Promise.all(names.map((name) => cloud.remove(name)));
    await Promise.all(names.map((name) => cloud.untilGone(name)));
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
