import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNotHere } from './engine-fixture.ts';
import { Tool } from './libpod-fixture.ts';

const IMAGE = 'localhost/box';
const missing = await whyNotHere();

/** What is said on the command line is what the kernel does with the container's process. */
describe.skipIf(missing !== '')('options of run', () => {
  let tool: Tool;

  beforeAll(async () => {
    tool = await Tool.open();
  }, 60_000);

  afterAll(async () => {
    await tool.close();
  });

  test('a user that is only a number has a name, a home and a group; the domain is its own', async () => {
    const script =
      'id; busybox tail -n1 /etc/passwd; echo $HOME; busybox cat /proc/sys/kernel/domainname; busybox readlink /etc/mtab';
    const expected = ['uid=1234(1234) gid=56(56)', '1234:*:1234:56:container user:/work:/bin/sh', '/work'];
    for (const more of [[], ['--read-only']]) {
      const options = [
        '--user',
        '1234:56',
        '--volume',
        '/work',
        '--workdir',
        '/work',
        '--domainname',
        'x.org',
      ];
      const words = ['run', '--rm', '--network', 'none', ...options, ...more, IMAGE, 'busybox', 'sh', '-c'];
      const lines = (await tool.ok(...words, `busybox ${script}`)).split('\n');
      expect(lines).toEqual([...expected, 'x.org', '/proc/mounts']);
    }
  });

  test('a user namespace of its own has its image, its volumes and its network, and others do not see in', async () => {
    const mapped = ['--uidmap', '0:300000:2000', '--user', '33:33', '-v', 'mapped:/data'];
    const id = await tool.ok(
      'run',
      '-d',
      ...mapped,
      IMAGE,
      'busybox',
      'sh',
      '-c',
      'busybox touch /data/f; busybox sleep 99',
    );
    const inside = (script: string) => tool.ok('exec', '--user', '0', id, 'busybox', 'sh', '-c', script);
    const ids =
      'busybox cat /proc/self/uid_map; busybox stat -c %u:%g /bin /etc/hosts /proc/1; busybox ls /sys/class/net';
    expect((await inside(ids)).split(/\s+/).filter(Boolean)).toEqual([
      ...['0', '300000', '2000', '0:0', '0:0', '33:33', 'eth0', 'lo'],
    ]);
    const volume = await tool.ok('volume', 'inspect', '--format', '{{.Mountpoint}}', 'mapped');
    await expect.poll(async () => (await stat(join(volume, 'f')).catch(() => undefined))?.uid).toBe(300_033);
    const [root] = (await tool.ok('inspect', '--format', '{{.GraphDriver.Data.MergedDir}}', id)).split('\n');
    expect((await stat(dirname(root!))).mode & 0o7).toBe(0);
    await tool.ok('cp', '/etc/hostname', `${id}:/copied`);
    await inside('busybox touch /written');
    expect(await inside('busybox stat -c %u /copied')).toBe('33');
    await tool.ok('commit', '-q', id, 'localhost/of-mapped');
    await tool.ok('rm', '-f', '-t', '0', id);
    const owners = await tool.ok(
      ...[
        'run',
        '--rm',
        '--network',
        'none',
        'localhost/of-mapped',
        'busybox',
        'stat',
        '-c',
        '%u',
        '/copied',
        '/written',
      ],
    );
    expect(owners.split('\n')).toEqual(['33', '0']);
  });

  test("a volume with O is written over and stays as it is; with U it becomes the user's", async () => {
    const folder = join(tool.root, 'shared');
    await mkdir(folder);
    await writeFile(join(folder, 'kept'), 'before');
    const words = (flags: string, script: string) => [
      ...['run', '--rm', '--network', 'none', '--user', '77:78', '-v', `${folder}:/v:${flags}`],
      ...[IMAGE, 'busybox', 'sh', '-c', script],
    ];
    expect(await tool.ok(...words('O,U', 'echo after > /v/new; busybox ls /v; busybox cat /v/kept'))).toBe(
      'kept\nnew\nbefore',
    );
    expect(await readdir(folder)).toEqual(['kept']);
    expect(await tool.ok(...words('U', 'busybox stat -c %u:%g /v /v/kept'))).toBe('77:78\n77:78');
    expect((await tool.run(...words('idmap', 'true'))).stderr).toContain('idmap is not supported');
    const dangerous = ['run', '--rm', '--network', 'none', '-v', '/srv:/v:U', IMAGE, 'busybox', 'true'];
    expect((await tool.run(...dangerous)).stderr).toContain('chowning host path "/srv" is not allowed');
  });

  test('ids that this host does not give are refused', async () => {
    const refused = async (...words: string[]) =>
      (await tool.run('run', '--rm', ...words, IMAGE, 'busybox')).stderr;
    expect(await refused('--subuidname', 'nobody-has-this')).toContain('no subuid ranges found for user');
    expect(await refused('--userns', 'keep-id')).toContain('keep-id is only supported in rootless mode');
    expect(await refused('--userns', 'auto:sise=3')).toContain('unknown option specified: "sise"');
    expect(await refused('--uidmap', '0:1')).not.toBe('');
  });

  test('limits of a running container are changed in its control groups', async () => {
    const id = await tool.ok('run', '-d', '--network', 'none', IMAGE, 'busybox', 'sleep', '100');
    await tool.ok(
      ...['update', '--cpu-shares', '512', '--cpus', '1.5', '--cpuset-cpus', '0', '--pids-limit', '77'],
      ...['--memory', '64m', '--memory-swap', '128m', '--memory-reservation', '32m', id],
    );
    const script =
      'cd /sys/fs/cgroup; for f in cpu/cpu.shares cpu.weight cpu/cpu.cfs_quota_us cpu.max cpuset/cpuset.cpus cpuset.cpus ' +
      'pids/pids.max pids.max memory/memory.limit_in_bytes memory.max memory/memory.soft_limit_in_bytes memory.low; do ' +
      'busybox test -e $f && busybox cat $f; done; true';
    const lines = await tool.ok('exec', id, 'busybox', 'sh', '-c', script);
    const values = lines.split('\n').map((line) => line.split(' ')[0]);
    expect(values.slice(1)).toEqual(['150000', '0', '77', '67108864', '33554432']);
    await tool.ok('update', '--pids-limit', '-1', id);
    const pids = 'busybox cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true';
    expect(await tool.ok('exec', id, 'busybox', 'sh', '-c', pids)).toBe('max');
    expect((await tool.run('update', '--device-read-bps', '/dev/null:1mb', id)).stderr).toMatch(
      /io\.max|blkio/,
    );
    await tool.ok('rm', '-f', '-t', '0', id);
  });
});
