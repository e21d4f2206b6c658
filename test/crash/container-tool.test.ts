import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { libc } from '../../src/engine/system/libc.ts';
import { detachMount } from '../../src/engine/system/mounts.ts';
import { whyNotHere } from '../e2e/engine-fixture.ts';
import { Tool } from '../e2e/libpod-fixture.ts';
import { findBusybox } from '../harness/debian-packages.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');
const KILLS = 40;
/** Until a command of the unbuilt tool has begun in earnest, and until it has certainly ended. */
const EARLIEST_MS = 150;
const LATEST_MS = 1400;

const run = promisify(execFile);
const missing = await whyNotHere();

describe.skipIf(missing !== '')('the container tool', () => {
  let tool: Tool;
  let registry: Registry;
  let context: string;

  beforeAll(async () => {
    registry = await startRegistry();
    tool = await Tool.open();
    context = join(tool.root, 'context');
    await mkdir(context);
    await writeFile(join(context, 'file'), 'content');
    await writeFile(
      join(context, 'Dockerfile'),
      'FROM localhost/box\nRUN ["/bin/busybox","touch","/one"]\nCOPY file /\nRUN ["/bin/busybox","touch","/two"]\n',
    );
    await tool.ok('network', 'create', 'side');
    await tool.ok('push', '--tls-verify=false', 'localhost/box', `${registry.host}/box`);
    await tool.ok('run', '-d', '--name', 'base', 'localhost/box', '/bin/busybox', 'sleep', '1000');
  });

  afterAll(async () => {
    await tool?.close();
    await registry?.stop();
  });

  /** SIGKILL to the command itself after so long; what it has started lives on. */
  function killed(afterMs: number, words: readonly string[]): Promise<void> {
    return new Promise((done) => {
      const child = spawn(process.execPath, [MAIN, '--root', tool.root, ...words], { stdio: 'ignore' });
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
      child.once('exit', () => {
        clearTimeout(timer);
        done();
      });
    });
  }

  const kinds: ((name: string) => string[])[] = [
    () => ['run', '--rm', 'localhost/box', '/bin/busybox', 'true'],
    (name) => [
      'run',
      '-d',
      '--name',
      name,
      '-v',
      `${name}:/v`,
      'localhost/box',
      '/bin/busybox',
      'sleep',
      '1000',
    ],
    () => ['rm', '-f', '-t', '0', '-a'],
    (name) => ['build', '--no-cache', '-t', name, context],
    (name) => ['pod', 'create', '--name', `pod-${name}`],
    () => ['pull', '--tls-verify=false', `${registry.host}/box`],
    () => ['network', 'connect', 'side', 'base'],
    (name) => [
      'run',
      '--rm',
      '--network',
      'side',
      '--name',
      name,
      'localhost/box',
      '/bin/busybox',
      'sleep',
      '1000',
    ],
  ];

  test(`${KILLS} kills at any moment leave nothing that the next commands do not repair or remove`, async () => {
    for (let i = 0; i < KILLS; i++) {
      const kind = kinds[i % kinds.length]!;
      await killed(EARLIEST_MS + Math.random() * (LATEST_MS - EARLIEST_MS), kind(`n${i}`));
      if (i % 8 === 7) {
        await tool.ok('ps', '--all');
        await tool.run('run', '-d', '--name', 'base', 'localhost/box', '/bin/busybox', 'sleep', '1000');
      }
    }
    await tool.ok('system', 'check');
    expect(await tool.ok('system', 'check')).toBe('');
    // Nobody waits for ever between its making and its start.
    expect(await tool.ok('ps', '--all', '--format', '{{.Status}}')).not.toContain('Initialized');
    expect(await tool.ok('run', '--rm', 'localhost/box', '/bin/busybox', 'echo', 'fine')).toBe('fine');
    await tool.ok('pod', 'rm', '-f', '-a', '-t', '0');
    await tool.ok('rm', '-f', '-a', '-t', '0');
    await tool.ok('system', 'reset', '-f');
    await nothingIsLeft(tool.root);
  }, 180_000);
});

