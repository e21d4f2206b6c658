/**
 * The container tool beside Podman from Debian: the same image, the same commands, interleaved in one run.
 * Needs root, and `podman` on PATH (apt-get install podman); the product never does. Writes
 * bench/results/containers.md with the ratios that the issue asks for.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import { debianPackages } from '../test/foreign/packages.ts';
import { TEST_IMAGE, writeTestImage } from '../test/podman/test-image.ts';
import { median, reportLines, tableLines } from './report.ts';

const ROUNDS = 10;
const AT_ONCE = 30;
const LISTED = 20;
const IDLE = 20;
/** No work of Podman's takes so long: it waits for something that this host lacks. */
const STALL_MS = 10_000;
const BIG_IMAGE_BYTES = 500 << 20;
const BIG_FILES = 2000;

const execute = promisify(execFile);
const quick = process.argv.includes('--quick');
const rounds = quick ? 3 : ROUNDS;

if (process.geteuid!() !== 0 || !existsSync('/usr/bin/podman')) {
  console.log('skipped: needs root and podman (apt-get install podman)');
  process.exit(0);
}

interface Tool {
  name: 'orrery' | 'podman';
  program: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

/** What a target says of a step: ours as a ratio to Podman's. */
const TARGETS: Record<string, number> = {
  'run, bridge': 0.6,
  'run, no network': 0.8,
  'run, no network, rootless': 1,
  exec: 0.8,
  'build, five steps, uncached': 0.5,
  'build, five steps, cached': 0.5,
  [`${AT_ONCE} containers at once`]: 0.5,
  'load of a 500 MB image': 0.7,
};

const folder = await mkdtemp(join(tmpdir(), 'orrery-bench-containers-'));
await chmod(folder, 0o755);
const tools = await bothTools();
const samples = new Map<string, Map<string, number[]>>();
const notes: string[] = [];
try {
  await prepare();
  for (let round = 0; round < rounds; round++) {
    for (const tool of round % 2 === 0 ? tools : [...tools].reverse()) await oneRound(tool, round);
  }
  for (const tool of tools) await manyAtOnce(tool);
  for (const tool of tools) await bigImage(tool);
  for (const tool of tools) await idleMemory(tool);
  await rootless();
} finally {
  for (const tool of tools) await quietly(tool, ['rm', '-af', '-t', '0']);
  for (const tool of tools) await quietly(tool, ['system', 'reset', '--force']);
  await rm(folder, { recursive: true, force: true });
}
results();

async function bothTools(): Promise<Tool[]> {
  const conf = join(folder, 'containers.conf');
  await writeFile(conf, '[containers]\ndefault_ulimits = []\n[engine]\nruntime = "runc"\n');
  return [
    {
      name: 'orrery',
      program: resolve(import.meta.dirname, '../dist/bin/orrery'),
      args: [],
      env: { ...process.env, ORRERY_DATA_DIR: join(folder, 'orrery') },
    },
    {
      name: 'podman',
      program: '/usr/bin/podman',
      args: [
        '--runtime',
        'runc',
        '--cgroup-manager',
        'cgroupfs',
        '--root',
        join(folder, 'podman'),
        '--runroot',
        join(folder, 'podman-run'),
      ],
      env: { ...process.env, CONTAINERS_CONF: conf },
    },
  ];
}

async function call(tool: Tool, args: string[]): Promise<string> {
  const { stdout } = await execute(tool.program, [...tool.args, ...args], {
    env: tool.env,
    maxBuffer: 64 << 20,
  });
  return stdout.trim();
}

async function quietly(tool: Tool, args: string[]): Promise<void> {
  try {
    await call(tool, args);
  } catch (error) {
    process.stderr.write(`${tool.name} ${args.join(' ')}: ${String((error as Error).message)}\n`);
  }
}

async function time(tool: Tool, step: string, work: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await work();
  const took = performance.now() - begin;
  const ofStep = samples.get(step) ?? new Map<string, number[]>();
  samples.set(step, ofStep);
  ofStep.set(tool.name, [...(ofStep.get(tool.name) ?? []), took]);
}

async function prepare(): Promise<void> {
  const cache = join(tmpdir(), 'orrery-podman-tests');
  await mkdir(cache, { recursive: true });
  const busybox = join(debianPackages(cache, 'busybox', ['busybox-static']), 'bin/busybox');
  await writeTestImage(busybox, join(folder, 'image.tar'));
  await mkdir(join(folder, 'context'));
  await writeFile(join(folder, 'context/app.txt'), 'hello\n');
  await writeFile(
    join(folder, 'context/Containerfile'),
    `FROM ${TEST_IMAGE}
RUN echo one > /one
COPY app.txt /app.txt
RUN cat /app.txt > /two
ENV NAME=value
CMD ["cat", "/two"]
`,
  );
  for (const tool of tools) await call(tool, ['load', '-i', join(folder, 'image.tar')]);
}

async function oneRound(tool: Tool, round: number): Promise<void> {
  const timed = (step: string, args: string[]) => time(tool, step, () => call(tool, args));
  await timed('run, no network', ['run', '--rm', '--network=none', TEST_IMAGE, 'true']);
  await timed('run, bridge', ['run', '--rm', TEST_IMAGE, 'true']);
  const name = `long${round}`;
  await timed('run -d, no network', [
    'run',
    '-d',
    '--network=none',
    '--name',
    name,
    TEST_IMAGE,
    'sleep',
    '600',
  ]);
  await timed('exec', ['exec', name, 'true']);
  await call(tool, ['rm', '-f', '-t', '0', name]);
  const context = join(folder, 'context');
  const build = ['build', '-q', '-t', 'bench', context];
  await timed('build, five steps, uncached', ['build', '--no-cache', '-q', '-t', 'bench', context]);
  if (round === 0) await call(tool, ['build', '--layers', '-q', '-t', 'bench', context]);
  await timed('build, five steps, cached', [...build.slice(0, 1), '--layers', ...build.slice(1)]);
  if (round === 0)
    for (let i = 0; i < LISTED; i++)
      await call(tool, ['create', '--network=none', '--name', `listed${i}`, TEST_IMAGE, 'true']);
  await timed(`ps -a of ${LISTED}`, ['ps', '-a']);
}

async function manyAtOnce(tool: Tool): Promise<void> {
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    await time(tool, `${AT_ONCE} containers at once`, () =>
      Promise.all(
        Array.from({ length: AT_ONCE }, (_, i) =>
          call(tool, ['run', '-d', '--network=none', '--name', `many${i}`, TEST_IMAGE, 'sleep', '600']),
        ),
      ),
    );
    await call(tool, ['rm', '-f', '-t', '0', ...Array.from({ length: AT_ONCE }, (_, i) => `many${i}`)]);
  }
}

