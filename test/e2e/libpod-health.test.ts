import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tool } from './libpod-fixture.ts';

let tool: Tool;
const isRoot = process.geteuid?.() === 0;
beforeAll(async () => {
  if (isRoot) tool = await Tool.open();
});
afterAll(async () => await tool?.close());

const WAIT = { timeout: 15_000, interval: 200 };

test.runIf(isRoot)('health is checked by a process that ends with the last container', async () => {
  await tool.ok(
    ...['run', '-d', '--network', 'none', '--name', 'hc', '--health-interval', '1s', '--health-retries', '1'],
    ...[
      '--health-cmd',
      '["CMD","busybox","test","!","-e","/bad"]',
      'localhost/box',
      'busybox',
      'sleep',
      '1000',
    ],
  );
  const status = () => tool.ok('ps', '--format', '{{.Status}}');
  await expect.poll(status, WAIT).toContain('(healthy)');
  const mark = join(tool.root, 'containers/health/monitor.pid');
  const pid = Number((await readFile(mark, 'utf8')).split(':')[0]);
  await tool.ok('exec', 'hc', 'busybox', 'touch', '/bad');
  await expect.poll(status, WAIT).toContain('(unhealthy)');
  expect((await tool.run('healthcheck', 'run', 'hc')).code).toBe(1);
  await tool.ok('rm', '-f', '-t', '0', 'hc');
  await expect.poll(() => isAlive(pid), WAIT).toBe(false);
});

test.runIf(isRoot)(
  'a policy starts a container again, waiting longer each time, until it is stopped',
  async () => {
    await tool.ok(
      ...['run', '-d', '--network', 'none', '--name', 'rs', '--restart', 'always', 'localhost/box'],
      ...['busybox', 'false'],
    );
    const restarts = async () => Number(await tool.ok('inspect', 'rs', '--format', '{{.RestartCount}}'));
    await expect.poll(restarts, WAIT).toBeGreaterThan(1);
    await tool.ok('stop', '-t', '0', 'rs');
    const counted = await restarts();
    const books = join(tool.root, 'containers/restarts');
    const [book] = (await readdir(books)).filter((name) => name.endsWith('.json'));
    const content = JSON.parse(await readFile(join(books, book!), 'utf8')) as { waiting?: object };
    expect(content).toMatchObject({ wasStopped: true });
    expect(content.waiting).toBeUndefined();
    expect(await restarts()).toBe(counted);
    expect(await tool.ok('inspect', 'rs', '--format', '{{.State.Status}}')).toBe('exited');
  },
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
