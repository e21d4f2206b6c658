import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFIG_MAPS, PODS, SECRETS } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { whyNotHere } from './engine-fixture.ts';
import { type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

// What upstream's test/e2e/common/{node,storage} ask of a node, where no other test here does. Titles are upstream's.

const missing = await whyNotHere();
const forever = 'trap "exit 0" TERM; while true; do sleep 0.05; done';
const namespace = 'default';

describe.skipIf(missing !== '')(`upstream's pods${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  const pods = () => cloud.client.resource<corev1.Pod>(PODS);
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  const maps = () => cloud.client.resource<corev1.ConfigMap>(CONFIG_MAPS);
  const volumes = (...all: object[]) => all as unknown as corev1.Volume[];
  const printed = async (name: string) => {
    const pod = await cloud.until(name, 'has ended', ({ status }) =>
      /Succeeded|Failed/.test(status?.phase ?? ''),
    );
    const [container] = pod.status!.containerStatuses!;
    return container!.state!.terminated!.message ?? '';
  };

  test('Pods should run through the lifecycle of Pods and PodStatus', async () => {
    await cloud.run('life', { containers: [shell('a', forever)] });
    await cloud.untilReady('life');
    const path = { namespace };
    const labelled = {
      metadata: { labels: { 'test-pod': 'patched' } },
      spec: { hostname: 'other' },
    };
    await expect(pods().patch('life', { type: 'strategic', body: labelled }, path)).rejects.toThrow(
      'pod updates may not change fields other than',
    );
    const image = {
      metadata: labelled.metadata,
      spec: { containers: [{ name: 'a', image: 'local/shell' }] },
    };
    await pods().patch('life', { type: 'strategic', body: image }, path);
    for (const status of ['False', 'True']) {
      const conditions = [{ type: 'Ready', status }];
      await pods().patch(
        'life',
        { type: 'strategic', body: { status: { conditions } } },
        { ...path, subresource: 'status' },
      );
      const shown = (await pods().get('life', namespace)).status!.conditions!;
      expect(shown.find(({ type }) => type === 'Ready')!.status).toBe(status);
    }
    // activeDeadlineSeconds may be set later.
    await pods().patch('life', { type: 'merge', body: { spec: { activeDeadlineSeconds: 1 } } }, path);
    await cloud.until('life', 'is past its deadline', ({ status }) => status?.reason === 'DeadlineExceeded');
    await pods().deleteCollection({ namespace, labelSelector: 'test-pod=patched', gracePeriodSeconds: 0 });
    await cloud.untilGone('life');
  });

  test('Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container', async () => {
    await cloud.run('expansion', {
      volumes: volumes({ name: 'workdir', emptyDir: {} }),
      containers: [
        shell('a', 'echo x > /subpath_mount/f; ls /volume_mount/mypath > /dev/termination-log', {
          env: [
            {
              name: 'ANNOTATION',
              valueFrom: { fieldRef: { fieldPath: "metadata.annotations['mysubpath']" } },
            },
          ],
          volumeMounts: [
            { name: 'workdir', mountPath: '/subpath_mount', subPathExpr: '$(ANNOTATION)/$(POD)' },
            { name: 'workdir', mountPath: '/volume_mount' },
          ],
        }),
      ],
      restartPolicy: 'Never',
    });
    await cloud.untilEvent('expansion', 'POD');
    await cloud.remove('expansion', 0);
    await cloud.untilGone('expansion');
    await cloud.run('expansion', {
      volumes: volumes({ name: 'workdir', emptyDir: {} }),
      containers: [
        shell('a', 'echo x > /subpath_mount/f; ls /volume_mount/mypath > /dev/termination-log', {
          env: [
            {
              name: 'ANNOTATION',
              valueFrom: { fieldRef: { fieldPath: "metadata.annotations['mysubpath']" } },
            },
          ],
          volumeMounts: [
            { name: 'workdir', mountPath: '/subpath_mount', subPathExpr: '$(ANNOTATION)' },
            { name: 'workdir', mountPath: '/volume_mount' },
          ],
        }),
      ],
      restartPolicy: 'Never',
    });
    await pods().patch(
      'expansion',
      { type: 'merge', body: { metadata: { annotations: { mysubpath: 'mypath' } } } },
      { namespace },
    );
    await cloud.until('expansion', 'has ended', ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ''));
    await cloud.remove('expansion', 0);
  });

  test('Variable Expansion should fail substituting values in a volume subpath with absolute path', async () => {
    await cloud.run('absolute', {
      volumes: volumes({ name: 'workdir', emptyDir: {} }),
      containers: [
        shell('a', 'true', {
          env: [{ name: 'POD_NAME', value: '/tmp' }],
          volumeMounts: [{ name: 'workdir', mountPath: '/logscontainer', subPathExpr: '$(POD_NAME)' }],
        }),
      ],
    });
    await cloud.until(
      'absolute',
      'waits',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    await cloud.remove('absolute', 0);
  });

  test('Sysctls should support sysctls', async () => {
    await cloud.run('sysctl', {
      securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] },
      containers: [shell('a', 'cat /proc/sys/kernel/shm_rmid_forced > /dev/termination-log')],
      restartPolicy: 'Never',
    });
    expect((await printed('sysctl')).trim()).toBe('1');
    await cloud.remove('sysctl', 0);
  });

  test('RuntimeClass should reject a Pod requesting a non-existent RuntimeClass', async () => {
    await expect(
      cloud.run('classless', { runtimeClassName: 'nonexistent', containers: [shell('a', 'true')] }),
    ).rejects.toMatchObject({ code: 'Forbidden' });
  });

  test('Downward API should provide host IP, pod IPs, limits and the uid, and default limits from the node', async () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const limit = (name: string, resource: string) => ({
      name,
      valueFrom: { resourceFieldRef: { resource } },
    });
    const env = [
      field('HOST_IP', 'status.hostIP'),
      field('HOST_IPS', 'status.hostIPs'),
      field('POD_IPS', 'status.podIPs'),
      field('POD_UID', 'metadata.uid'),
      limit('CPU', 'limits.cpu'),
      limit('MEMORY', 'limits.memory'),
    ];
    await cloud.run('downward', {
      containers: [
        shell('a', 'echo $HOST_IP $HOST_IPS $POD_IPS $POD_UID $CPU $MEMORY > /dev/termination-log', {
          env: env as unknown as corev1.EnvVar[],
        }),
      ],
      restartPolicy: 'Never',
    });
    const [host, hosts, ips, uid, cpu, memory] = (await printed('downward')).trim().split(' ');
    const pod = await cloud.pod('downward');
    expect([host, hosts, ips, uid]).toEqual([
      pod.status!.hostIP,
      pod.status!.hostIPs!.map(({ ip }) => ip).join(','),
      pod.status!.podIPs!.map(({ ip }) => ip).join(','),
      pod.metadata.uid,
    ]);
    expect(Number(cpu)).toBeGreaterThan(0);
    expect(Number(memory)).toBeGreaterThan(1e6);
    await cloud.remove('downward', 0);
  });

  test('optional updates should be reflected in volume', async () => {
    const secrets = cloud.client.resource<corev1.Secret>(SECRETS);
    await maps().create({ metadata: { name: 'cm-del', namespace }, data: { 'data-1': 'value-1' } });
    await maps().create({ metadata: { name: 'cm-upd', namespace }, data: { 'data-1': 'value-1' } });
    await secrets.create({ metadata: { name: 's-upd', namespace }, data: { 'data-1': 'dmFsdWUtMQ==' } });
    await cloud.run('updates', {
      volumes: volumes(
        { name: 'del', configMap: { name: 'cm-del', optional: true } },
        { name: 'upd', configMap: { name: 'cm-upd', optional: true, defaultMode: 0o400 } },
        { name: 'create', configMap: { name: 'cm-create', optional: true } },
        {
          name: 'all',
          projected: {
            sources: [
              { secret: { name: 's-upd', items: [{ key: 'data-1', path: 'new/path-1', mode: 0o400 }] } },
              { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
            ],
          },
        },
      ),
      containers: [
        shell('a', forever, {
          volumeMounts: ['del', 'upd', 'create', 'all'].map((name) => ({
            name,
            mountPath: `/etc/v/${name}`,
          })),
        }),
      ],
    });
    await cloud.untilReady('updates');
    expect(await cloud.exec('updates', 'cat /etc/v/del/data-1 /etc/v/upd/data-1 /etc/v/all/new/path-1')).toBe(
      'value-1value-1value-1',
    );
    expect(await cloud.exec('updates', 'stat -L -c %a /etc/v/upd/data-1 /etc/v/all/new/path-1')).toBe(
      '400\n400',
    );
    await maps().delete('cm-del', { namespace });
    await maps().patch(
      'cm-upd',
      { type: 'merge', body: { data: { 'data-1': null, 'data-3': 'value-3' } } },
      { namespace },
    );
    await maps().create({ metadata: { name: 'cm-create', namespace }, data: { 'data-1': 'made' } });
    await secrets.patch('s-upd', { type: 'merge', body: { data: { 'data-1': 'bmV3' } } }, { namespace });
    await pods().patch(
      'updates',
      { type: 'merge', body: { metadata: { labels: { k: 'v2' } } } },
      { namespace },
    );
    const look =
      'cat /etc/v/upd/data-3 /etc/v/create/data-1 /etc/v/all/new/path-1 /etc/v/all/labels; ls /etc/v/del';
    await expect
      .poll(() => cloud.exec('updates', look).catch(() => ''), { timeout: 90_000, interval: 500 })
      .toBe('value-3madenewapp="updates"\nk="v2"');
    await expect.poll(() => cloud.exec('updates', 'ls /etc/v/del'), { timeout: 90_000 }).toBe('');
    await cloud.remove('updates', 0);
  }, 120_000);

  test('EmptyDir volumes should support (root,0644,tmpfs), and volumes of pod should be shared between containers', async () => {
    await cloud.run('empty', {
      volumes: volumes({ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } }),
      containers: [
        shell('a', `echo shared > /m/f; mount > /m/mounts; ${forever}`, {
          volumeMounts: [{ name: 'm', mountPath: '/m' }],
        }),
        shell('b', forever, { volumeMounts: [{ name: 'm', mountPath: '/other' }] }),
      ],
    });
    await cloud.untilReady('empty');
    expect(await cloud.exec('empty', 'cat /m/f; stat -c %a /m')).toBe('shared\n777');
    expect(await cloud.exec('empty', 'cat /m/mounts')).toMatch(/ on \/m type tmpfs .*size=8192k/);
    await cloud.remove('empty', 0);
  });

  describe('Pods Extended (pod generation)', () => {
    const tolerate = (name: string, key: string) =>
      pods().patch(
        name,
        {
          type: 'json',
          body: [{ op: 'add', path: '/spec/tolerations/-', value: { key, operator: 'Exists' } }],
        },
        { namespace },
      );
    const observed = (name: string, generation: number) =>
      cloud.until(
        name,
        `has observed ${generation}`,
        ({ status }) => status?.observedGeneration === generation,
      );

    test('pod generation should start at 1 and increment per update, and be observed', async () => {
      const made = await cloud.run('generation', {
        containers: [shell('a', forever)],
        tolerations: [{ key: 'a', operator: 'Exists' }],
      });
      expect(made.metadata.generation).toBe(1);
      await observed('generation', 1);
      await pods().patch(
        'generation',
        { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
        { namespace },
      );
      await tolerate('generation', 'b');
      await tolerate('generation', 'c');
      const after = await observed('generation', 3);
      expect(after.metadata.generation).toBe(3);
      expect(after.status!.conditions!.map(({ observedGeneration }) => observedGeneration)).toEqual(
        after.status!.conditions!.map(() => 3),
      );
    });

    test('custom-set generation on new pods and graceful delete', async () => {
      const metadata = { name: 'set', namespace, generation: 100, finalizers: ['example.com/held'] };
      const body = { nodeName: 'earth', terminationGracePeriodSeconds: 1, containers: [shell('a', forever)] };
      const made = await pods().create({ metadata, spec: body } as never);
      expect(made.metadata.generation).toBe(1);
      await cloud.untilReady('set');
      await pods().delete('set', { namespace });
      expect((await pods().get('set', namespace)).metadata.generation).toBe(2);
      await observed('set', 2);
      await pods().patch('set', { type: 'merge', body: { metadata: { finalizers: null } } }, { namespace });
      await cloud.untilGone('set');
    });

    test('pod rejected by kubelet should have updated generation and observedGeneration', async () => {
      await cloud.run('rejected', {
        containers: [shell('a', forever, { resources: { requests: { cpu: '1000' } } })],
      });
      const rejected = await cloud.until(
        'rejected',
        'is rejected',
        ({ status }) => status?.phase === 'Failed',
      );
      expect([rejected.status!.reason, rejected.status!.observedGeneration]).toEqual(['OutOfcpu', 1]);
      await cloud.remove('rejected', 0);
    });
  });

  describe('Pod InPlace Resize Container', () => {
    type Amounts = Record<string, { requests?: Record<string, string>; limits?: Record<string, string> }>;
    const amounts = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
    const containersOf = (all: Amounts) =>
      Object.entries(all).map(([name, resources]) => ({ name, resources }));

    /** There and, where that is allowed, back again, as upstream does. */
    async function resize(name: string, from: Amounts, to: Amounts, goBack = true): Promise<void> {
      await cloud.run(name, {
        containers: Object.entries(from).map(([container, resources]) =>
          shell(container, forever, { resources }),
        ),
      });
      await cloud.untilReady(name);
      for (const wanted of goBack ? [to, from] : [to]) {
        await pods().patch(
          name,
          { type: 'strategic', body: { spec: { containers: containersOf(wanted) } } },
          { namespace, subresource: 'resize' },
        );
        const after = await cloud.until(name, 'is resized', (pod) => {
          const expected = Object.entries(wanted).map(([container, resources]) => [
            container,
            sorted(resources),
          ]);
          const actual = pod.status?.containerStatuses?.map((one) => [one.name, sorted(one.resources ?? {})]);
          return JSON.stringify(actual) === JSON.stringify(expected);
        });
        const { conditions = [], containerStatuses = [] } = after.status!;
        expect(conditions.filter(({ type }) => type.startsWith('PodResize'))).toEqual([]);
        expect(containerStatuses.map(({ restartCount }) => restartCount)).toEqual(
          containerStatuses.map(() => 0),
        );
        expect(containerStatuses.map(({ allocatedResources }) => sorted(allocatedResources ?? {}))).toEqual(
          Object.values(wanted).map(({ requests }) => sorted(requests ?? {})),
        );
      }
      await cloud.remove(name, 0);
    }

    function sorted(value: object): object {
      return Object.fromEntries(
        Object.entries(value)
          .map(([key, one]) => [key, typeof one === 'object' ? sorted(one) : one] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    }

    test('3 containers - increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2)', async () => {
      await resize(
        'guaranteed',
        { c1: amounts('20m', '35Mi'), c2: amounts('22m', '37Mi'), c3: amounts('24m', '39Mi') },
        { c1: amounts('30m', '35Mi'), c2: amounts('17m', '47Mi'), c3: amounts('34m', '49Mi') },
      );
    });

    test('6 containers - various operations performed (including adding limits and requests)', async () => {
      await resize(
        'burstable',
        {
          c1: { requests: { cpu: '20m' } },
          c2: { requests: { memory: '35Mi' } },
          c3: { requests: { cpu: '20m', memory: '35Mi' } },
          c4: { requests: { cpu: '20m' } },
          c5: { requests: { memory: '35Mi' } },
        },
        {
          c1: { requests: { cpu: '30m' }, limits: { cpu: '40m' } },
          c2: { requests: { memory: '30Mi' }, limits: { memory: '50Mi' } },
          c3: { requests: { cpu: '20m', memory: '30Mi' } },
          c4: { requests: { cpu: '15m', memory: '35Mi' } },
          c5: { requests: { cpu: '20m', memory: '40Mi' } },
        },
        // What was added may not be taken away.
        false,
      );
    });

    test('resize with equivalents', async () => {
      await resize(
        'equivalents',
        { c1: { requests: { cpu: '2m' }, limits: { cpu: '10m' } } },
        { c1: { requests: { cpu: '1m' }, limits: { cpu: '5m' } } },
      );
    });
  });
});