async function bigImage(tool: Tool): Promise<void> {
  const file = join(folder, 'big.tar');
  if (!existsSync(file)) await writeBigImage(file);
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    await time(tool, 'load of a 500 MB image', () => call(tool, ['load', '-i', file]));
    await call(tool, ['rmi', '-f', 'localhost/big:latest']);
  }
}

async function writeBigImage(file: string): Promise<void> {
  const tarFile = join(folder, 'big-layer.tar');
  const layer = pack();
  const written = pipeline(layer, createWriteStream(tarFile));
  // A tenth of it is random, the rest text that compresses as programs do.
  for (let i = 0; i < BIG_FILES; i++) {
    const size = Math.floor(BIG_IMAGE_BYTES / BIG_FILES);
    const random = randomBytes(Math.floor(size / 10));
    const content = Buffer.concat([random, Buffer.alloc(size - random.length, `line ${i} of a file\n`)]);
    await new Promise<void>((done) => {
      layer.entry({ name: `data/${i % 50}/file${i}` }, content, () => done());
    });
  }
  layer.finalize();
  await written;
  const hash = execFileSync('sha256sum', [tarFile], { encoding: 'utf8' }).slice(0, 64);
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${hash}`] },
  });
  await writeFile(join(folder, 'config.json'), config);
  const manifest = [{ Config: 'config.json', RepoTags: ['localhost/big:latest'], Layers: ['big-layer.tar'] }];
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  execFileSync('tar', ['cf', file, '-C', folder, 'manifest.json', 'config.json', 'big-layer.tar']);
  await rm(tarFile);
}

/** What stays in memory for idle containers beside their own processes: PSS of conmon and of whatever is the tool's. */
async function idleMemory(tool: Tool): Promise<void> {
  const before = new Set(processes());
  const ids: string[] = [];
  for (let i = 0; i < IDLE; i++)
    ids.push(await call(tool, ['run', '-d', '--network=none', TEST_IMAGE, 'sleep', '600']));
  await new Promise((done) => setTimeout(done, 1000));
  let bytes = 0;
  const names = new Set<string>();
  for (const pid of processes()) {
    if (before.has(pid)) continue;
    const name = commandOf(pid);
    // Others of this machine come and go; whatever a tool leaves has its folder among its arguments.
    if (name === undefined || !argumentsOf(pid).includes(folder)) continue;
    bytes += pssOf(pid);
    names.add(name);
  }
  notes.push(
    `Memory for each of ${IDLE} idle containers (PSS, without their own process), ${tool.name}: ` +
      `${(bytes / IDLE / (1 << 20)).toFixed(2)} MB (${[...names].join(', ')})`,
  );
  await call(tool, ['rm', '-f', '-t', '0', ...ids]);
}

function processes(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // It ended between the listing and now.
    return undefined;
  }
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It ended between the listing and now.
    return '';
  }
}

function pssOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  } catch {
    // It ended between the listing and now.
    return 0;
  }
}

/** Both as an ordinary user of the host, made for this and taken away again. */
async function rootless(): Promise<void> {
  const user = `orrbench${randomBytes(2).toString('hex')}`;
  execFileSync('useradd', ['--create-home', user]);
  // Short, as /run/user/1000 is: a runroot of more than 50 characters makes Podman's own cleanup command fail, and its
  // `run` then waits for it for 20 s.
  const runtime = await mkdtemp('/tmp/orrb-');
  try {
    const uid = Number(execFileSync('id', ['-u', user], { encoding: 'utf8' }));
    const home = `/home/${user}`;
    execFileSync('chown', [String(uid), runtime]);
    const env = { PATH: process.env.PATH, HOME: home, USER: user, XDG_RUNTIME_DIR: runtime };
    const asUser = (tool: Tool): Tool => ({
      ...tool,
      program: 'setpriv',
      args: [
        `--reuid=${uid}`,
        `--regid=${uid}`,
        '--clear-groups',
        tool.program,
        ...(tool.name === 'podman' ? tool.args.slice(0, 4) : []),
      ],
      // Where Podman is not told so it copies whole images for an ordinary user; both shall stand on overlays.
      env: {
        ...env,
        ...(tool.env.CONTAINERS_CONF && {
          CONTAINERS_CONF: tool.env.CONTAINERS_CONF,
          STORAGE_DRIVER: 'overlay',
        }),
      },
    });
    const users = tools.map(asUser);
    await chmod(join(folder, 'image.tar'), 0o644);
    for (const tool of users) await call(tool, ['load', '-i', join(folder, 'image.tar')]);
    for (let round = 0; round < rounds; round++)
      for (const tool of users)
        await time(tool, 'run, no network, rootless', () =>
          call(tool, ['run', '--rm', '--network=none', TEST_IMAGE, 'true']),
        );
    for (const tool of users) await quietly(tool, ['system', 'reset', '--force']);
  } finally {
    const ended = spawn('pkill', ['-KILL', '-u', user], { stdio: 'ignore' });
    await once(ended, 'close');
    execFileSync('userdel', ['--remove', user], { stdio: 'ignore' });
    await rm(runtime, { recursive: true, force: true });
  }
}

function results(): void {
  const rows = [...samples].map(([step, by]) => {
    const ours = median(by.get('orrery') ?? []);
    const theirs = median(by.get('podman') ?? []);
    const ratio = ours / theirs;
    const target = TARGETS[step];
    const verdict =
      target === undefined
        ? ''
        : theirs > STALL_MS
          ? `≤ ${target}: podman stalls, no comparison`
          : `≤ ${target} ${ratio <= target ? 'met' : 'not met'}`;
    return [step, ours.toFixed(0), theirs.toFixed(0), ratio.toFixed(2), verdict];
  });
  const lines = [...tableLines(['step', 'orrery ms', 'podman ms', 'ratio', 'target'], rows), '', ...notes];
  process.stdout.write(`${lines.join('\n')}\n`);
  const podman = execFileSync('/usr/bin/podman', ['--version'], { encoding: 'utf8' }).trim();
  if (!quick)
    reportLines(
      'containers',
      `The container tool beside ${podman} with runc: medians of ${rounds} (of 3 for the steps with 30 containers and 500 MB), from the command's start to its end.`,
      lines,
    );
}
