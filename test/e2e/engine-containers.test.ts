import { once } from 'node:events';
import { readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineFixture, startEngine, textFrom, textOf, whyNotHere } from './engine-fixture.ts';

const reason = await whyNotHere();

describe.skipIf(reason !== '')(`containers${reason && ` (skipped: ${reason})`}`, () => {
  let fixture: EngineFixture;
  beforeAll(async () => {
    fixture = await startEngine();
  });
  afterAll(() => fixture.dispose());

  test('a container runs, logs in the CRI format, and ends with its exit code', async () => {
    const id = await fixture.run('echo out; echo err >&2; printf partial; exit 3');
    const state = await fixture.ended(id);
    expect(state).toMatchObject({ status: 'exited', exitCode: 3, oomKilled: false });
    expect(Date.parse(state.finishedAt!)).toBeGreaterThanOrEqual(Date.parse(state.startedAt!));
    const log = await readFile(state.logPath, 'utf8');
    expect(log).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+\S+ stdout F out$/m);
    expect(log).toMatch(/ stderr F err$/m);
    expect(log).toMatch(/ stdout P partial$/m);
  });

  test('environment, working folder, user and groups come from spec and image', async () => {
    const id = await fixture.run('id; env; cd /tmp && touch ok', {
      env: { GREETING: 'hi there' },
      user: 'nobody',
      supplementalGroups: [4242],
      hostname: 'pod-name',
      network: await fixture.engine.networks.createNamespace('env'),
    });
    await fixture.ended(id);
    const log = await fixture.logOf(id);
    expect(log).toContain('uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup),4242');
    expect(log).toContain('GREETING=hi there');
    expect(log).toContain('HOSTNAME=pod-name');
  });

  test('an unknown user is refused at create and leaves nothing', async () => {
    const before = (await fixture.engine.holdings()).mounts;
    await expect(fixture.engine.create(fixture.spec('', { user: 'wizard' }))).rejects.toThrow(
      'unable to find user wizard: no matching entries in passwd file',
    );
    expect((await fixture.engine.holdings()).mounts).toEqual(before);
  });

  test("a command that is not there fails the start with runc's words", async () => {
    const id = await fixture.engine.create(fixture.spec('', { command: ['/no/such/thing'] }));
    await expect(fixture.engine.start(id)).rejects.toMatchObject({
      code: 'ContainerStartFailed',
      message: expect.stringContaining('no such file or directory'),
    });
    expect(await fixture.engine.inspect(id)).toMatchObject({
      status: 'exited',
      exitCode: 128,
      error: expect.stringContaining('/no/such/thing'),
    });
    await fixture.engine.remove(id);
  });

  test('more memory than its limit ends it with 137 and OOMKilled', async () => {
    const id = await fixture.run('exec tail /dev/zero', { resources: { memoryLimitBytes: 16 << 20 } });
    expect(await fixture.ended(id)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  test('a plain SIGKILL is 137 without OOMKilled', async () => {
    const id = await fixture.run('exec sleep 100');
    await fixture.engine.kill(id, 'SIGKILL');
    expect(await fixture.ended(id)).toMatchObject({ exitCode: 137, oomKilled: false });
  });

  test('limits of memory, processor and processes reach the control group', async () => {
    const id = await fixture.run('exec sleep 100', {
      resources: {
        memoryLimitBytes: 32 << 20,
        cpuQuotaUs: 20_000,
        cpuPeriodUs: 100_000,
        cpuShares: 204,
        pidsLimit: 20,
      },
    });
    const { cgroups } = await fixture.engine.holdings();
    const value = async (...files: string[]) => {
      for (const folder of cgroups.filter((one) => one.endsWith(id)))
        for (const file of files) {
          const text = await readFile(`${folder}/${file}`, 'utf8').catch(() => undefined);
          if (text !== undefined) return text.trim();
        }
      return undefined;
    };
    expect(await value('memory.limit_in_bytes', 'memory.max')).toBe(String(32 << 20));
    expect(await value('cpu.cfs_quota_us', 'cpu.max')).toMatch(/^20000( 100000)?$/);
    expect(await value('pids.max')).toBe('20');
    const usage = await fixture.engine.usage(id);
    expect(usage!.pids).toBe(1);
    expect(usage!.memoryBytes).toBeGreaterThan(0);
    expect(usage!.memoryWorkingSetBytes).toBeLessThanOrEqual(usage!.memoryBytes);
    await fixture.engine.remove(id, { force: true });
    await expect(fixture.engine.usage(id)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('seccomp, capabilities, masked paths and no-new-privileges are in force', async () => {
    const id = await fixture.run(
      'grep -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/self/status; unshare -m sh -c "echo broke out"; ' +
        'ls /proc/acpi /proc/scsi /sys/firmware; cat /proc/kcore | dd bs=1 count=1; echo x > /proc/sys/kernel/domainname',
      { security: { noNewPrivileges: true, capDrop: ['NET_RAW'] } },
    );
    await fixture.ended(id);
    const log = await fixture.logOf(id);
    expect(log).toMatch(/^Seccomp:\s+2$/m);
    expect(log).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(log).toMatch(/^CapEff:\s+00000000a80405fb$/m);
    expect(log).toMatch(/unshare: unshare failed: Operation not permitted/);
    expect(log).not.toContain('broke out');
    expect(log).toMatch(/domainname: Read-only file system/);
  });

  test('a read-only root refuses writes but for its tmpfs', async () => {
    const id = await fixture.run('touch /x; touch /data/y && echo wrote', {
      security: { readOnlyRootFilesystem: true },
      mounts: [{ type: 'tmpfs', destination: '/data', sizeBytes: 1 << 20 }],
    });
    await fixture.ended(id);
    const log = await fixture.logOf(id);
    expect(log).toContain("cannot touch '/x': Read-only file system");
    expect(log).toContain('wrote');
  });

  test('privileged gives every capability the host has, and its devices', async () => {
    const id = await fixture.run('grep -E "^(Seccomp|CapEff):" /proc/self/status; ls /dev/kmsg', {
      security: { privileged: true },
    });
    await fixture.ended(id);
    const log = await fixture.logOf(id);
    expect(log).toMatch(/^Seccomp:\s+0$/m);
    expect(log).toContain('/dev/kmsg');
    const bounding = /^CapBnd:\s*(\w+)$/m.exec(await readFile('/proc/self/status', 'utf8'))![1];
    expect(log).toContain(`CapEff:\t${bounding}`);
  });

  test('stop sends the stop signal, and SIGKILL when that is ignored', async () => {
    const polite = await fixture.run('trap "exit 9" TERM; while :; do sleep 0.1; done');
    await fixture.engine
      .exec(polite, { command: ['sleep', '0.3'], tty: false, stdin: false })
      .then((one) => one.exit);
    await fixture.engine.stop(polite, 20);
    expect(await fixture.engine.inspect(polite)).toMatchObject({ status: 'exited', exitCode: 9 });
    const deaf = await fixture.run('trap "" TERM; while :; do sleep 0.1; done');
    await fixture.engine
      .exec(deaf, { command: ['sleep', '0.3'], tty: false, stdin: false })
      .then((one) => one.exit);
    await fixture.engine.stop(deaf, 1);
    expect(await fixture.engine.inspect(deaf)).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  test('stop, kill and remove of what has ended or gone are calm', async () => {
    const id = await fixture.run('exit 0');
    await fixture.ended(id);
    await fixture.engine.stop(id, 1);
    await expect(fixture.engine.kill(id, 'TERM')).rejects.toMatchObject({ code: 'Conflict' });
    await fixture.engine.remove(id);
    await fixture.engine.remove(id);
    await expect(fixture.engine.inspect(id)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('a running container is not removed without force', async () => {
    const id = await fixture.run('exec sleep 100');
    await expect(fixture.engine.remove(id)).rejects.toMatchObject({ code: 'Conflict' });
    await fixture.engine.remove(id, { force: true });
  });

  test('exec passes input, output and the exit code through pipes', async () => {
    const id = await fixture.run('exec sleep 100');
    const session = await fixture.engine.exec(id, {
      command: ['sh', '-c', 'cat; echo $WORD >&2; exit 7'],
      tty: false,
      stdin: true,
      env: { WORD: 'told' },
    });
    session.stdin!.end('a line\n');
    expect(await Promise.all([textFrom(session.stdout), textFrom(session.stderr!), session.exit])).toEqual([
      'a line\n',
      'told\n',
      7,
    ]);
  });

  test('exec of a missing command answers 127 or says so', async () => {
    const id = await fixture.run('exec sleep 100');
    const session = await fixture.engine.exec(id, { command: ['nothing-here'], tty: false, stdin: false });
    const [error, code] = await Promise.all([textFrom(session.stderr!), session.exit]);
    expect(error).toContain('executable file not found in $PATH');
    expect(code).toBe(127);
  });

  test('exec with a terminal has its size, follows resizes, and echoes', async () => {
    const id = await fixture.run('exec sleep 100');
    const session = await fixture.engine.exec(id, {
      command: ['sh', '-c', 'stty size; read word; stty size; echo got $word; exit 4'],
      tty: true,
      stdin: true,
      terminalSize: { columns: 90, rows: 40 },
    });
    let text = '';
    session.stdout.on('data', (chunk: Buffer) => {
      if (text === '') {
        session.resize(91, 41);
        // The resize travels by signal through two terminals; the answer to the word comes after it.
        setTimeout(() => session.stdin!.write('yes\n'), 200);
      }
      text += chunk.toString();
    });
    await once(session.stdout, 'end');
    expect(await session.exit).toBe(4);
    expect(text).toContain('40 90');
    expect(text).toContain('41 91');
    expect(text).toContain('got yes');
  });

  test('what is typed before the terminal is ready arrives, and is echoed once', async () => {
    const id = await fixture.run('exec sleep 100');
    const session = await fixture.engine.exec(id, {
      command: ['sh', '-c', 'read word; echo got $word'],
      tty: true,
      stdin: true,
    });
    session.stdin!.write('early\n');
    expect(await textFrom(session.stdout)).toBe('early\r\ngot early\r\n');
    expect(await session.exit).toBe(0);
  });

  test('exec ends at its timeout and on kill, and the process with it', async () => {
    const id = await fixture.run('exec sleep 100');
    const slow = await fixture.engine.exec(id, {
      command: ['sleep', '99'],
      tty: false,
      stdin: false,
      timeoutMs: 300,
    });
    await expect(slow.exit).rejects.toMatchObject({
      code: 'ExecTimeout',
      message: 'command "sleep 99" timed out',
    });
    const gone = await fixture.engine.exec(id, {
      command: ['sh', '-c', 'echo up; sleep 98'],
      tty: false,
      stdin: false,
    });
    await new Promise((resolve) => gone.stdout.once('data', resolve));
    gone.kill();
    expect(await gone.exit).toBe(137);
    // Whom nobody reaps stays as a zombie, without a command line.
    const left = await fixture.engine.exec(id, {
      command: ['sh', '-c', 'cat /proc/[0-9]*/cmdline'],
      tty: false,
      stdin: false,
    });
    expect(await textFrom(left.stdout)).not.toMatch(/sleep.9[89]/);
  });

  test('many creates at once all succeed, and of one name only one', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => fixture.run('exec sleep 100')));
    expect(new Set(ids).size).toBe(8);
    const other = await fixture.reopen();
    const outcomes = await Promise.allSettled(
      [fixture.engine, other, fixture.engine, other].map((engine) =>
        engine.create(fixture.spec('', { name: 'only-one' })),
      ),
    );
    expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    for (const one of outcomes)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'AlreadyExists' });
    expect(await other.list()).toHaveLength((await fixture.engine.list()).length);
  });

  test('removal leaves nothing, however many look at the containers as they end', async () => {
    const shared = (name: string) => readdir(join(fixture.directory, name));
    const before = { names: await shared('names'), events: await shared('events') };
    const stop = new AbortController();
    const look = async () => {
      while (!stop.signal.aborted) await fixture.engine.list();
    };
    const looking = [look(), look(), look()];
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const id = await fixture.run('exec sleep 100');
        await fixture.engine.remove(id, { force: true });
        await expect(fixture.engine.inspect(id)).rejects.toMatchObject({ code: 'NotFound' });
      }),
    );
    stop.abort();
    await Promise.all(looking);
    expect({ names: await shared('names'), events: await shared('events') }).toEqual(before);
  });

  test('who waits for an end hears of a removal at once, or stops waiting', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => fixture.run('exec sleep 100')));
    const waiting = ids.map((id) =>
      fixture.engine.ended(id).then(
        () => 'ended',
        (error) => error.code,
      ),
    );
    await Promise.all(ids.map((id) => fixture.engine.remove(id, { force: true })));
    for (const heard of await Promise.all(waiting)) expect(['ended', 'NotFound']).toContain(heard);
    const id = await fixture.run('exec sleep 100');
    const stop = new AbortController();
    const stopped = expect(fixture.engine.ended(id, stop.signal)).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await stopped;
    await fixture.engine.remove(id, { force: true });
  });

  test('a log that was renamed goes on in a new file, without a line lost', async () => {
    const id = await fixture.run('i=0; while :; do echo line $i; i=$((i+1)); done');
    const { logPath } = await fixture.engine.inspect(id);
    const files = [`${logPath}.1`, `${logPath}.2`, logPath];
    for (const file of files) {
      await expect.poll(async () => (await stat(logPath)).size, { timeout: 10_000 }).toBeGreaterThan(50_000);
      if (file === logPath) break;
      await rename(logPath, file);
      await fixture.engine.reopenLog(id);
    }
    await fixture.engine.stop(id, 0);
    const whole = (await Promise.all(files.map((path) => readFile(path, 'utf8')))).join('');
    const numbers = [...textOf(whole).matchAll(/^line (\d+)\n/gm)].map((match) => Number(match[1]));
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.findIndex((number, index) => number !== index)).toBe(-1);
    await expect(fixture.engine.reopenLog(id)).rejects.toMatchObject({ code: 'Conflict' });
    await expect(fixture.engine.reopenLog('0'.repeat(64))).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('what is written to an attached container reaches it whole, its output comes back by stream, and ends', async () => {
    const script = `read first; echo \${#first}; echo oops >&2; cat > /dev/null; echo bye`;
    const id = await fixture.run(script, { stdin: true, stdinOnce: true });
    const session = await fixture.engine.attach(id);
    const output = Promise.all([textFrom(session.stdout), textFrom(session.stderr!)]);
    // Longer than a packet, and in two writes that the kernel could take as one.
    session.stdin!.write('x'.repeat(60_000));
    session.stdin!.write(`${'y'.repeat(40_000)}\n`);
    session.stdin!.end('the rest');
    expect(await output).toEqual(['100000\nbye\n', 'oops\n']);
    await session.ended;
    expect(await fixture.ended(id)).toMatchObject({ exitCode: 0 });
    await expect(fixture.engine.attach(id)).rejects.toMatchObject({ code: 'Conflict' });
  });

  test('without stdinOnce the input stays open for who attaches next; a terminal has the size that is set', async () => {
    const script = 'read a; read b; stty size; echo "$a $b"';
    const id = await fixture.run(script, { stdin: true, tty: true });
    const first = await fixture.engine.attach(id);
    first.stdin!.end('one\n');
    await new Promise((resolve) => first.stdout.once('data', resolve));
    first.close();
    await first.ended;
    const second = await fixture.engine.attach(id);
    expect(second.stderr).toBeUndefined();
    second.resize(77, 33);
    const output = textFrom(second.stdout);
    // The size goes another way than the input: the shell must not ask before it is there.
    await expect.poll(async () => (await exec(id, 'stty size < /proc/1/fd/0')).trim()).toBe('33 77');
    second.stdin!.write('two\n');
    expect(await output).toContain('33 77\r\none two\r\n');
  });

  async function exec(id: string, script: string): Promise<string> {
    const session = await fixture.engine.exec(id, {
      command: ['sh', '-c', script],
      tty: false,
      stdin: false,
    });
    session.stderr!.resume();
    return await textFrom(session.stdout);
  }

  test('list filters by labels', async () => {
    const id = await fixture.engine.create(fixture.spec('', { labels: { app: 'a', tier: 'web' } }));
    await fixture.engine.create(fixture.spec('', { labels: { app: 'a' } }));
    expect((await fixture.engine.list({ labels: { app: 'a', tier: 'web' } })).map((one) => one.id)).toEqual([
      id,
    ]);
  });

  test('an image that a container uses is not removed', async () => {
    await expect(fixture.engine.images.remove('local/shell')).rejects.toMatchObject({ code: 'Conflict' });
  });
});
