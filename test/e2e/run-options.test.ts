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
