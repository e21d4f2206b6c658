import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { runCommand, silentLog } from '../../src/base/index.ts';
import {
  type ContainerSpec,
  type ContainerState,
  type Engine,
  engineRequirements,
  openEngine,
} from '../../src/engine/index.ts';

/** Why this host cannot run containers; empty when it can. */
export async function whyNotHere(): Promise<string> {
  const { missing } = await engineRequirements();
  return missing.map((one) => `${one.name}: ${one.why}`).join('; ');
}

export const SHELL_IMAGE = 'local/shell';
const PROGRAMS = [
  'sh',
  'sleep',
  'cat',
  'id',
  'tail',
  'touch',
  'stty',
  'unshare',
  'mount',
  'env',
  'ls',
  'grep',
  'dd',
];

export interface EngineFixture {
  engine: Engine;
  directory: string;
  instance: string;
  subnet: string;
  /** A second engine over the same directory: another process, as far as files go. */
  reopen(): Promise<Engine>;
  /** Creates and starts; the shell runs `script`. */
  run(script: string, more?: Partial<ContainerSpec>): Promise<string>;
  spec(script: string, more?: Partial<ContainerSpec>): ContainerSpec;
  logOf(id: string): Promise<string>;
  /** Waits for the container's end, by the engine's own watch. */
  ended(id: string): Promise<ContainerState>;
  dispose(): Promise<void>;
}

export async function startEngine(): Promise<EngineFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-engine-'));
  const instance = randomBytes(3).toString('hex');
  const subnet = `10.${100 + Math.floor(Math.random() * 100)}.${Math.floor(Math.random() * 250)}.0/24`;
  const open = () => openEngine({ directory, instance, subnet, log: silentLog });
  const engine = await open();
  await engine.images.pack({ reference: SHELL_IMAGE, binaries: PROGRAMS });
  let count = 0;
  const spec = (script: string, more: Partial<ContainerSpec> = {}): ContainerSpec => {
    count++;
    return {
      name: `c${count}`,
      image: SHELL_IMAGE,
      args: ['-c', script],
      env: {},
      mounts: [],
      network: 'host',
      tty: false,
      stdin: false,
      labels: {},
      resources: {},
      security: {},
      cgroupParent: `/orrery-${instance}/pod-${count}`,
      logPath: join(directory, `logs/c${count}.log`),
      ...more,
    };
  };
  return {
    engine,
    directory,
    instance,
    subnet,
    reopen: open,
    spec,
    run: async (script, more) => {
      const id = await engine.create(spec(script, more));
      await engine.start(id);
      return id;
    },
    logOf: async (id) => textOf(await readFile((await engine.inspect(id)).logPath, 'utf8')),
    ended: (id) => untilState(engine, id, (state) => state.status === 'exited'),
    dispose: async () => {
      await engine.reset();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export async function untilState(
  engine: Engine,
  id: string,
  isIt: (state: ContainerState) => boolean,
): Promise<ContainerState> {
  const stop = new AbortController();
  try {
    for await (const state of engine.watch(AbortSignal.any([stop.signal, AbortSignal.timeout(30_000)])))
      if (state.id === id && isIt(state)) return state;
  } finally {
    stop.abort();
  }
  throw new Error(`container ${id} did not come there: ${JSON.stringify(await engine.inspect(id))}`);
}

/** What was printed, out of lines in CRI's log format: `<time> <stream> P|F <text>`. */
export function textOf(log: string): string {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, tag, text] = /^\S+ \S+ ([PF]) (.*)$/.exec(line)!;
      return tag === 'P' ? text : `${text}\n`;
    })
    .join('');
}

export async function textFrom(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** Everything on the host that carries the instance's name. */
export async function tracesOf(fixture: { instance: string; directory: string }): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(fixture.directory));
  const { stdout: tables } = await runCommand('nft', ['list', 'tables']);
  const { stdout: links } = await runCommand('ip', ['-o', 'link']);
  const { stdout: groups } = await runCommand('find', [
    '/sys/fs/cgroup',
    '-name',
    `orrery-${fixture.instance}*`,
  ]);
  const { stdout: processes } = await runCommand('ps', ['-eo', 'args']);
  const named = (text: string) => text.split('\n').filter((line) => line.includes(fixture.instance));
  const ours = processes
    .split('\n')
    .filter((line) => line.includes(fixture.directory) && !line.includes('vitest'));
  return [...mounts, ...named(tables), ...named(links), ...named(groups), ...ours];
}
