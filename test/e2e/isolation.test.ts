import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../src/base/index.ts';
import { bindHandle, openSubPath } from '../../src/node/volumes/sub-path.ts';
import { type EngineFixture, startEngine, textFrom, whyNotHere } from './engine-fixture.ts';

/** What a process in a container cannot do to its host: facts of a real engine, not of a configuration. */
const reason = await whyNotHere();
const TOOLS = 'local/attacker';
const PROGRAMS = [
  'sh',
  'cat',
  'ls',
  'mknod',
  'dd',
  'unshare',
  'mount',
  'grep',
  'env',
  'readlink',
  'sleep',
  'nsenter',
  'stat',
  'mkfifo',
  'mkdir',
  'chroot',
];

describe.skipIf(reason !== '')(`isolation${reason && ` (skipped: ${reason})`}`, () => {
  let fixture: EngineFixture;
  beforeAll(async () => {
    process.env.ORRERY_TEST_SECRET = 'leaked';
    fixture = await startEngine();
    await fixture.engine.images.pack({ reference: TOOLS, binaries: [...PROGRAMS, process.execPath] });
  });
  afterAll(async () => {
    delete process.env.ORRERY_TEST_SECRET;
    await fixture.dispose();
  });

  /** What the script prints, standard error included, in a container with its own network. */
  async function printed(script: string, more: Parameters<EngineFixture['run']>[1] = {}): Promise<string> {
    const network = await fixture.engine.networks.createNamespace(`n${Math.random().toString(36).slice(2)}`);
    const id = await fixture.run(script, { image: TOOLS, network, ...more });
    await fixture.ended(id);
    return fixture.logOf(id);
  }

  test('the default capabilities are Docker’s, none inheritable or ambient', async () => {
    const log = await printed('grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status');
    for (const [set, mask] of Object.entries({
      Inh: 0,
      Prm: 0xa80425fb,
      Eff: 0xa80425fb,
      Bnd: 0xa80425fb,
      Amb: 0,
    }))
      expect(log).toContain(`Cap${set}:\t${mask.toString(16).padStart(16, '0')}`);
    expect(log).toMatch(/^Seccomp:\s+2$/m);
  });

  test('another user than root has none', async () => {
    const log = await printed('grep -E "^Cap(Prm|Eff)" /proc/self/status', { user: '1000' });
    expect(log.match(/0000000000000000/g)).toHaveLength(2);
  });

  test('seccomp denies namespaces, mounts, keyrings, tracing of the kernel', async () => {
    const calls = {
      mount: 165,
      unshare: 272,
      setns: 308,
      keyctl: 250,
      add_key: 248,
      bpf: 321,
      perf_event_open: 298,
      userfaultfd: 323,
      io_uring_setup: 425,
      open_by_handle_at: 304,
      init_module: 175,
      kexec_load: 246,
      swapon: 167,
      pivot_root: 155,
      syslog: 103,
      reboot: 169,
    };
    const script = `unshare -U true; unshare -m true; unshare -n true; mount -t tmpfs x /tmp; nsenter -t 1 -m true; echo done`;
    const log = await printed(script);
    expect(log).not.toMatch(/^true$/m);
    expect(
      log.match(/Operation not permitted|permission denied|Permission denied/g)!.length,
    ).toBeGreaterThanOrEqual(4);
    // The filter itself, as runc was given it: none of these is let through.
    const id = await fixture.engine.create(fixture.spec('true'));
    const config = JSON.parse(
      await readFile(join(fixture.directory, 'containers', id, 'config.json'), 'utf8'),
    );
    const { defaultAction, syscalls } = config.linux.seccomp;
    expect(defaultAction).toBe('SCMP_ACT_ERRNO');
    const allowed = new Set(
      syscalls
        .filter((rule: { action: string }) => rule.action === 'SCMP_ACT_ALLOW')
        .flatMap((rule: { names: string[] }) => rule.names),
    );
    expect(Object.keys(calls).filter((name) => allowed.has(name))).toEqual([]);
    await fixture.engine.remove(id);
  });

  test('what tells of the host, or steers it, is masked or read-only', async () => {
    const log = await printed(`
      for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/latency_stats /proc/interrupts; do
        [ -e $f ] && echo "$f:$(dd if=$f bs=1 count=1 2>/dev/null)."; done
      for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do
        [ -e $d ] && echo "$d:$(ls $d)."; done
      for f in /proc/sys/kernel/core_pattern /proc/sys/vm/panic_on_oom /proc/sysrq-trigger /sys/kernel/uevent_helper /sys/power/state /proc/irq/default_smp_affinity; do
        [ -e $f ] && (echo x > $f) 2>&1 && echo "WROTE $f"; done
      for d in /sys /sys/fs/cgroup/* /proc/sys /proc/bus; do mkfifo $d/x 2>/dev/null && echo "WROTE $d"; done
      echo done`);
    expect(log).toContain('done');
    expect(log).not.toContain('WROTE');
    for (const line of log.split('\n').filter((one) => one.startsWith('/') && one.includes(':')))
      if (!line.includes('sh:')) expect(line).toMatch(/^[\w/]+:\.$/);
  });

  test('no device but the harmless ones can be opened, even one it makes itself', async () => {
    const { stdout } = await runCommand('sh', ['-c', 'cat /proc/partitions']);
    const [major = '8', minor = '0'] =
      stdout
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .find((words) => /^\d+$/.test(words[0] ?? '')) ?? [];
    const log = await printed(`
      ls /dev
      mknod /disk b ${major} ${minor} && dd if=/disk of=/dev/null bs=1 count=1 && echo READ-DISK
      mknod /mem c 1 1 && dd if=/mem of=/dev/null bs=1 count=1 && echo READ-MEM
      mknod /kmsg c 1 11 && dd if=/kmsg of=/dev/null bs=1 count=1 && echo READ-KMSG
      mknod /fuse c 10 229 && dd if=/fuse of=/dev/null bs=1 count=1 && echo READ-FUSE
      dd if=/dev/urandom of=/dev/null bs=1 count=1 2>/dev/null && echo random`);
    expect(log).toContain('random');
    expect(log).not.toMatch(/READ-/);
    expect(log.match(/Operation not permitted/g)!.length).toBeGreaterThanOrEqual(4);
    for (const device of ['kmsg', 'mem', 'sda', 'vda', 'kvm', 'fuse'])
      expect(log).not.toMatch(new RegExp(`^${device}$`, 'm'));
  });

  test('nothing of Orrery’s is open in it, or stands in its environment', async () => {
    const id = await fixture.run('exec sleep 100', { image: TOOLS });
    for (const command of [
      ['sh', '-c', 'ls -l /proc/1/fd; env; cat /proc/1/environ'],
      ['sh', '-c', 'ls -l /proc/self/fd; env'],
    ]) {
      const session = await fixture.engine.exec(id, { command, tty: false, stdin: false });
      const text = await textFrom(session.stdout);
      expect(text).not.toContain('leaked');
      expect(text).not.toMatch(/_OCI_|NODE_|ORRERY/);
      const open = [...text.matchAll(/ (\d+) -> (.*)$/gm)].map(([, fd, to]) => [Number(fd), to!] as const);
      for (const [fd, to] of open)
        expect(fd < 3 || /^\/proc\/\d+\/fd$/.test(to), `${fd} -> ${to}`).toBe(true);
      await session.exit;
    }
    // Neither does conmon, which stays outside, hold the secrets of who started it.
    const conmon = (await readFile(join(fixture.directory, 'containers', id, 'conmon.pid'), 'utf8')).trim();
    expect(await readFile(`/proc/${conmon}/environ`, 'utf8')).not.toContain('leaked');
    await fixture.engine.remove(id, { force: true });
  });

  test('it sees its own processes, and its own shared memory, only', async () => {
    const log = await printed(
      'ls /proc | grep -E "^[0-9]+$"; readlink /proc/1/exe; stat -f -c %T /dev/shm; ls /dev/shm; kill -0 $PPID',
    );
    expect(log.split('\n').filter((line) => /^\d+$/.test(line)).length).toBeLessThan(5);
    expect(log).toContain('tmpfs');
  });

  test('its root is its own: the host’s cannot be reached by any path or link', async () => {
    const secret = join(fixture.directory, 'host-secret');
    await writeFile(secret, 'of the host');
    const log = await printed(
      `cat ${secret}; cat /proc/1/root${secret}; cat /../../..${secret}; cd /proc/1/cwd; cat ../../..${secret}; chroot /proc/1/root cat ${secret}`,
    );
    expect(log).not.toContain('of the host');
  });

  test('an image cannot hold up the host with its account files', async () => {
    const id = await fixture.engine.create(fixture.spec('true', { user: '0' }));
    await fixture.engine.remove(id);
    const folder = join(fixture.directory, 'trap');
    await mkdir(join(folder, 'etc'), { recursive: true });
    await runCommand('mkfifo', [join(folder, 'etc/passwd')]);
    await runCommand('mknod', [join(folder, 'etc/group'), 'c', '1', '5']);
    const { lookUpUser } = await import('../../src/engine/containers/users.ts');
    expect(await lookUpUser('7:8', folder, [])).toMatchObject({ uid: 7, gid: 8 });
    await expect(lookUpUser('mallory', folder, [])).rejects.toThrow('no matching entries in passwd file');
  });

  test('a tree deeper than any path goes with its container', async () => {
    const name = 'a'.repeat(200);
    // The shell itself ends at the longest path; together with the host's part of it, it is longer.
    const id = await fixture.run(
      `cd /tmp; i=0; while [ $i -lt 19 ]; do mkdir ${name} && cd ${name}; i=$((i+1)); done; echo $i`,
      { image: TOOLS },
    );
    await fixture.ended(id);
    expect(await fixture.logOf(id)).toBe('19\n');
    await fixture.engine.remove(id);
    expect((await readdir(join(fixture.directory, 'containers'))).filter((one) => one.includes(':'))).toEqual(
      [],
    );
  });

  test('a subPath stays where it was looked up, whatever the volume’s links become', async () => {
    const volume = join(fixture.directory, 'volume');
    await mkdir(join(volume, 'data/deep'), { recursive: true });
    await writeFile(join(volume, 'data/deep/file'), 'inside');
    const outside = join(fixture.directory, 'outside');
    await mkdir(join(outside, 'deep'), { recursive: true });
    await writeFile(join(outside, 'deep/file'), 'outside');
    const place = await openSubPath(volume, 'data/deep', { create: true });
    // Between the look and the mount, a container that shares the volume swaps the folder for a link.
    await rename(join(volume, 'data'), join(volume, 'moved'));
    await symlink(outside, join(volume, 'data'));
    const target = join(fixture.directory, 'pinned/0');
    await bindHandle(place!, target);
    await place!.close();
    const id = await fixture.run('cat /mnt/file', {
      mounts: [{ type: 'bind', source: target, destination: '/mnt', readOnly: true }],
    });
    await fixture.ended(id);
    expect(await fixture.logOf(id)).toContain('inside');
    await expect(openSubPath(volume, 'data/made', { create: true })).rejects.toThrow(
      'not within volume path',
    );
    await runCommand('umount', ['--lazy', target]);
  });

  test('through the bridge nobody reaches what listens on the host’s loopback', async () => {
    const server = createServer((socket) => socket.end('private'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { networks } = fixture.engine;
    const namespace = await networks.createNamespace('neighbour');
    const attachment = {
      namespace: 'neighbour',
      containerId: 'neighbour',
      portMappings: [{ protocol: 'tcp' as const, hostPort: 39_871, containerPort: 80 }],
    };
    const { gateway } = await networks.attach(attachment);
    // route_localnet is on for the bridge now: host ports answer on 127.0.0.1.
    const enter = (...command: string[]) =>
      runCommand('nsenter', [`--net=${namespace}`, ...command], { timeoutMs: 10_000 });
    await enter('ip', 'link', 'set', 'lo', 'down');
    await enter('ip', 'addr', 'flush', 'dev', 'lo');
    await enter('ip', 'route', 'del', 'local', '127.0.0.0/8', 'table', 'local').catch(() => undefined);
    await enter('ip', 'route', 'add', '127.0.0.0/8', 'via', gateway!);
    await enter('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet');
    const attempt = await enter(
      'timeout',
      '3',
      'bash',
      '-c',
      `exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3`,
    ).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
    expect(attempt.stdout).not.toContain('private');
    await networks.detach(attachment);
    server.close();
  });
});
