import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reboot } from '../harness/reboot.ts';
import { Tool } from './libpod-fixture.ts';

let tool: Tool;
const isRoot = process.geteuid?.() === 0;
beforeAll(async () => {
  if (isRoot) tool = await Tool.open();
});
afterAll(async () => await tool?.close());

const sleeper = ['localhost/box', 'busybox', 'sleep', '1000'];

/** The host goes down and comes up: all but the disk is gone. */
async function rebootHost(): Promise<void> {
  const directory = join(tool.root, 'containers');
  const instance = createHash('sha256').update(directory).digest('hex').slice(0, 6);
  await reboot({ directory, instance });
}

const statesOf = async () =>
  Object.fromEntries(
    (await tool.ok('ps', '-a', '--format', '{{.Names}} {{.State}}'))
      .split('\n')
      .map((line) => line.toLowerCase().split(' ') as [string, string])
      .sort(),
  );

test.runIf(isRoot)(
  'after a reboot, boot brings back what is to run always, and nothing else',
  async () => {
    await tool.ok('network', 'create', 'mesh');
    const network = ['--network', 'mesh'];
    await tool.ok(
      'run',
      '-d',
      '--name',
      'always',
      '--restart=always',
      ...network,
      '-v',
      'kept:/kept',
      ...sleeper,
    );
    await tool.ok('exec', 'always', 'busybox', 'sh', '-c', 'echo kept > /kept/word');
    await tool.ok(
      'run',
      '-d',
      '--name',
      'ports',
      '--restart',
      'always',
      '-p',
      '127.0.0.1:18998:80',
      ...sleeper,
    );
    await tool.ok('run', '-d', '--name', 'ended', '--restart', 'unless-stopped', ...sleeper);
    await tool.ok('stop', '-t', '0', 'ended');
    await tool.ok('run', '-d', '--name', 'plain', ...sleeper);
    await tool.ok('create', '--name', 'never-started', '--restart=always', ...sleeper);
    const address = () =>
      tool.ok('inspect', 'always', '--format', '{{.NetworkSettings.Networks.mesh.IPAddress}}');
    expect(await address()).not.toBe('');

    await rebootHost();

    expect(await statesOf()).toMatchObject({ always: 'exited', ports: 'exited', plain: 'exited' });
    expect((await tool.ok('system', 'boot')).split('\n').sort()).toEqual(['always', 'ports']);
    expect(await statesOf()).toEqual({
      ...{ always: 'up', ports: 'up', ended: 'exited', plain: 'exited' },
      'never-started': 'created',
    });
    expect(await tool.ok('exec', 'always', 'busybox', 'cat', '/kept/word')).toBe('kept');
    expect(await address()).not.toBe('');
    expect(await tool.ok('port', 'ports')).toBe('80/tcp -> 127.0.0.1:18998');
    // A second time there is nothing to do.
    expect(await tool.ok('system', 'boot')).toBe('');
    expect(await tool.ok('start', 'plain')).toBe('plain');
  },
  90_000,
);
