/**
 * What a container costs above bare runc: the engine's create and start, against `runc run` of the very
 * same bundle (same root, same seccomp profile), interleaved in one run. Writes bench/results/engine.md.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../src/base/index.ts';
import { type ContainerSpec, type Engine, engineRequirements, openEngine } from '../src/engine/index.ts';

const ROUNDS = 25;
const cleanups: string[] = [];
const instance = randomBytes(3).toString('hex');

const { missing } = await engineRequirements();
if (missing.length > 0) {
  console.log(`skipped: ${missing.map((one) => one.name).join(', ')}`);
  process.exit(0);
}
const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
const memoryBefore = process.memoryUsage().rss;
const engine = await openEngine({ directory, instance, subnet: '10.199.7.0/24', log: silentLog });
try {
  await writeResults(await measure(engine));
} finally {
  await engine.reset();
  await rm(directory, { recursive: true, force: true });
}

type Samples = Record<string, number[]>;

async function measure(engine: Engine): Promise<Samples> {
  await engine.images.pack({ reference: 'bench/sleep', binaries: ['sleep'] });
  const samples: Samples = {};
  const time = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const begin = performance.now();
    const result = await work();
    samples[name] ??= [];
    samples[name].push(performance.now() - begin);
    return result;
  };
  for (let round = 0; round < ROUNDS; round++) {
    const name = `n${round}`;
    const network = await time('network namespace', () => engine.networks.createNamespace(name));
    await time('CNI ADD', () => engine.networks.attach({ containerId: name, namespace: name }));
    const begin = performance.now();
    const id = await time('create', () => engine.create(specOf(name, network)));
    await time('start', () => engine.start(id));
    samples['create + start'] ??= [];
    samples['create + start'].push(performance.now() - begin);
    const exec = await engine.exec(id, { command: ['sleep', '0'], tty: false, stdin: false });
    await time('exec', () => exec.exit);
    await time('stop (SIGKILL)', () => engine.stop(id, 0));
    await time('bare runc run', () => bareRun(id, `bare${round}`));
    await time('remove', () => engine.remove(id));
    await time('CNI DEL', () => engine.networks.detach({ containerId: name, namespace: name }));
    await engine.networks.removeNamespace(name);
  }
  return samples;
}

function specOf(name: string, network: string): ContainerSpec {
  return {
    name,
    image: 'bench/sleep',
    args: ['100'],
    env: {},
    mounts: [],
    network,
    tty: false,
    stdin: false,
    labels: {},
    resources: { memoryLimitBytes: 64 << 20 },
    security: {},
    cgroupParent: `/orrery-${instance}/bench`,
    logPath: join(directory, `${name}.log`),
  };
}

/** `runc run` of the engine's own bundle until the process runs; then it is killed and deleted, unmeasured. */
async function bareRun(bundleOf: string, id: string): Promise<void> {
  const bundle = join(directory, 'containers', bundleOf);
  const config = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8')) as {
    linux: { cgroupsPath: string };
  };
  config.linux.cgroupsPath = `/orrery-${instance}/bench/${id}`;
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
  // --detach returns when the process runs, which is what the engine's start waits for.
  await run('runc', ['--root', join(directory, 'bare'), 'run', '--detach', '--bundle', bundle, id]);
  cleanups.push(id);
}

function run(file: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn(file, args, { stdio: 'ignore' }).on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${file} ended with ${code}`)),
    );
  });
}

function quantile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

async function writeResults(samples: Samples): Promise<void> {
  for (const id of cleanups) await run('runc', ['--root', join(directory, 'bare'), 'delete', '--force', id]);
  const rows = Object.entries(samples).map(
    ([name, values]) =>
      `| ${name} | ${quantile(values, 0.5).toFixed(1)} | ${quantile(values, 0.9).toFixed(1)} |`,
  );
  const ours = quantile(samples['create + start']!, 0.5);
  const bare = quantile(samples['bare runc run']!, 0.5);
  const memory = (process.memoryUsage().rss - memoryBefore) / 1e6;
  const text = `# Engine: what a container costs above bare runc

\`node bench/engine.ts\`, ${ROUNDS} rounds, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}.
Bare runc runs the same bundle: same root file system, same namespaces, same seccomp profile, same control groups.

| step | median ms | p90 ms |
|---|---:|---:|
${rows.join('\n')}

Our create + start: ${ours.toFixed(1)} ms, bare \`runc run\`: ${bare.toFixed(1)} ms; difference ${(ours - bare).toFixed(1)} ms, ratio ${(ours / bare).toFixed(2)}.
The engine added ${memory.toFixed(0)} MB to the process over ${ROUNDS} containers (heap not yet collected included).
`;
  await mkdir('bench/results', { recursive: true });
  await writeFile('bench/results/engine.md', text);
  console.log(text);
}