describe.skipIf(missing !== '')('two at once, and a full disk', () => {
  test('of two with one name one wins, and the other says so', async () => {
    const tool = await Tool.open();
    try {
      const make = () => tool.run('create', '--name', 'one', 'localhost/box', '/bin/busybox', 'true');
      const made = await Promise.all([make(), make(), make()]);
      expect(made.map(({ code }) => code).sort()).toEqual([0, 125, 125]);
      expect(made.find(({ code }) => code !== 0)!.stderr).toMatch(
        /the container name "one" is already in use/,
      );
      const volumes = await Promise.all([1, 2, 3].map(() => tool.run('volume', 'create', 'one')));
      expect(volumes.filter(({ code }) => code === 0)).toHaveLength(1);
      const removed = await Promise.all([1, 2].map(() => tool.run('rm', '-f', 'one')));
      expect(removed.map(({ code }) => code)).toContain(0);
      expect(await tool.ok('ps', '-a', '-q')).toBe('');
      const started = await Promise.all(
        [1, 2, 3, 4].map(() => tool.run('run', '--rm', 'localhost/box', '/bin/busybox', 'echo', 'fine')),
      );
      expect(started.map(({ stdout, stderr }) => stdout + stderr)).toEqual(Array(4).fill('fine\n'));
    } finally {
      await tool.close();
    }
    await nothingIsLeft(tool.root);
  });

  test('a full disk is said, leaves nothing half, and is no harm once there is room', async () => {
    const root = await mkdtemp(join(tmpdir(), 'full-'));
    libc().mount('tmpfs', root, 'tmpfs', 0, 'size=24m,mode=0755');
    const tool = new Tool(root);
    try {
      await tool.ok('image', 'pack', '--entrypoint', '[]', 'localhost/box', await findBusybox());
      const ballast = join(root, 'ballast');
      const { stdout } = await run('df', ['--output=avail', '-k', root]);
      const free = Number(stdout.trim().split('\n').at(-1)) * 1024;
      await writeFile(ballast, Buffer.alloc(free - 64 * 1024));
      const bad = [
        await tool.run('image', 'pack', '--entrypoint', '[]', 'localhost/more', '/bin/cat'),
        await tool.run(
          'run',
          '--rm',
          'localhost/box',
          '/bin/busybox',
          'dd',
          'if=/dev/zero',
          'of=/big',
          'bs=1M',
          'count=4',
        ),
      ];
      expect(bad[0]!.code).not.toBe(0);
      expect(bad[0]!.stderr).toMatch(/no space left/i);
      expect(bad[1]!.code).not.toBe(0);
      expect(bad[1]!.stderr).toMatch(/no space left/i);
      await rm(ballast);
      expect(await readdir(join(root, 'engine/images/ingest'))).toEqual([]);
      expect((await readdir(join(root, 'engine/layers'))).filter((name) => name.includes(':'))).toEqual([]);
      expect(await tool.ok('images', '--format', '{{.Repository}}')).toBe('localhost/box');
      expect(await tool.ok('ps', '-a', '-q')).toBe('');
      await tool.ok('image', 'pack', '--entrypoint', '[]', 'localhost/more', '/bin/cat');
      expect(await tool.ok('run', '--rm', 'localhost/box', '/bin/busybox', 'echo', 'fine')).toBe('fine');
      await tool.ok('system', 'reset', '-f');
      await nothingIsLeft(root);
    } finally {
      await tool.run('system', 'reset', '-f');
      detachMount(root);
      await rm(root, { recursive: true, force: true });
    }
  });
});

/** Mounts, processes, links, rules, control groups, folders of things half made. */
async function nothingIsLeft(root: string): Promise<void> {
  const instance = createHash('sha256').update(join(root, 'containers')).digest('hex').slice(0, 6);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  expect(mounts.filter((line) => line.includes(`${root}/`))).toEqual([]);
  expect(await processesOf(root)).toEqual([]);
  expect((await run('ip', ['-o', 'link'])).stdout).not.toMatch(new RegExp(`: o(?:rr|v)${instance}`));
  expect((await run('nft', ['list', 'tables'])).stdout).not.toContain(`orrery_${instance}`);
  const hierarchies = [
    '/sys/fs/cgroup',
    ...(await readdir('/sys/fs/cgroup')).map((one) => `/sys/fs/cgroup/${one}`),
  ];
  for (const one of hierarchies) expect(await namesIn(one)).not.toContain(`orrery-${instance}`);
  for (const folder of [
    'containers/containers',
    'containers/netns',
    'containers/starting',
    'containers/pods',
  ])
    expect(
      (await namesIn(join(root, folder))).filter((name) => !name.startsWith('.')),
      folder,
    ).toEqual([]);
  for (const folder of ['containers/volumes', 'engine/builds', 'engine/layers', 'engine/images/ingest'])
    expect(await namesIn(join(root, folder)), folder).toEqual([]);
}

/** Those whose arguments name the folder: conmon, the exit command, runc. */
async function processesOf(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (text.includes(`${root}/`)) found.push(text.replaceAll('\0', ' '));
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
