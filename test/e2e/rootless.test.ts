import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launcherScript } from '../../src/engine/rootless/launcher-script.ts';
import { type OrdinaryUser, ordinaryUser, whyNoOrdinaryUser } from '../harness/ordinary-user.ts';

const why = whyNoOrdinaryUser();
if (why !== '') process.stderr.write(`rootless: skipped: ${why}\n`);

let user: OrdinaryUser;

describe.skipIf(why !== '')("an ordinary user's namespaces", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    user = await ordinaryUser();
  });
  afterAll(async () => {
    await user.dispose();
  });

  const orrery = (...args: string[]) => user.orrery(args);
  const namespaces = async () =>
    (await orrery('unshare', 'readlink', '/proc/self/ns/user', '/proc/self/ns/mnt')).stdout;
  /** Holds the namespaces until it is killed. */
  const hold = async () => {
    const child = user.start([...user.program, 'unshare', 'sh', '-c', 'echo held; exec sleep 1000']);
    const failed = once(child, 'close').then(() => Promise.reject(new Error('it holds nothing')));
    await Promise.race([once(child.stdout!, 'data'), failed]);
    // Its end is the test's own doing from now on.
    failed.catch(() => undefined);
    return child;
  };

  test('inside, the user is root and the ranges of /etc/subuid follow', async () => {
    const { stdout } = await orrery('unshare', 'cat', '/proc/self/uid_map');
    const map = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    expect(map).toEqual([
      [0, user.uid, 1],
      [1, user.subordinate, 65_536],
    ]);
  });

  test("input, output, exit code, signals and folder are the command's own", async () => {
    const echoed = await user.orrery(['unshare', 'sh', '-c', 'cat; echo oops >&2; pwd; exit 9'], {
      ...{ input: 'said\n', cwd: '/tmp' },
    });
    expect(echoed).toEqual({ stdout: 'said\n/tmp\n', stderr: 'oops\n', exitCode: 9 });
    const killed = await orrery('unshare', 'sh', '-c', 'kill -TERM $$');
    expect(killed.exitCode).toBe(143);
    // One process all along: who signals what was started signals the command.
    const child = user.start([
      ...user.program,
      'unshare',
      'sh',
      '-c',
      'trap "echo caught; exit 3" USR1; echo $$; while :; do sleep 0.1; done',
    ]);
    const [first] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(Number(first.toString())).toBe(child.pid);
    let rest = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      rest += chunk.toString();
    });
    child.kill('SIGUSR1');
    expect(await once(child, 'close')).toEqual([3, null]);
    expect(rest).toBe('caught\n');
  });

  test('no descriptor of the way in is left in the command', async () => {
    const { stdout } = await orrery('unshare', 'sh', '-c', 'ls /proc/$$/fd');
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((fd) => Number(fd) < 10),
    ).toEqual(['0', '1', '2']);
  });

  test('all commands share one pair while any process lives in it', async () => {
    const holder = await hold();
    const seen = await Promise.all([1, 2, 3, 4].map(namespaces));
    expect(new Set(seen).size).toBe(1);
    const { stdout } = await user.run([
      'readlink',
      `/proc/${holder.pid}/ns/user`,
      `/proc/${holder.pid}/ns/mnt`,
    ]);
    expect(seen[0]).toBe(stdout);
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  test('many that begin at once make one pair, not several', async () => {
    // Each stays until it is told, so that all of them live at once.
    const children = [1, 2, 3, 4, 5, 6].map(() =>
      user.start([
        ...user.program,
        'unshare',
        'sh',
        '-c',
        'readlink /proc/self/ns/user /proc/self/ns/mnt; read line',
      ]),
    );
    const ends = children.map((child) => once(child, 'close'));
    const seen = await Promise.all(
      children.map(async (child) => ((await once(child.stdout!, 'data')) as [Buffer])[0].toString()),
    );
    for (const child of children) child.stdin!.end();
    await Promise.all(ends);
    expect(new Set(seen.map((text) => text.split('\n')[0])).size).toBe(1);
  });

  test('a holder that the file does not name is found', async () => {
    const holder = await hold();
    const before = await namespaces();
    rmSync(join(user.runtimeDirectory, 'orrery/holder'));
    expect(await namespaces()).toBe(before);
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  test('a number of a process that another has by now is not believed', async () => {
    const stranger = user.start(['sleep', '1000']);
    const { exitCode } = await user.run([
      'sh',
      '-c',
      `echo "${stranger.pid} 1" >"$XDG_RUNTIME_DIR/orrery/holder"`,
    ]);
    expect(exitCode).toBe(0);
    expect((await orrery('unshare', 'id', '-u')).stdout).toBe('0\n');
    stranger.kill('SIGKILL');
    await once(stranger, 'close');
  });

  test('nothing of ours stays when nothing runs', async () => {
    await orrery('unshare', 'true');
    expect(user.processes()).toEqual([]);
  });

  test('kill -9 of everything leaves what the next command makes good', async () => {
    const holder = await hold();
    user.killEverything();
    await once(holder, 'close');
    expect((await orrery('unshare', 'id', '-u')).stdout).toBe('0\n');
    const left = readdirSync(join(user.runtimeDirectory, 'orrery'));
    expect(left.sort()).toEqual(['holder', 'lock', 'marker']);
  });

  test('the shell leads into the same namespaces as the program does', async () => {
    const [node, script] = user.program;
    const place = mkdtempSync(join(tmpdir(), 'orrery-launcher-'));
    chmodSync(place, 0o755);
    const steps = join(place, 'rootless.sh');
    writeFileSync(steps, launcherScript(node!, ['help']));
    const launcher = join(place, 'orrery.cjs');
    const lines = ['#!/bin/sh', `':' //; . '${steps}'; echo outside; exit 1`, `import('${script}')`];
    writeFileSync(launcher, `${lines.join('\n')}\n`, { mode: 0o755 });
    const led = (...args: string[]) => user.run([launcher, 'unshare', ...args]);
    expect(await led('sh', '-c', 'id -u; pwd; exit 4')).toEqual({
      ...{ stdout: `0\n${user.home}\n`, stderr: '', exitCode: 4 },
    });
    const holder = await hold();
    const mine = async () => (await led('readlink', '/proc/self/ns/user', '/proc/self/ns/mnt')).stdout;
    expect(await mine()).toBe(await namespaces());
    rmSync(join(user.runtimeDirectory, 'orrery/holder'));
    expect(await mine()).toBe(await namespaces());
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect((await user.run([launcher, 'help'])).stdout).toBe('outside\n');
    rmSync(place, { recursive: true });
  });

  test('without a runtime directory, one in /tmp is used, and not one that others may write to', async () => {
    const env = { XDG_RUNTIME_DIR: '' };
    const place = `/tmp/orrery-run-${user.uid}`;
    expect((await user.orrery(['unshare', 'id', '-u'], { env })).stdout).toBe('0\n');
    expect(lstatSync(place).mode & 0o777).toBe(0o700);
    expect(statSync(place).uid).toBe(user.uid);
    await user.run(['chmod', '0777', place]);
    const refused = await user.orrery(['unshare', 'id'], { env });
    expect(refused).toMatchObject({ stdout: '', exitCode: 1 });
    expect(refused.stderr).toContain(`${place} is not a private folder`);
    rmSync(place, { recursive: true });
  });

  test('without a range of ids there is one, and a line that says what it costs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-path-'));
    // newuidmap is not to be found there.
    const programs = ['sh', 'flock', 'unshare', 'mkdir', 'mount', 'mv', 'cat', 'nsenter', 'id'];
    chmodSync(folder, 0o755);
    for (const program of programs) symlinkSync(await pathOf(program), join(folder, program));
    const run = await user.orrery(['unshare', 'cat', '/proc/self/uid_map'], { env: { PATH: folder } });
    expect(run.stderr).toMatch(
      /^Warning: rootless with a single id, for newuidmap is not installed: .*apt-get install uidmap/,
    );
    expect(run.stdout.trim().split(/\s+/).map(Number)).toEqual([0, user.uid, 1]);
    rmSync(folder, { recursive: true });
  });

  test('a network namespace stands for the host, and goes with the last process', async () => {
    const made = await orrery(
      'unshare',
      '--rootless-netns',
      'sh',
      '-c',
      'ip link add b0 type bridge && ip -o link | wc -l',
    );
    expect(made).toMatchObject({ stdout: expect.stringMatching(/^[23]\n$/), exitCode: 0 });
    expect(existsSync(join(user.runtimeDirectory, 'orrery/marker/host-network'))).toBe(false);
  });
});

async function pathOf(program: string): Promise<string> {
  const { stdout } = await user.run(['sh', '-c', `command -v ${program}`]);
  return stdout.trim();
}
