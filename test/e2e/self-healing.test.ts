import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, createCloud, eventually, whyNoContainers } from '../harness/cloud.ts';

const reason = whyNoContainers();

describe.skipIf(reason !== undefined)(
  `self-healing, seen with kubectl${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await createCloud();
      await cloud.up();
      await cloud.orrery(
        'image',
        'pack',
        'local/shell',
        '/bin/sh',
        '/bin/sleep',
        '/bin/cat',
        '/usr/bin/head',
        '/usr/bin/tail',
      );
    });
    afterAll(() => cloud.destroy());

    /** Creates a pod of one container that runs a shell script; further fields of the container and the pod may be given. */
    async function pod(
      name: string,
      script: string,
      container: object = {},
      spec: object = {},
    ): Promise<void> {
      await cloud.kubectlWith(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'c',
                image: 'local/shell',
                imagePullPolicy: 'Never',
                command: ['sh', '-c', script],
                ...container,
              },
            ],
            ...spec,
          },
        }),
        'create',
        '-f',
        '-',
      );
    }

    const get = (name: string, jsonpath: string) =>
      cloud.kubectl('get', 'pod', name, '-o', `jsonpath=${jsonpath}`);
    const status = '{.status.containerStatuses[0]';
    const until = (name: string, jsonpath: string, wanted: string | RegExp, timeoutMs?: number) =>
      eventually(
        `${name} ${jsonpath} is ${wanted}`,
        async () => {
          const value = await get(name, jsonpath);
          return (typeof wanted === 'string' ? value === wanted : wanted.test(value)) ? value : undefined;
        },
        timeoutMs,
      );
    const events = (name: string) =>
      cloud.kubectl(
        'get',
        'events',
        '--field-selector',
        `involvedObject.name=${name}`,
        '-o',
        'jsonpath={range .items[*]}{.type} {.reason}: {.message}{"\\n"}{end}',
      );

    test('a killed process is started again, and its last state is told', async () => {
      await pod('killed', 'exec sleep 1000');
      await until('killed', '{.status.phase}', 'Running');
      const id = (await get('killed', `${status}.containerID}`)).replace(/^\w+:\/\//, '');
      const { readdirSync, readFileSync } = await import('node:fs');
      // The process whose cgroup is the container's.
      const pid = readdirSync('/proc')
        .filter((entry) => /^\d+$/.test(entry))
        .find((entry) => {
          try {
            return (
              readFileSync(`/proc/${entry}/cgroup`, 'utf8').includes(id) &&
              readFileSync(`/proc/${entry}/cmdline`, 'utf8').startsWith('sleep')
            );
          } catch (error) {
            if (
              (error as NodeJS.ErrnoException).code === 'ENOENT' ||
              (error as NodeJS.ErrnoException).code === 'ESRCH'
            )
              return false;
            throw error;
          }
        });
      process.kill(Number(pid), 'SIGKILL');
      await until('killed', `${status}.restartCount}`, '1');
      expect(
        await get(
          'killed',
          `${status}.lastState.terminated.exitCode} ${status}.lastState.terminated.reason}`,
        ),
      ).toBe('137 Error');
      await until('killed', `${status}.ready}`, 'true');
      expect(await cloud.kubectl('get', 'pod', 'killed', '--no-headers')).toMatch(
        /^killed\s+1\/1\s+Running\s+1 \(\d+s ago\)/,
      );
    });

    test('a container that keeps crashing backs off: at once, then 10 s, then 20 s', async () => {
      await pod('crashing', 'echo attempt; exit 7');
      await until('crashing', `${status}.restartCount}`, '1');
      await until('crashing', `${status}.state.waiting.reason}`, 'CrashLoopBackOff');
      expect(await get('crashing', `${status}.state.waiting.message}`)).toMatch(
        /^back-off 10s restarting failed container=c pod=crashing_default\([0-9a-f-]{36}\)$/,
      );
      expect(
        await get(
          'crashing',
          `${status}.lastState.terminated.exitCode} ${status}.lastState.terminated.reason}`,
        ),
      ).toBe('7 Error');
      expect(await cloud.kubectl('get', 'pod', 'crashing', '--no-headers')).toMatch(
        /0\/1\s+CrashLoopBackOff\s+1 /,
      );
      expect(await cloud.kubectl('logs', 'crashing', '--previous')).toBe('attempt\n');
      await until('crashing', `${status}.restartCount}`, '2', 15_000);
      await until('crashing', `${status}.state.waiting.message}`, /^back-off 20s /);
      expect(await events('crashing')).toContain(
        'Warning BackOff: Back-off restarting failed container c in pod crashing_default(',
      );
    });

    test('memory over the limit is OOMKilled, 137', async () => {
      await pod(
        'greedy',
        'exec tail -f /dev/zero',
        { resources: { limits: { memory: '16Mi' } } },
        { restartPolicy: 'Never' },
      );
      await until('greedy', `${status}.state.terminated.reason}`, 'OOMKilled');
      expect(await get('greedy', `${status}.state.terminated.exitCode} {.status.phase}`)).toBe('137 Failed');
    });

    test('a failing liveness probe kills and restarts', async () => {
      await pod('sick', 'exec sleep 1000', {
        livenessProbe: { exec: { command: ['cat', '/nothing'] }, periodSeconds: 1, failureThreshold: 2 },
      });
      await until('sick', `${status}.restartCount}`, '1');
      const seen = await events('sick');
      expect(seen).toMatch(/Warning Unhealthy: Liveness probe failed: /);
      expect(seen).toContain('Normal Killing: Container c failed liveness probe, will be restarted');
    });

    test('an unknown image is ErrImagePull, then ImagePullBackOff', async () => {
      await pod('unpullable', 'true', { image: 'local/nowhere', imagePullPolicy: 'IfNotPresent' });
      await until('unpullable', `${status}.state.waiting.reason}`, /^(ErrImagePull|ImagePullBackOff)$/);
      await until('unpullable', `${status}.state.waiting.reason}`, 'ImagePullBackOff');
      const seen = await events('unpullable');
      expect(seen).toContain('Failed to pull image "local/nowhere"');
      expect(seen).toContain('Warning Failed: Error: ErrImagePull');
      expect(seen).toContain('Normal BackOff: Back-off pulling image "local/nowhere"');
    });

    test("a missing ConfigMap is CreateContainerConfigError with Kubernetes' message, and heals when it comes", async () => {
      await pod('unconfigured', 'exec sleep 1000', { envFrom: [{ configMapRef: { name: 'later' } }] });
      await until('unconfigured', `${status}.state.waiting.reason}`, 'CreateContainerConfigError');
      expect(await get('unconfigured', `${status}.state.waiting.message}`)).toBe(
        'configmap "later" not found',
      );
      await cloud.kubectl('create', 'configmap', 'later', '--from-literal=A=b');
      await until('unconfigured', '{.status.phase}', 'Running', 20_000);
    });

    test('what does not end on SIGTERM is killed after its grace', async () => {
      await pod('stubborn', "trap '' TERM; while :; do sleep 1; done");
      await until('stubborn', '{.status.phase}', 'Running');
      await cloud.kubectl('delete', 'pod', 'stubborn', '--timeout=20s');
      expect(await events('stubborn')).toContain('Normal Killing: Stopping container c');
    });
  },
);
