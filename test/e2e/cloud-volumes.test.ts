import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, createCloud, eventually, kubectlVersions, whyNoContainers } from '../harness/cloud.ts';

const reason = whyNoContainers() ?? (kubectlVersions().length === 0 ? 'no kubectl' : undefined);
const FOREVER = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

/** As users of k3s write it, on the cloud as they start it. */
describe.skipIf(reason !== undefined)(
  `volumes and priorities on one machine${reason ? ` (${reason})` : ''}`,
  () => {
    let cloud: Cloud;

    beforeAll(async () => {
      cloud = await createCloud();
      await cloud.up();
      const binaries = ['sh', 'sleep', 'cat'].map((name) => `/bin/${name}`);
      await cloud.orrery('image', 'pack', 'local/shell', ...binaries);
    }, 120_000);

    afterAll(() => cloud.destroy());

    function apply(...objects: object[]): Promise<string> {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      return cloud.kubectlWith(JSON.stringify(list), 'apply', '-f', '-');
    }

    function container(script: string, more: object = {}) {
      return {
        name: 'main',
        image: 'local/shell',
        imagePullPolicy: 'Never',
        command: ['sh', '-c', script],
        ...more,
      };
    }

    function database() {
      const template = {
        metadata: { labels: { app: 'db' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            container(`echo again >> /data/log; ${FOREVER}`, {
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            }),
          ],
        },
      };
      return {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: {
          serviceName: 'db',
          replicas: 1,
          selector: { matchLabels: { app: 'db' } },
          template,
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
            },
          ],
        },
      };
    }

    const rows = async (...args: string[]) =>
      (await cloud.kubectl('get', ...args, '--no-headers'))
        .trim()
        .split('\n')
        .map((line) => line.split(/\s{2,}/));

    test('the data of a StatefulSet outlives it, and goes with its claim', async () => {
      expect((await rows('storageclass'))[0]!.slice(0, 5)).toEqual([
        'local-path (default)',
        'rancher.io/local-path',
        'Delete',
        'WaitForFirstConsumer',
        'false',
      ]);
      await apply(database());
      await cloud.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s');
      expect(await cloud.kubectl('exec', 'db-0', '--', 'cat', '/data/log')).toBe('again\n');
      const claims = await rows('pvc');
      expect(claims[0]!.slice(0, 2)).toEqual(['data-db-0', 'Bound']);
      const volume = claims[0]![2]!;
      expect(claims[0]!.slice(3, 6)).toEqual(['1Gi', 'RWO', 'local-path']);
      expect((await rows('pv'))[0]!.slice(0, 7)).toEqual([
        volume,
        '1Gi',
        'RWO',
        'Delete',
        'Bound',
        'default/data-db-0',
        'local-path',
      ]);
      await cloud.kubectl('delete', 'statefulset', 'db', '--cascade=foreground', '--timeout=60s');
      await apply(database());
      await cloud.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s');
      expect(await cloud.kubectl('exec', 'db-0', '--', 'cat', '/data/log')).toBe('again\nagain\n');
      const storage = join(cloud.dataDirectory, 'storage');
      expect(readdirSync(storage)).toEqual([`${volume}_default_data-db-0`]);
      await cloud.kubectl('delete', 'statefulset', 'db', '--cascade=foreground', '--timeout=60s');
      await cloud.kubectl('delete', 'pvc', 'data-db-0', '--timeout=60s');
      await cloud.kubectl('wait', '--for=delete', `pv/${volume}`, '--timeout=60s');
      expect(readdirSync(storage)).toEqual([]);
    }, 180_000);

    test('a pod that matters more takes the place of one that matters less', async () => {
      const cpu = (
        await cloud.kubectl('get', 'node', '-o', 'jsonpath={.items[0].status.allocatable.cpu}')
      ).trim();
      const millis = cpu.endsWith('m') ? Number.parseInt(cpu, 10) : Number(cpu) * 1000;
      const most = { resources: { requests: { cpu: `${Math.floor(millis * 0.7)}m` } } };
      const pod = (name: string, priorityClassName?: string) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: {
          terminationGracePeriodSeconds: 1,
          ...(priorityClassName && { priorityClassName }),
          containers: [container(FOREVER, most)],
        },
      });
      const important = {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name: 'important' },
        value: 1000,
      };
      await apply(important, pod('humble'));
      await cloud.kubectl('wait', '--for=condition=Ready', 'pod/humble', '--timeout=60s');
      await apply(pod('urgent', 'important'));
      await cloud.kubectl('wait', '--for=condition=Ready', 'pod/urgent', '--timeout=60s');
      await cloud.kubectl('wait', '--for=delete', 'pod/humble', '--timeout=60s');
      const events = await eventually('the event', async () => {
        const text = await cloud.kubectl(
          'get',
          'events',
          '--field-selector',
          'reason=Preempted',
          '--no-headers',
        );
        return text.includes('pod/humble') ? text : undefined;
      });
      expect(events).toMatch(/Normal\s+Preempted\s+pod\/humble\s+Preempted by pod \S+ on node /);
      await cloud.kubectl('delete', 'pod', 'urgent', '--timeout=60s');
    }, 180_000);
  },
);
