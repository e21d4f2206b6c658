import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Cloud,
  type CommandError,
  createCloud,
  eventually,
  program,
  whyNoContainers,
} from '../harness/cloud.ts';

const reason = whyNoContainers();

describe.skipIf(reason !== undefined)(
  `orrery up${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await createCloud();
      await cloud.up();
    });
    afterAll(() => cloud.destroy());

    test('returns when control plane and node are really ready', async () => {
      expect(await cloud.kubectl('get', '--raw', '/readyz')).toBe('ok');
      const nodes = await cloud.kubectl('get', 'nodes', '--no-headers');
      expect(nodes).toMatch(/^\S+\s+Ready\s+\S+\s+\S+\s+v1\.36\.0\+orrery-/);
    });

    test('the node reports the capacity this machine has', async () => {
      const [cpu, memory] = (
        await cloud.kubectl(
          'get',
          'nodes',
          '-o',
          'jsonpath={.items[0].status.capacity.cpu} {.items[0].status.capacity.memory}',
        )
      ).split(' ');
      const { availableParallelism, totalmem } = await import('node:os');
      expect(Number(cpu)).toBe(availableParallelism());
      expect(memory).toBe(`${Math.floor(totalmem() / 1024)}Ki`);
    });

    test('the kubeconfig is for its owner only, keys too', () => {
      expect(statSync(cloud.kubeconfig).mode & 0o777).toBe(0o600);
      expect(statSync(join(cloud.dataDirectory, 'pki', 'ca.key')).mode & 0o777).toBe(0o600);
    });

    test('status shows the roles with their memory', async () => {
      const status = await cloud.status();
      expect(status.roles.map((r) => `${r.name} ${r.state}`)).toEqual([
        'supervisor ready',
        'server ready',
        'node ready',
      ]);
      for (const role of status.roles) expect(role.memory.rssBytes).toBeGreaterThan(10e6);
      expect(await cloud.orrery('status')).toMatch(/^ROLE\s+STATUS\s+PID/);
    });

    test('a second up on the same data directory refuses and disturbs nothing', async () => {
      const before = await cloud.status();
      const error: CommandError = await cloud.up().then(
        () => expect.unreachable(),
        (e) => e,
      );
      expect(error.exitCode).toBe(1);
      expect(error.stderr).toMatch(/^error: Orrery is already running on \S+\nhint: /);
      expect((await cloud.status()).roles.map((r) => r.pid)).toEqual(before.roles.map((r) => r.pid));
    });

    test('a request without a certificate gets nothing but health', async () => {
      const { Agent, request } = await import('node:https');
      const get = (path: string) =>
        new Promise<number>((resolve, reject) => {
          request(
            { host: '127.0.0.1', port: cloud.port, path, agent: new Agent({ rejectUnauthorized: false }) },
            (response) => {
              response.resume().on('end', () => resolve(response.statusCode!));
            },
          )
            .on('error', reject)
            .end();
        });
      expect(await get('/livez')).toBe(200);
      expect(await get('/api/v1/namespaces/kube-system/secrets')).toBeGreaterThanOrEqual(401);
      expect(await get('/metrics')).toBeGreaterThanOrEqual(401);
    });

    test('a role that is killed is started again', async () => {
      const before = await cloud.status();
      process.kill(before.roles.find((r) => r.name === 'server')!.pid, 'SIGKILL');
      const after = await eventually('the server is back', async () => {
        const status = await cloud.status();
        const server = status.roles.find((r) => r.name === 'server')!;
        return server.state === 'ready' && server.restarts === 1 ? server : undefined;
      });
      expect(after.pid).not.toBe(before.roles.find((r) => r.name === 'server')!.pid);
      expect(await cloud.kubectl('get', '--raw', '/readyz')).toBe('ok');
    });

    test('down stops the roles, and what was stored is there after the next up', async () => {
      await cloud.kubectl('create', 'configmap', 'kept', '--from-literal=a=b');
      expect(await cloud.orrery('down')).toContain('Orrery is down');
      const error: CommandError = await cloud.status().then(
        () => expect.unreachable(),
        (e) => e,
      );
      expect(error.exitCode).toBe(3);
      await cloud.up();
      expect(await cloud.kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).toBe('b');
    });

    test('Ctrl-C on a foreground up stops the roles cleanly', async () => {
      await cloud.orrery('down');
      const child = spawn(
        process.execPath,
        [program, 'up', '--data-dir', cloud.dataDirectory, ...cloud.upFlags],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let printed = '';
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      await eventually('the summary is printed', async () => (printed.includes('Ctrl-C') ? true : undefined));
      const { roles } = await cloud.status();
      child.kill('SIGINT');
      const [code] = (await once(child, 'exit')) as [number];
      expect(code).toBe(0);
      for (const role of roles) expect(() => process.kill(role.pid, 0)).toThrow('ESRCH');
    });

    test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
      '%s at any moment of starting leaves no process behind',
      async (signal) => {
        for (let ms = 50; ms <= 1050; ms += 100) {
          const args = [program, 'up', '--data-dir', cloud.dataDirectory, ...cloud.upFlags];
          const child = spawn(process.execPath, args, { stdio: 'ignore' });
          const exit = once(child, 'exit');
          await delay(ms);
          child.kill(signal);
          await exit;
          await eventually(
            `nobody has a file of the data directory open, ${ms} ms into the start`,
            async () => (processesIn(cloud.dataDirectory).length === 0 ? true : undefined),
          );
        }
        await cloud.up();
        expect((await cloud.status()).roles.map((r) => r.state)).toEqual(['ready', 'ready', 'ready']);
        await cloud.orrery('down');
      },
    );
  },
);

/** Processes that have a file below the folder open, as the roles have their logs. */
function processesIn(folder: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) =>
        readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${folder}/`),
      );
    } catch {
      return false; // it ended, or closed that file, while we looked
    }
  });
}
