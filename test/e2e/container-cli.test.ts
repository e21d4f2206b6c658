import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../src/base/index.ts';
import { checkout } from '../harness/cloud.ts';
import { findBusybox } from '../harness/debian-packages.ts';
import { whyNotHere } from './engine-fixture.ts';

const IMAGE = 'localhost/box';
const missing = await whyNotHere();

interface Ran {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** What is installed, under Podman's name, as scripts use it: what it prints where, and how it ends. */
describe.skipIf(missing !== '')('the command line of containers', () => {
  let folder: string;
  let podman: string;

  /** Input ends at once unless some is given. */
  function start(words: string[]) {
    return spawn(podman, words, {
      env: { ...process.env, ORRERY_DATA_DIR: join(folder, 'data') },
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
  }

  async function run(words: string[], input = ''): Promise<Ran> {
    const child = start(words);
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (out.stdout += chunk));
    child.stderr.on('data', (chunk) => (out.stderr += chunk));
    child.stdin.on('error', () => undefined).end(input);
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    return { code, signal, ...out };
  }

  async function ok(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await run(words);
    expect({ words, code, stderr }).toMatchObject({ words, code: 0 });
    return stdout.trimEnd();
  }

  const sh = (script: string) => [IMAGE, 'busybox', 'sh', '-c', script];
  const quick = ['--network', 'none'];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'container-cli-'));
    podman = join(folder, 'podman');
    symlinkSync(join(checkout, 'dist', 'bin', 'orrery'), podman);
    await ok('image', 'pack', '--entrypoint', '[]', IMAGE, await findBusybox());
  }, 60_000);

  afterEach(async () => {
    await ok('rm', '-f', '-t', '0', '-a');
  });

  afterAll(async () => {
    await run(['system', 'reset', '-f']);
    rmSync(folder, { recursive: true, force: true });
  });

  test('run gives back the streams and the exit code of its process', async () => {
    const both = await run(['run', '--rm', ...quick, ...sh('echo out; echo err >&2; exit 7')]);
    expect(both).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    const piped = await run(['run', '--rm', '-i', ...quick, ...sh('busybox tr a-z A-Z')], 'text');
    expect(piped).toMatchObject({ code: 0, stdout: 'TEXT' });
    expect(await ok('ps', '-a', '-q')).toBe('');
  });

  test.each([
    [125, ['run', '--no-such-flag', IMAGE, 'true'], /^Error: unknown flag: --no-such-flag\n/],
    [125, ['run', '--pull=never', 'no.such/image', 'true'], /^Error: no\.such\/image: image not known\n/],
    [126, ['run', '--rm', '--network=none', IMAGE, '/etc'], /^Error: .*OCI permission denied\n/],
    [127, ['run', '--rm', '--network=none', IMAGE, 'nothing'], /^Error: .*command that was not found\n/],
    [126, ['run', '--rm', '--network=none', '-w', '/nowhere', IMAGE, 'true'], /^Error: workdir "\/nowhere" /],
    [125, ['start', 'nobody'], /^Error: no container with name or ID "nobody" found: no such container\n/],
  ] as [number, string[], RegExp][])('exit code %i: %j', async (code, words, message) => {
    const ran = await run(words);
    expect(ran).toMatchObject({ code, stdout: '' });
    expect(ran.stderr).toMatch(message);
    expect(await ok('ps', '-a', '-q')).toBe('');
  });

  test('a container that lives: ps, inspect, exec, logs, kill and wait tell of it', async () => {
    const script = 'trap "echo told; exit 3" USR1; echo READY; while :; do busybox sleep 0.05; done';
    const id = await ok('run', '-d', ...quick, '--name', 'lives', '--label', 'a=b', ...sh(script));
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await ok('ps', '--format', '{{.ID}} {{.Names}} {{.Image}}')).toBe(
      `${id.slice(0, 12)} lives ${IMAGE}:latest`,
    );
    expect((await ok('ps')).split('\n')[0]).toMatch(
      /^CONTAINER ID {2}IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/,
    );
    const fields = '{{.State.Status}} {{.Config.Labels.a}} {{.HostConfig.NetworkMode}} {{.State.Running}}';
    expect(await ok('inspect', '--format', fields, 'lives')).toBe('running b none true');
    expect(await run(['exec', 'lives', 'busybox', 'sh', '-c', 'echo e >&2; exit 9'])).toMatchObject({
      code: 9,
      ...{ stdout: '', stderr: 'e\n' },
    });
    expect(await run(['exec', 'lives', 'nothing'])).toMatchObject({ code: 127, stdout: '' });
    expect(await run(['exec', '-i', 'lives', 'busybox', 'cat'], 'in')).toMatchObject({
      code: 0,
      stdout: 'in',
    });
    const waiting = ok('wait', 'lives');
    expect(await ok('kill', '-s', 'USR1', 'lives')).toBe('lives');
    expect(await waiting).toBe('3');
    expect(await ok('logs', 'lives')).toBe('READY\ntold');
    expect(await ok('logs', '--tail', '1', 'lives')).toBe('told');
    expect(await run(['exec', 'lives', 'busybox', 'true'])).toMatchObject({ code: 255, stdout: '' });
    expect(await run(['rm', 'lives', 'nobody'])).toMatchObject({ code: 1, stdout: 'lives\n' });
  });

  test('who has waited for one that removes itself finds it gone', async () => {
    await ok('run', '-d', '--rm', ...quick, '--name', 'fleeting', ...sh('exit 5'));
    const waited = await run(['wait', 'fleeting']);
    // It may have been gone before.
    if (waited.code === 0) expect(waited.stdout).toBe('5\n');
    expect(await ok('ps', '--all', '--quiet', '--filter', 'name=fleeting')).toBe('');
    await ok('create', '--rm', ...quick, '--name', 'made', ...sh('true'));
    expect(await ok('wait', 'made')).toBe('0');
    await ok('rm', 'made');
  });

  test.skipIf(!existsSync('/usr/bin/script'))(
    'a terminal has its size before anything runs in it',
    async () => {
      // Nobody attaches to it, so nobody resizes it.
      const words = ['run', '-dt', ...quick, '--name', 'sized', IMAGE, 'busybox', 'stty', 'size'];
      const command = `stty cols 87 rows 19; ORRERY_DATA_DIR=${join(folder, 'data')} ${podman} ${words.join(' ')}`;
      await runCommand('/usr/bin/script', ['-qec', command, '/dev/null']);
      expect(await ok('wait', 'sized')).toBe('0');
      expect((await ok('logs', 'sized')).trim()).toBe('19 87');
      await ok('rm', 'sized');
    },
  );

  test('a clone is what its original was asked to be, but for what is said', async () => {
    await ok(
      'run',
      '-d',
      ...quick,
      '--name',
      'first',
      '-e',
      'A=b',
      '--label',
      'c=d',
      ...sh('trap exit TERM; sleep 1000 & wait'),
    );
    const copy = await ok('container', 'clone', '--pids-limit', '77', 'first');
    const seen =
      '{{.Name}} {{.State.Status}} {{.Config.Labels.c}} {{.HostConfig.PidsLimit}} {{.HostConfig.NetworkMode}}';
    expect(await ok('inspect', '--format', seen, copy)).toBe('first-clone created d 77 none');
    const words = ['container', 'clone', '--destroy', '--force', '--run', 'first', 'second'];
    const second = await ok(...words);
    expect(await ok('exec', second, 'busybox', 'sh', '-c', 'echo $A')).toBe('b');
    expect(await ok('ps', '-a', '--format', '{{.Names}}', '--filter', 'name=first')).toBe('first-clone');
    await ok('pod', 'create', '--name', 'around');
    expect(
      await ok(
        'inspect',
        '--format',
        '{{.Pod}}',
        await ok('container', 'clone', '--pod', 'around', 'second'),
      ),
    ).toBe(await ok('pod', 'inspect', '--format', '{{.ID}}', 'around'));
    expect(await run(['container', 'clone', '--force', 'second'])).toMatchObject({ code: 125 });
    await ok('rm', '-f', '-t', '0', 'first-clone', 'second');
    await ok('pod', 'rm', '-f', '-t', '0', 'around');
  });

  test('attach sees what is written from then on, and ends as the container does', async () => {
    await ok('create', '-i', ...quick, '--name', 'talks', ...sh('read line; echo "got $line"; exit 4'));
    expect(await run(['start', '-a', '-i', 'talks'], 'hello\n')).toMatchObject({
      code: 4,
      stdout: 'got hello\n',
    });
    await ok('start', 'talks');
    expect(await run(['attach', 'talks'], 'again\n')).toMatchObject({ code: 4, stdout: 'got again\n' });
    expect(await run(['attach', 'talks'])).toMatchObject({
      code: 125,
      stderr: 'Error: you can only attach to running containers\n',
    });
  });

  test('run passes a signal on, and a foreground run learns the exit code when others remove it', async () => {
    const child = start([
      'run',
      ...quick,
      '--name',
      'signalled',
      ...sh('trap "exit 5" TERM; echo READY; busybox sleep 20 & wait'),
    ]);
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([5, null]);
    const removed = start(['run', ...quick, '--name', 'removed', ...sh('echo READY; busybox sleep 20')]);
    const end = once(removed, 'exit');
    await once(removed.stdout, 'data');
    await ok('rm', '-f', '-t', '0', 'removed');
    expect(await end).toEqual([137, null]);
  });

  test('stop says when the container did not listen', async () => {
    await ok('run', '-d', ...quick, '--name', 'deaf', ...sh('trap "" TERM; busybox sleep 20'));
    const { code, stderr } = await run(['stop', '-t', '0', 'deaf']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await ok('start', 'deaf');
    expect((await run(['stop', '-t', '1', 'deaf'])).stderr).toBe(
      'StopSignal SIGTERM failed to stop container deaf in 1 seconds, resorting to SIGKILL\n',
    );
    expect(await ok('inspect', '--format', '{{.State.ExitCode}}', 'deaf')).toBe('137');
  });

  test('cp: files, folders, what a folder holds, archives, symlinks', async () => {
    await ok(
      'run',
      '-d',
      ...quick,
      '--name',
      'box',
      ...sh('busybox mkdir -p /d/e; echo x >/d/e/f; busybox ln -s /gone /d/link; busybox sleep 60'),
    );
    const host = join(folder, 'files');
    writeFileSync(host, 'from here', { mode: 0o640 });
    await ok('cp', host, 'box:/d/g');
    expect(await ok('exec', 'box', 'busybox', 'stat', '-c', '%a %s', '/d/g')).toBe('640 9');
    await ok('cp', host, 'box:/d/link');
    expect(await ok('exec', 'box', 'busybox', 'cat', '/gone')).toBe('from here');
    await ok('cp', 'box:/d', join(folder, 'copy'));
    expect(readFileSync(join(folder, 'copy', 'e', 'f'), 'utf8')).toBe('x\n');
    expect(statSync(join(folder, 'copy', 'g')).mode & 0o777).toBe(0o640);
    await ok('cp', 'box:/d/e/.', folder);
    expect(readFileSync(join(folder, 'f'), 'utf8')).toBe('x\n');
    const missingFile = await run(['cp', 'box:/no/such', folder]);
    expect(missingFile).toMatchObject({
      code: 125,
      stderr: 'Error: "/no/such" could not be found on container box: no such file or directory\n',
    });
    const notTar = await run(['cp', '-', 'box:/d'], 'no archive');
    expect(notTar.stderr).toBe('Error: source must be a (compressed) tar archive when copying from stdin\n');
  });
});
