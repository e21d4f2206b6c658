import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, link, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuildOptions, openBuilder } from '../../src/engine/index.ts';
import { BASE, type BuildFixture, startBuilds, whyNoBuilds } from './build-fixture.ts';

const reason = await whyNoBuilds();
const source = join(import.meta.dirname, '../../src');

describe.skipIf(reason !== '')(`builds${reason && ` (skipped: ${reason})`}`, () => {
  let fixture: BuildFixture;
  beforeAll(async () => {
    fixture = await startBuilds();
  });
  afterAll(() => fixture.dispose());

  test('instructions become configuration, layers and history; progress is in Podman’s words', async () => {
    const folder = await fixture.context({ 'a.txt': 'hello' });
    const { id, output } = await fixture.build(
      [
        `FROM ${BASE}`,
        'LABEL one=1 "two three"="4 5"',
        'ENV NAME="big world"',
        'WORKDIR /work/dir',
        'COPY a.txt ./',
        'RUN cat a.txt && echo " $NAME $BASE"',
        'EXPOSE 80',
        'VOLUME /data',
        'USER nobody',
        'STOPSIGNAL SIGUSR1',
        'ENTRYPOINT ["cat"]',
        'CMD ["a.txt"]',
      ].join('\n'),
      { context: { folder }, tags: ['first', 'quay.io/x/second:2'] },
    );
    expect(output.split('\n')).toEqual([
      `STEP 1/12: FROM ${BASE}`,
      'STEP 2/12: LABEL one=1 "two three"="4 5"',
      expect.stringMatching(/^--> [0-9a-f]{11}$/),
      ...Array(3 * 2).fill(expect.any(String)),
      'STEP 6/12: RUN cat a.txt && echo " $NAME $BASE"',
      'hello big world yes',
      ...Array(1 + 5 * 2).fill(expect.any(String)),
      'STEP 12/12: CMD ["a.txt"]',
      'COMMIT first',
      `--> ${id.slice(7, 18)}`,
      'Successfully tagged localhost/first:latest',
      'Successfully tagged quay.io/x/second:2',
      id.slice(7),
      '',
    ]);
    const config = await fixture.configOf('first');
    expect(config).toMatchObject({
      Labels: { one: '1', 'two three': '4 5' },
      WorkingDir: '/work/dir',
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      User: 'nobody',
      StopSignal: 'SIGUSR1',
      Entrypoint: ['cat'],
      Cmd: ['a.txt'],
    });
    expect(config.Env).toContain('NAME=big world');
    expect(config.diffIds).toHaveLength(4);
    expect(config.history.at(-1)?.created_by).toBe('/bin/sh -c #(nop) CMD ["a.txt"]');
    expect(await fixture.images.check()).toEqual([]);
  });

  test('COPY keeps what it should: modes, owners asked for, links, hard links; and finds its way', async () => {
    const folder = await fixture.context({
      'd/one': '1',
      'd/sub/two': '2',
      'x1.c': 'x',
      'x2.c': 'y',
      'run.sh': 'x',
    });
    await chmod(join(folder, 'run.sh'), 0o755);
    await link(join(folder, 'd/one'), join(folder, 'd/hard'));
    await symlink('one', join(folder, 'd/soft'));
    const { output } = await fixture.build(
      `FROM ${BASE}
WORKDIR /w
COPY --chown=65534:50 --chmod=640 d /dest
COPY x*.c ./c/
COPY ["run.sh", "/bin dir/run"]
COPY d/one new-name
RUN stat -c '%n %a %u:%g %h %F' /dest /dest/one /dest/hard /dest/soft /dest/sub/two /w/c/x1.c /w/c/x2.c "/bin dir/run" new-name`,
      { context: { folder } },
    );
    expect(output).toContain(
      [
        '/dest 755 65534:50 3 directory',
        '/dest/one 640 65534:50 2 regular file',
        '/dest/hard 640 65534:50 2 regular file',
        '/dest/soft 777 65534:50 1 symbolic link',
        '/dest/sub/two 640 65534:50 1 regular file',
        '/w/c/x1.c 644 0:0 1 regular file',
        '/w/c/x2.c 644 0:0 1 regular file',
        '/bin dir/run 755 0:0 1 regular file',
        'new-name 644 0:0 1 regular file',
      ].join('\n'),
    );
  });

  test('a cached step is used until its content, instruction or arguments change; times do not count', async () => {
    const folder = await fixture.context({ f: 'one', other: '' });
    const dockerfile = `FROM ${BASE}\nARG WHO\nCOPY f /f\nRUN cat /f; echo " for $WHO"\n`;
    const build = (who: string, more = {}) =>
      fixture.build(dockerfile, { context: { folder }, buildArgs: { WHO: who }, ...more });
    const first = await build('me');
    expect(first.output).not.toContain('Using cache');
    await utimes(join(folder, 'f'), 5, 5);
    await writeFile(join(folder, 'other'), 'changed');
    const second = await build('me');
    expect(second.id).toBe(first.id);
    expect(second.output.match(/Using cache/g)).toHaveLength(3);
    expect(second.output).not.toContain('one for me');
    expect((await build('you')).output).toContain('one for you');
    await writeFile(join(folder, 'f'), 'two');
    expect((await build('me')).output).toContain('two for me');
    await chmod(join(folder, 'f'), 0o600);
    expect((await build('me')).output).toContain('two for me');
    expect((await build('me', { noCache: true })).output).not.toContain('Using cache');
    expect((await build('me', { layers: false })).output).not.toContain('Using cache');
  });

  test('an image given with --cache-from stands for steps that its history tells', async () => {
    const text = `FROM ${BASE}\nENV X=1\nRUN echo cached-from-history\n`;
    const { id } = await fixture.build(text, { tags: ['history'] });
    await fixture.builder.prune();
    expect((await fixture.build(text)).output).toContain('\ncached-from-history\n');
    await fixture.builder.prune();
    const again = await fixture.build(text, { cacheFrom: ['history'] });
    expect(again.output).not.toContain('\ncached-from-history\n');
    expect(again.id).toBe(id);
  });

  test('several stages: only those needed, by name, number and --target, side by side when asked', async () => {
    const text = `ARG V=latest
FROM ${BASE}:$V AS unused
RUN exit 9
FROM ${BASE} AS one
RUN echo from-one > /one
FROM ${BASE} AS two
RUN echo from-two > /two
FROM ${BASE}
COPY --from=one /one /one
COPY --from=2 /two /two
RUN --mount=from=two,target=/m cat /one /two /m/two
`;
    for (const jobs of [1, 0]) {
      const { output } = await fixture.build(text, { jobs, noCache: true });
      expect(output).toContain('[4/4] STEP 4/4: RUN --mount=from=two,target=/m cat');
      expect(output).toContain('from-one\nfrom-two\nfrom-two\n');
    }
    const target = await fixture.build(text, { target: 'ONE' });
    expect((await fixture.configOf(target.id)).diffIds).toHaveLength(2);
    await expect(fixture.build(text, { target: 'unused' })).rejects.toMatchObject({
      message: 'building at STEP "RUN exit 9": while running runtime: exit status 9',
      details: { exitCode: 9 },
    });
    expect(await fixture.leftovers()).toEqual([]);
  });

  test('mounts of RUN: bind, cache from build to build, tmpfs, and a secret that stays nowhere', async () => {
    const folder = await fixture.context({ 'in/file': 'bound' });
    const secret = 'Gq7-very-secret-value';
    const text = `FROM ${BASE}
RUN --mount=type=bind,source=in,target=/b cat /b/file && ! touch /b/x 2>/dev/null
RUN --mount=type=cache,target=/c,id=test-cache echo line >> /c/log && grep -c line /c/log
RUN --mount=type=tmpfs,target=/t touch /t/x && stat -f -c %T /t
RUN --mount=type=secret,id=token,mode=0444 --mount=type=secret,id=none cat /run/secrets/token > /dev/null && ls /run/secrets
RUN ls / /run
`;
    const options = { context: { folder }, secrets: { token: { value: Buffer.from(secret) } } };
    const { id, output } = await fixture.build(text, options);
    expect(output).toContain('bound');
    expect(output).toContain('\n1\n');
    expect(output).toContain('tmpfs');
    expect(output).toContain('\ntoken\n');
    expect((await fixture.build(text, { ...options, noCache: true })).output).toContain('\n2\n');
    const listed = output.slice(output.indexOf('RUN ls / /run'));
    for (const name of ['b', 'c', 't', 'secrets']) expect(listed.split('\n')).not.toContain(name);
    // Its own store holds every blob, cache record and folder of this build.
    const found = execFileSync('sh', [
      '-c',
      `grep -rl ${secret} ${join(fixture.directory, 'engine')} || true`,
    ]);
    expect(found.toString()).toBe('');
    expect(JSON.stringify(await fixture.configOf(id))).not.toContain(secret);
    await expect(
      fixture.build(`FROM ${BASE}\nRUN --mount=type=secret,id=gone,required=true true`),
    ).rejects.toThrow('secret required but no secret with id gone found');
    await expect(fixture.build(`FROM ${BASE}\nRUN --mount=type=ssh true`)).rejects.toThrow(
      'RUN --mount=type=ssh is not supported',
    );
  });

  test('heredocs are scripts and files', async () => {
    const { output } = await fixture.build(
      `FROM ${BASE}
ARG who=you
RUN <<EOF
echo "first $who"
echo second
EOF
COPY <<-EOF <<"RAW" /h/
\thello $who
\tEOF
raw $who
RAW
RUN cat <<one - /h/EOF /h/RAW && echo end
in between
one
`,
    );
    expect(output).toContain('first you\nsecond\n');
    expect(output).toContain('in between\nhello you\nraw $who\nend\n');
  });

  test('.dockerignore leaves out, brings back, and gives way to a nearer one', async () => {
    const folder = await fixture.context({
      a: '',
      b: '',
      'd/keep': '',
      'd/drop': '',
      '.dockerignore': 'a\nd/*\n!d/keep\n',
    });
    const text = `FROM ${BASE}\nCOPY . /ctx\nRUN find /ctx -type f\n`;
    const { output } = await fixture.build(text, { context: { folder } });
    expect(output.match(/^\/ctx\/\S+/gm)?.sort()).toEqual(['/ctx/.dockerignore', '/ctx/b', '/ctx/d/keep']);
    await expect(fixture.build(`FROM ${BASE}\nCOPY a /a\n`, { context: { folder } })).rejects.toThrow(
      `building at STEP "COPY a /a": checking on sources under "${folder}": copier: stat: "/a": no such file`,
    );
    await writeFile(join(folder, '.containerignore'), '**/d*\n');
    const other = await fixture.build(text, { context: { folder } });
    expect(other.output).toContain('/ctx/a');
    expect(other.output).not.toContain('/ctx/d/');
  });

  test('ADD unpacks local archives, fetches URLs and holds them to a checksum', async () => {
    const folder = await fixture.context({ 'in/file': 'packed', plain: 'no archive' });
    execFileSync('tar', ['-czf', 'a.tar.gz', 'in'], { cwd: folder });
    execFileSync('gzip', ['-k', 'plain'], { cwd: folder });
    const server = createServer((_, response) => response.end('fetched')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dir/name.txt`;
    const sum = createHash('sha256').update('fetched').digest('hex');
    try {
      const { output } = await fixture.build(
        `FROM ${BASE}\nADD a.tar.gz plain.gz /x/\nADD --checksum=sha256:${sum} ${url} /x/\nRUN cat /x/in/file /x/name.txt && stat -c %a /x/name.txt && ls /x\n`,
        { context: { folder } },
      );
      expect(output).toContain('packedfetched600\nin\nname.txt\nplain.gz\n');
      await expect(
        fixture.build(`FROM ${BASE}\nADD --checksum=sha256:${'0'.repeat(64)} ${url} /x/\n`),
      ).rejects.toThrow('unexpected response digest');
      await expect(fixture.build(`FROM ${BASE}\nCOPY ${url} /x/\n`)).rejects.toThrow(
        "source can't be a URL for COPY",
      );
    } finally {
      server.close();
    }
    await expect(fixture.build(`FROM ${BASE}\nADD https://x.example/r.git /x\n`)).rejects.toThrow(
      'ADD of a git repository is not supported',
    );
  });

  test('no link and no .. leads out of the context or out of the image', async () => {
    const outside = join(fixture.directory, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'not yours');
    const folder = await fixture.context({ f: 'mine' });
    await symlink(join(outside, 'secret'), join(folder, 'leak'));
    await symlink(outside, join(folder, 'leaks'));
    for (const path of ['leak', 'leaks/secret', '../outside/secret', 'l*k'])
      await expect(
        fixture.build(`FROM ${BASE}\nCOPY ${path} /got\n`, { context: { folder } }),
      ).rejects.toThrow('no such file or directory');
    const evil = `FROM ${BASE}\nRUN ln -s ${outside} /link && mkdir /d && ln -s ../../../../..${outside} /d/up\nCOPY f /link/f\nCOPY f /d/up/g\nRUN find /d ${outside} | grep -v sec\n`;
    const { output } = await fixture.build(evil, { context: { folder } });
    expect(output).toContain(`${outside}/f`);
    expect(output).toContain(`${outside}/g`);
    expect(await readdir(outside)).toEqual(['secret']);
    const bind = `FROM ${BASE}\nRUN --mount=source=leaks,target=/m ls /m\n`;
    await expect(fixture.build(bind, { context: { folder } })).rejects.toThrow();
  });

  test('the same input and time give the same bytes, in another store too', async () => {
    const other = await startBuilds();
    try {
      const ids = [];
      for (const one of [fixture, other]) {
        const folder = await one.context({ f: 'x', 'd/g': 'y' });
        const built = await one.build(
          `FROM ${BASE}\nCOPY . /c\nRUN mkdir /m && echo 1 > /m/f\nWORKDIR /w\n`,
          {
            context: { folder },
            timestampSeconds: 1_600_000_000,
            noCache: true,
          },
        );
        ids.push(built.id);
      }
      expect(ids[0]).toBe(ids[1]);
      expect(JSON.parse((await fixture.images.raw(ids[0]!)).config.toString()).created).toBe(
        '2020-09-13T12:26:40.000Z',
      );
    } finally {
      await other.dispose();
    }
  });

  test('squashed: what is new in one layer, or all there is', async () => {
    const base = (await fixture.configOf(BASE)).diffIds;
    const text = `FROM ${BASE}\nRUN echo 1 > /1\nRUN rm /1 && echo 2 > /2\n`;
    const squashed = await fixture.configOf((await fixture.build(text, { squash: 'new' })).id);
    expect(squashed.diffIds).toEqual([base[0], expect.any(String)]);
    const all = await fixture.build(text, { squash: 'all', tags: ['all'] });
    expect((await fixture.configOf(all.id)).diffIds).toHaveLength(1);
    expect((await fixture.build(`FROM all\nRUN ls /\n`)).output).toMatch(/\n2\n/);
  });

  test('the docker format keeps ONBUILD and HEALTHCHECK, and the trigger runs in the next build', async () => {
    const text = `FROM ${BASE}\nHEALTHCHECK CMD true\nONBUILD RUN echo triggered\n`;
    await fixture.build(text, { format: 'docker', tags: ['trigger'] });
    expect(await fixture.configOf('trigger')).toMatchObject({
      Healthcheck: { Test: ['CMD-SHELL', 'true'] },
      OnBuild: ['RUN echo triggered'],
    });
    const next = await fixture.build('FROM trigger\n', { format: 'docker' });
    expect(next.output).toMatch(/^STEP 1\/2: FROM trigger\nSTEP 2\/2: RUN echo triggered\ntriggered\n/);
    expect((await fixture.configOf(next.id)).OnBuild).toBeUndefined();
    const oci = await fixture.build(text);
    expect(oci.output).toContain('HEALTHCHECK is not supported for OCI image format and will be ignored');
    expect((await fixture.configOf(oci.id)).Healthcheck).toBeUndefined();
  });

  test('FROM scratch, from a tar on a stream, in the words of docker', async () => {
    const folder = await fixture.context({ Dockerfile: 'FROM scratch\nCOPY f /\n', f: 'x' });
    const tar = execFileSync('tar', ['-cz', '.'], { cwd: folder });
    let output = '';
    const { id } = await fixture.builder.build({
      context: { tar: Readable.from([tar]) },
      tags: ['docker.io/library/tiny'],
      style: 'docker',
      format: 'docker',
      onOutput: (text) => {
        output += text;
      },
    });
    expect(output).toMatch(
      /^Step 1\/2 : FROM scratch\nStep 2\/2 : COPY f \/\n ---> [0-9a-f]{12}\nSuccessfully built [0-9a-f]{12}\nSuccessfully tagged docker.io\/library\/tiny:latest\n$/,
    );
    expect((await fixture.configOf(id)).diffIds).toHaveLength(1);
  });

  test('FROM an OCI layout in a folder', async () => {
    const layout = join(fixture.directory, 'layout');
    await mkdir(layout);
    const save = await fixture.images.save([BASE], { format: 'oci-archive' });
    const unpack = spawn('tar', ['-x', '-C', layout], { stdio: ['pipe', 'inherit', 'inherit'] });
    save.pipe(unpack.stdin);
    await once(unpack, 'close');
    const { output } = await fixture.build(`FROM oci:${layout}\nRUN echo of-a-layout $BASE\n`);
    expect(output).toContain('of-a-layout yes');
  });

  test('RUN is isolated, without network when asked, and sees what flags add', async () => {
    const { output } = await fixture.build(
      `FROM ${BASE}\nRUN --network=none ls /sys/class/net && cat /etc/hosts /etc/resolv.conf && grep -E 'Seccomp:|NoNewPrivs' /proc/self/status && ls /proc | grep -c '^[0-9]'\n`,
      { run: { addHosts: ['added:192.0.2.7'], dnsSearch: ['nowhere.example'], noNewPrivileges: true } },
    );
    expect(output).toContain('\nlo\n');
    expect(output).toContain('192.0.2.7\tadded');
    expect(output).toContain('search nowhere.example');
    expect(output).toMatch(/Seccomp:\s2/);
    expect(output).toMatch(/NoNewPrivs:\s1/);
    const rights = `FROM ${BASE}\nRUN grep CapEff /proc/self/status\n`;
    const hasNetRaw = async (run: BuildOptions['run']) => {
      const { output: printed } = await fixture.build(rights, { ...(run && { run }), noCache: true });
      return (BigInt(`0x${/CapEff:\s+(\w+)/.exec(printed)![1]}`) >> 13n) & 1n;
    };
    // The host's network is given by default, but not to listen to.
    expect(await hasNetRaw(undefined)).toBe(0n);
    expect(await hasNetRaw({ network: 'host' })).toBe(1n);
  });

  test('what is wrong is said with its step or line', async () => {
    const cases: [string, string][] = [
      ['RUN x\n', 'no FROM statement found'],
      [`FROM ${BASE}\nFOO x\n`, 'building at STEP "FOO x": Build error: Unknown instruction: "FOO"'],
      [`FROM ${BASE}\nCOPY x\n`, 'building at STEP "COPY x": COPY requires at least one argument'],
      [
        `FROM ${BASE}\nUSER who\nRUN true\n`,
        'determining run uid: user: unknown user error looking up user "who"',
      ],
      [`FROM ${BASE}\nCOPY --parents x /y\n`, 'unknown flag: parents'],
      ['FROM localhost/none\n', 'creating build container: localhost/none: image not known'],
    ];
    for (const [text, message] of cases)
      await expect(fixture.build(text, { pull: 'never' })).rejects.toThrow(message);
    expect(await fixture.leftovers()).toEqual([]);
  });

  test('an abort ends the step that runs and leaves nothing', async () => {
    const abort = new AbortController();
    const build = fixture.build(`FROM ${BASE}\nRUN echo begun && sleep 1234\n`, {
      signal: abort.signal,
      onOutput: (text) => {
        if (text.includes('begun\n')) abort.abort();
      },
    });
    await expect(build).rejects.toMatchObject({ name: 'AbortError' });
    expect(await fixture.leftovers()).toEqual([]);
    expect(processesWith('sleep\x001234')).toEqual([]);
  });

  test('after kill -9 in a step the next builder takes away what is left, and finished steps are cached', async () => {
    const text = `FROM ${BASE}\nRUN echo finished-step\nRUN echo begun && sleep 4321\n`;
    const code = `
      import { openBuilder, openImageLibrary } from ${JSON.stringify(join(source, 'engine/index.ts'))};
      import { silentLog } from ${JSON.stringify(join(source, 'base/index.ts'))};
      const directory = ${JSON.stringify(join(fixture.directory, 'engine'))};
      const images = await openImageLibrary({ directory, log: silentLog });
      const builder = await openBuilder({ directory, images });
      await builder.build({ dockerfiles: [{ text: ${JSON.stringify(text)} }], onOutput: (text) => console.log(text) });`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      if (/^begun$/m.test(printed)) break;
    }
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(await fixture.leftovers()).not.toEqual([]);
    await openBuilder({ directory: join(fixture.directory, 'engine'), images: fixture.images });
    expect(await fixture.leftovers()).toEqual([]);
    expect(processesWith('sleep\x004321')).toEqual([]);
    const { output } = await fixture.build(text.replace('begun && sleep 4321', 'again'));
    expect(output).toContain('Using cache');
    expect(output).toContain('\nagain\n');
    expect(await fixture.images.check()).toEqual([]);
  });
});

/** Command lines on this host that hold `part`, a zero byte between words. */
function processesWith(part: string): string[] {
  const lines = execFileSync('sh', [
    '-c',
    'for f in /proc/[0-9]*/cmdline; do cat $f 2>/dev/null; echo; done',
  ]);
  return lines
    .toString()
    .split('\n')
    .filter((line) => line.startsWith(part));
}
