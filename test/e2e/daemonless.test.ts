import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Cloud,
  createCloud,
  eventually,
  helloManifests,
  packHello,
  whyNoContainers,
} from '../harness/cloud.ts';

const reason = whyNoContainers();

/** Everything on this host that may bear an instance's mark. */
function traces(instance: string, dataDirectory: string): string[] {
  const found: string[] = [];
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n'))
    if (line.includes(dataDirectory)) found.push(`mount ${line.split(' ')[1]}`);
  for (const line of execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).split('\n'))
    if (line.includes(instance)) found.push(`link ${line}`);
  for (const line of execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n'))
    if (line.includes(instance)) found.push(`nft ${line}`);
  for (const controller of existsSync('/sys/fs/cgroup') ? readdirSync('/sys/fs/cgroup') : []) {
    if (controller.includes(instance)) found.push(`cgroup ${controller}`);
    const inside = join('/sys/fs/cgroup', controller);
    try {
      for (const name of readdirSync(inside))
        if (name.includes(instance)) found.push(`cgroup ${controller}/${name}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
    }
  }
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (command.includes(dataDirectory) && Number(entry) !== process.pid)
        found.push(`process ${entry} ${command}`);
    } catch (error) {
      if (!/ENOENT|ESRCH/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return found;
}

describe.skipIf(reason !== undefined)(
  `daemonless${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let cloud: Cloud;
    let url: string;
    beforeAll(async () => {
      cloud = await createCloud();
      await cloud.up();
      await packHello(cloud);
      await cloud.kubectl('apply', '-f', helloManifests());
      await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
      url = `http://${await cloud.kubectl('get', 'service', 'hello', '-o', 'jsonpath={.spec.clusterIP}')}:8080/`;
    });
    afterAll(() => cloud.destroy());

    const answers = async () => (await fetch(url, { headers: { connection: 'close' } })).ok;
    const containers = () =>
      cloud.kubectl(
        'get',
        'pods',
        '--sort-by=.metadata.name',
        '-o',
        'jsonpath={range .items[*]}{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].state.running.startedAt} {.status.containerStatuses[0].restartCount}{"\\n"}{end}',
      );
    const kill = async (names: string[]) => {
      const { roles } = await cloud.status();
      for (const role of roles.filter((r) => names.includes(r.name))) process.kill(role.pid, 'SIGKILL');
      return roles;
    };

    test.each([[['node']], [['server']], [['supervisor']], [['supervisor', 'server', 'node']]])(
      'kill -9 of %j: containers keep serving and are adopted as they were',
      async (names) => {
        const before = await containers();
        const killed = await kill(names);
        for (let i = 0; i < 5; i += 1) expect(await answers()).toBe(true);
        if (names.includes('supervisor')) {
          await eventually('the roles end with their supervisor', async () =>
            killed.every((r) => !existsSync(`/proc/${r.pid}`)) ? true : undefined,
          );
          expect(await answers()).toBe(true);
          await cloud.up();
        } else {
          await eventually('the role is back', async () => {
            const { roles } = await cloud.status();
            return roles.every(
              (r) => r.state === 'ready' && !(names.includes(r.name) && killed.some((k) => k.pid === r.pid)),
            )
              ? true
              : undefined;
          });
        }
        await cloud.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s');
        expect(await containers()).toBe(before);
        expect(await answers()).toBe(true);
      },
    );

    test('a container that died while nobody looked is noticed and started again', async () => {
      const [first] = (await containers()).split('\n') as [string];
      const id = first.split(' ')[0]!.replace(/^\w+:\/\//, '');
      await cloud.orrery('down');
      const pid = readdirSync('/proc')
        .filter((entry) => /^\d+$/.test(entry))
        .find((entry) => {
          try {
            return (
              readFileSync(`/proc/${entry}/cgroup`, 'utf8').includes(id) &&
              readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('/app/server.ts')
            );
          } catch (error) {
            if (/ENOENT|ESRCH/.test((error as NodeJS.ErrnoException).code ?? '')) return false;
            throw error;
          }
        });
      process.kill(Number(pid), 'SIGKILL');
      await cloud.up();
      await eventually('one container counts a restart', async () => {
        const counts = (await containers())
          .trim()
          .split('\n')
          .map((line) => line.split(' ')[2]);
        return counts.includes('1') ? true : undefined;
      });
    });

    test('down --all leaves nothing on the host', async () => {
      const { createHash } = await import('node:crypto');
      const instance = createHash('sha256').update(cloud.dataDirectory).digest('hex').slice(0, 6);
      expect(traces(instance, cloud.dataDirectory).length).toBeGreaterThan(3);
      await cloud.orrery('down', '--all');
      expect(traces(instance, cloud.dataDirectory)).toEqual([]);
      await cloud.up();
      await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
      // The status of before is what the API shows until the node has looked.
      await eventually('the new pods answer', async () => (await answers()) || undefined);
    });
  },
);
