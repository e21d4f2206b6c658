import { existsSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OrdinaryUser, ordinaryUser, whyNoOrdinaryUser } from '../harness/ordinary-user.ts';
import { whyNotHere } from './engine-fixture.ts';

const why = whyNoOrdinaryUser() || (await whyNotHere());
if (why !== '') process.stderr.write(`rootless containers: skipped: ${why}\n`);

const hasSlirp = existsSync('/usr/bin/slirp4netns') && existsSync('/dev/net/tun');
const IMAGE = 'localhost/shell';
const PROGRAMS = ['sh', 'sleep', 'cat', 'id', 'ls', 'mount', 'touch', 'stat', 'chown', 'grep'];

let user: OrdinaryUser;

describe.skipIf(why !== '')("an ordinary user's containers", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    user = await ordinaryUser();
    const packed = await orrery('image', 'pack', IMAGE, ...PROGRAMS);
    expect(packed.stderr).toBe('');
    const node = user.program[0]!;
    const served = await orrery('image', 'pack', 'localhost/server', node);
    expect(served.stderr).toBe('');
  });
  afterAll(async () => {
    await orrery('rm', '--all', '--force', '--time', '0');
    await user.dispose();
  });

  const orrery = (...args: string[]) => user.orrery(args, { timeoutMs: 30_000 });
  /** Runs to its end. @returns what it printed. */
  const output = async (flags: string[], script: string) => {
    const made = await orrery('run', '--detach', ...flags, IMAGE, '-c', script);
    expect(made.exitCode, made.stderr).toBe(0);
    const id = made.stdout.trim();
    const { stdout: code } = await orrery('wait', id);
    const { stdout, stderr } = await orrery('logs', id);
    await orrery('rm', id);
    return { stdout, stderr, exitCode: Number(code) };
  };

  const statusOf = async (name: string) =>
    (await orrery('inspect', name, '--format', '{{.State.Status}}')).stdout.trim();

  test('are root inside and the user outside, in a network namespace of their own', async () => {
    const { stdout } = await output(
      ['--network', 'none'],
      'id -u; cat /proc/self/uid_map; grep -c : /proc/net/dev',
    );
    const words = stdout.trim().split(/\s+/).map(Number);
    expect(words).toEqual([0, 0, user.uid, 1, 1, user.subordinate, 65_536, 1]);
  });

  test('keep their number with keep-id, and their files in what is mounted; with nomap the user is not inside', async () => {
    const kept = await output(
      ['--network', 'none', '--userns', 'keep-id', '--volume', `${user.home}:/home/me`],
      'id -u; stat -c %u /bin /home/me; cat /proc/self/uid_map',
    );
    const numbers = kept.stdout.trim().split(/\s+/).map(Number);
    expect(numbers.slice(0, 6), kept.stderr).toEqual([user.uid, 0, user.uid, 0, 1, user.uid]);
    const home = await output(
      ['--network', 'none', '--userns', 'keep-id', '--volume', user.home],
      'echo $HOME; cd; echo $PWD',
    );
    expect(home.stdout).toBe(`${user.home}\n${user.home}\n`);
    const nomap = await output(['--network', 'none', '--userns', 'nomap'], 'id -u; cat /proc/self/uid_map');
    expect(nomap.stdout.trim().split(/\s+/).map(Number)).toEqual([0, 0, 1, 65_536]);
  });

  test('made at once with --userns auto have ids that no other of them has', async () => {
    const flags = ['--network', 'none', '--userns', 'auto:size=100'];
    const made = await Promise.all(
      Array.from({ length: 8 }, () => orrery('create', ...flags, IMAGE, '-c', 'true')),
    );
    expect(made.map(({ stderr }) => stderr)).toEqual(Array(8).fill(''));
    const ids = made.map(({ stdout }) => stdout.trim());
    const shown = await orrery('inspect', '--format', '{{index .HostConfig.IDMappings.UidMap 0}}', ...ids);
    const maps = shown.stdout.trim().split('\n');
    expect(
      maps.every((map) => /^0:\d+:100$/.test(map)),
      shown.stdout + shown.stderr,
    ).toBe(true);
    expect(new Set(maps).size).toBe(8);
    await orrery('rm', ...ids);
  });

  test("are in pods that share the host's network", async () => {
    const made = await orrery('pod', 'create', '--network', 'host', '--name', 'hosted');
    expect(made.exitCode, made.stderr).toBe(0);
    const { stdout } = await output(['--pod', 'hosted'], 'stat -L -c %i /proc/self/ns/net');
    expect(Number(stdout)).toBe(statSync('/proc/self/ns/net').ino);
    await orrery('pod', 'rm', '--force', '--time', '0', 'hosted');
  });

  test('have their exit code told', async () => {
    expect((await output(['--network', 'none'], 'exit 7')).exitCode).toBe(7);
  });

  test('are listed, told of, entered and stopped', async () => {
    const made = await orrery(
      'run',
      '-d',
      '--name',
      'kept',
      '--network',
      'none',
      IMAGE,
      '-c',
      'echo here; sleep 1000',
    );
    expect(made.exitCode, made.stderr).toBe(0);
    expect((await orrery('ps', '--format', '{{.Names}}')).stdout).toBe('kept\n');
    expect(await statusOf('kept')).toBe('running');
    await expect.poll(async () => (await orrery('logs', 'kept')).stdout, { timeout: 10_000 }).toBe('here\n');
    const table = (await orrery('top', 'kept', 'huser', 'comm')).stdout;
    expect(table).toMatch(new RegExp(`^HUSER +COMMAND\\n${user.uid} +sh\\n${user.uid} +sleep\\n$`));
    const inside = await orrery('exec', 'kept', 'sh', '-c', 'id -u; exit 5');
    expect(inside).toMatchObject({ stdout: '0\n', exitCode: 5 });
    expect((await orrery('stop', '--time', '0', 'kept')).exitCode).toBe(0);
    expect((await orrery('ps', '--quiet')).stdout).toBe('');
    expect(await statusOf('kept')).toBe('exited');
    expect((await orrery('start', 'kept')).exitCode).toBe(0);
    await orrery('rm', '--force', '--time', '0', 'kept');
  });

  test('stay one world while a container is all that lives of it', async () => {
    await orrery('run', '-d', '--name', 'holder', '--network', 'none', IMAGE, '-c', 'sleep 1000');
    const conmon = user.processes().find((one) => one.command.includes('conmon'))!;
    const { stdout: theirs } = await user.run(['readlink', `/proc/${conmon.pid}/ns/mnt`]);
    expect((await orrery('unshare', 'readlink', '/proc/self/ns/mnt')).stdout).toBe(theirs);
    // Of ours, conmon is all there is beside the container.
    const ours = () => user.processes().filter((one) => !one.command.includes('sleep'));
    await until(() => ours().length < 2);
    expect(ours().map((one) => one.pid)).toEqual([conmon.pid]);
    await orrery('rm', '--force', '--time', '0', 'holder');
  });

  test('keep files in volumes that belong to ids of the ranges', async () => {
    const first = await output(
      ['--network', 'none', '-v', 'data:/data'],
      'touch /data/file && chown 33:44 /data/file',
    );
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    const again = await output(['--network', 'none', '-v', 'data:/data'], 'stat -c %u:%g /data/file');
    expect(again.stdout).toBe('33:44\n');
    const { stdout } = await orrery('volume', 'inspect', 'data', '--format', '{{.Mountpoint}}');
    const { uid, gid } = statSync(join(stdout.trim(), 'file'));
    expect([uid - user.subordinate, gid - user.subordinate]).toEqual([32, 43]);
    await orrery('volume', 'rm', 'data');
  });

  test('gain nothing by a setuid program of theirs on the host', async () => {
    const folder = join(user.home, 'shared');
    await user.run(['mkdir', folder]);
    const made = await output(
      ['--network', 'none', '-v', `${folder}:/shared`],
      'cat /proc/self/status > /shared/x; chown 0:0 /shared/x; chmod 4755 /shared/x 2>/dev/null || true',
    );
    expect(made.exitCode).toBe(0);
    expect(statSync(join(folder, 'x')).uid).toBe(user.uid);
  });

  test('publish ports, without a device and without root', async () => {
    const port = await freePort();
    const server = `require('http').createServer((q, r) => r.end('hello')).listen(80, '0.0.0.0')`;
    const args = ['-d', '--name', 'web', '-p', `127.0.0.1:${port}:80`, 'localhost/server', '-e', server];
    const made = await orrery('run', ...args);
    expect(made.exitCode, made.stderr).toBe(0);
    expect(await answerAt(port)).toBe('hello');
    const second = await orrery('run', '-d', '-p', `127.0.0.1:${port}:80`, IMAGE, '-c', 'sleep 1000');
    expect(second.exitCode).not.toBe(0);
    expect(second.stderr).toContain(`listen tcp 127.0.0.1:${port}: bind: address already in use`);
    await orrery('rm', '--force', '--time', '0', 'web');
    await until(() => user.processes().length === 0);
  });

  test('reach each other by name in a network, and take ports of the host into it', async () => {
    const port = await freePort();
    expect((await orrery('network', 'create', 'lane')).stdout).toBe('lane\n');
    const server = `require('http').createServer((q, r) => r.end('hello')).listen(80, '0.0.0.0')`;
    const flags = ['-d', '--name', 'server', '--network', 'lane', '-p', `127.0.0.1:${port}:80`];
    const made = await orrery('run', ...flags, 'localhost/server', '-e', server);
    expect(made.exitCode, made.stderr).toBe(0);
    expect(await answerAt(port)).toBe('hello');
    const client = `fetch('http://server/').then(async (r) => console.log(await r.text()))`;
    await orrery('run', '-d', '--name', 'client', '--network', 'lane', 'localhost/server', '-e', client);
    expect((await orrery('wait', 'client')).stdout).toBe('0\n');
    expect((await orrery('logs', 'client')).stdout).toBe('hello\n');
    await orrery('rm', '--force', '--time', '0', 'server', 'client');
    expect((await orrery('network', 'rm', 'lane')).exitCode).toBe(0);
    await until(() => user.processes().length === 0);
  });

  test.skipIf(process.getuid!() !== 0 || !hasSlirp)(
    'have a way to the outside where everybody may open /dev/net/tun',
    async () => {
      const script = 'cat /etc/resolv.conf; grep -c tap0 /proc/net/dev; sleep 1000';
      const made = await user.orrery(['run', '-d', '--name', 'out', IMAGE, '-c', script], { withTun: true });
      expect(made).toMatchObject({ exitCode: 0, stderr: '' });
      const logs = async () => (await orrery('logs', 'out')).stdout;
      await expect.poll(logs, { timeout: 10_000 }).toMatch(/\n1\n$/);
      expect(await logs()).toMatch(/^nameserver 10\.0\.2\.3$/m);
      expect(user.processes().some((one) => one.command.includes('slirp4netns'))).toBe(true);
      await orrery('rm', '--force', '--time', '0', 'out');
      await until(() => user.processes().length === 0);
    },
  );

  test('share one process that leads outside where nobody may open /dev/net/tun, and not to the loopback', async () => {
    const { stdout: isAllowed } = await user.run(['sh', '-c', 'exec 3<>/dev/net/tun && echo allowed']);
    if (isAllowed !== '') return;
    const listening = createServer((socket) => socket.end('greeting'));
    await new Promise<void>((resolve) => listening.listen(0, '0.0.0.0', resolve));
    const { port } = listening.address() as { port: number };
    const hold = 'setInterval(() => 0, 1000)';
    for (const name of ['one', 'two']) {
      const made = await orrery('run', '-d', '--name', name, 'localhost/server', '-e', hold);
      expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    }
    const relays = () => user.processes().filter((one) => one.command.includes('outbound-relay'));
    expect(relays()).toHaveLength(1);
    const ask = (host: string) =>
      `require('net').connect(${port}, '${host}').on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code))`;
    const node = user.program[0]!.split('/').at(-1)!;
    const hostAddress = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find((one) => !one.internal && one.family === 'IPv4')?.address;
    if (hostAddress !== undefined)
      expect((await orrery('exec', 'one', node, '-e', ask(hostAddress))).stdout).toBe('greeting\n');
    expect((await orrery('exec', 'two', node, '-e', ask('127.0.0.1'))).stdout).toBe('ECONNREFUSED\n');
    await orrery('rm', '--force', '--time', '0', 'one');
    expect(relays()).toHaveLength(1);
    await orrery('rm', '--force', '--time', '0', 'two');
    await until(() => user.processes().length === 0);
    listening.close();
  });

  test('refuse by name what this host does not allow', async () => {
    const { stdout } = await user.run(['sh', '-c', 'exec 3<>/dev/net/tun && echo allowed']);
    if (stdout !== '') return;
    const asked = await orrery('run', '-d', '--network', 'slirp4netns', IMAGE, '-c', 'true');
    expect(asked.exitCode).not.toBe(0);
    expect(asked.stderr).toMatch(/slirp4netns: .*(?:not installed|\/dev\/net\/tun).*\((?:as root: |apt-get)/);
    const limited = await orrery('create', '--network', 'none', '--memory', '64m', IMAGE, '-c', 'true');
    expect(limited.stderr).toContain('Resource limits are not supported and ignored');
  });

  test('kill -9 of everything leaves nothing that the next command does not make good', async () => {
    await orrery('run', '-d', '--name', 'hit', '--network', 'none', IMAGE, '-c', 'sleep 1000');
    user.killEverything();
    await until(() => user.processes().length === 0);
    expect(await statusOf('hit')).toBe('exited');
    expect((await orrery('start', 'hit')).exitCode).toBe(0);
    expect((await orrery('exec', 'hit', 'id', '-u')).stdout).toBe('0\n');
    expect((await orrery('rm', '--force', '--time', '0', 'hit')).exitCode).toBe(0);
  });

  test('leave no process, no mount and no half-made thing behind', async () => {
    await orrery('rm', '--all', '--force', '--time', '0');
    await until(() => user.processes().length === 0);
    const data = join(user.home, '.local/share/orrery/containers');
    expect(existsSync(data)).toBe(true);
    expect(readdirSync(join(data, 'containers'))).toEqual([]);
    expect(readdirSync(join(data, 'netns'))).toEqual([]);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Asks until the container's server listens. */
async function answerAt(port: number): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      return await response.text();
    } catch (error) {
      if (tries > 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 600) throw new Error('it does not come to hold within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
