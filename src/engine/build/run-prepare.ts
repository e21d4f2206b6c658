import { BadRequest } from '../../base/index.ts';
import type { ContainerMount, ImageConfig } from '../engine.ts';
import { withFileLock } from '../system/lock.ts';
import { PREDEFINED_ARGS } from './build-args.ts';
import type { RunOptions } from './options.ts';
import { asExecForm, type Instruction } from './parse.ts';
import {
  bindMount,
  cacheMount,
  type RunMount,
  readRunMounts,
  secretMount,
  tmpfsMount,
} from './run-mounts.ts';
import { runStep } from './run-step.ts';
import type { BuildSession, BuiltImage } from './session.ts';
import { shellOf } from './stage-config.ts';
import { unknownFlag } from './stages.ts';
import { findSources, hashSource, type SourceRoot } from './tree-walk.ts';
import type { Variables } from './words.ts';

export interface RunInput {
  session: BuildSession;
  instruction: Instruction;
  config: ImageConfig;
  /** Declared arguments that have a value. */
  args: ReadonlyMap<string, string>;
  variables: Variables;
  /** What `from=` of a mount names. */
  findFrom(name: string): Promise<{ image: BuiltImage } | { root: SourceRoot }>;
}

export interface PreparedRun {
  /** As Docker's history has it: `|1 v=1 /bin/sh -c make`. */
  createdBy: string;
  /** What is mounted to be read. */
  keys: string[];
  execute(root: string): Promise<void>;
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** @throws BadRequest */
export async function prepareRun(input: RunInput): Promise<PreparedRun> {
  const { session, instruction, config } = input;
  const mounts = readRunMounts(instruction, {
    variables: input.variables,
    workingDir: config.WorkingDir ?? '/',
  });
  const options = readFlags(instruction, session.options.run ?? {});
  const { args, shown } = commandOf(instruction, config);
  if (args.length === 0) throw new BadRequest('RUN requires at least one argument');
  const declared = [...input.args].filter(([name]) => !PREDEFINED_ARGS.has(name)).sort();
  const prefix =
    declared.length === 0 ? '' : `|${declared.length} ${declared.map((pair) => pair.join('=')).join(' ')} `;
  const keys: string[] = [];
  for (const mount of mounts) keys.push(...(await keyOf(input, mount)));
  return {
    createdBy: `${prefix}${shown}`,
    keys: [...keys, JSON.stringify([options.network ?? 'host', session.options.run?.volumes ?? []])],
    execute: async (root) => {
      const prepared = await prepareMounts(input, mounts);
      const run = () =>
        runStep({
          runc: prepared.runc,
          root,
          folder: session.newPath('run'),
          config,
          args,
          env: environmentOf(input),
          mounts: [...volumesOf(options), ...prepared.mounts],
          options,
          onOutput: (text, stream) => session.report.output(text, stream),
          signal: session.signal,
        });
      await prepared.locks.reduce(
        (inner, lock) => () => withFileLock(lock, inner, { timeoutMs: 3_600_000 }),
        run,
      )();
    },
  };
}

function readFlags(instruction: Instruction, given: RunOptions): RunOptions {
  let options = given;
  for (const { name, value } of instruction.flags) {
    if (name === 'mount' && value !== undefined) continue;
    if (name === 'network' && value !== undefined) {
      if (!['default', 'none', 'host'].includes(value))
        throw new BadRequest(`unsupported network mode: ${JSON.stringify(value)}`);
      if (value !== 'default') options = { ...options, network: value as 'none' | 'host' };
    } else if (name === 'security' && value === 'sandbox') continue;
    else if (name === 'security') throw new BadRequest(`RUN --security=${value} is not supported`);
    else throw unknownFlag(instruction, name);
  }
  return options;
}

/** Heredocs go to the shell as they were written; one alone is the shell's script. */
function commandOf(instruction: Instruction, config: ImageConfig): { args: string[]; shown: string } {
  const { text, heredocs } = instruction;
  const exec = asExecForm(text);
  if (exec !== undefined) return { args: exec, shown: exec.join(' ') };
  if (text.trim() === '') return { args: [], shown: '' };
  const shell = shellOf(config);
  let script = text;
  if (heredocs.length === 1 && /^<<-?\s*\S+$/.test(text.trim())) script = heredocs[0]!.content;
  else for (const { name, content } of heredocs) script += `\n${content}${name}`;
  // The kernel starts a script by its first line only from a file.
  const interpreter = /^#!\s*(\S+)(?:\s+(\S+))?\n/.exec(script);
  if (heredocs.length === 1 && interpreter !== null) {
    const command = [interpreter[1]!, ...(interpreter[2] === undefined ? [] : [interpreter[2]])];
    return { args: [...command, '-c', script], shown: [...command, '-c', script].join(' ') };
  }
  return { args: [...shell, script], shown: [...shell, script].join(' ') };
}

function environmentOf({ session, config, args }: RunInput): string[] {
  const env = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  for (const [name, value] of session.args.predefined()) env.set(name, value);
  for (const [name, value] of args) env.set(name, value);
  for (const line of config.Env ?? []) {
    const equals = line.indexOf('=');
    env.set(equals < 0 ? line : line.slice(0, equals), equals < 0 ? '' : line.slice(equals + 1));
  }
  return [...env].map(([name, value]) => `${name}=${value}`);
}

async function keyOf(input: RunInput, mount: RunMount): Promise<string[]> {
  if (mount.type !== 'bind') return [];
  const from = await fromOf(input, mount);
  if ('image' in from) return [from.image.id];
  const source = mount.fields.get('source') ?? mount.fields.get('src') ?? '/';
  const keys: string[] = [];
  for (const one of await findSources({ ...from.root }, source))
    keys.push(await hashSource(one, { ignore: from.root.ignore, withOwners: false }));
  return keys;
}

async function fromOf(
  input: RunInput,
  mount: RunMount,
): Promise<{ image: BuiltImage } | { root: SourceRoot }> {
  const name = mount.fields.get('from');
  return name === undefined ? { root: input.session.contexts.main } : await input.findFrom(name);
}

async function prepareMounts(
  input: RunInput,
  mounts: readonly RunMount[],
): Promise<{ mounts: ContainerMount[]; locks: string[]; runc: string }> {
  const { session } = input;
  const ready: ContainerMount[] = [];
  const locks: string[] = [];
  for (const mount of mounts) {
    if (mount.type === 'tmpfs') ready.push(tmpfsMount(mount));
    else if (mount.type === 'cache') {
      const cache = await cacheMount(mount, session.cacheMounts);
      ready.push(cache.mount);
      if (cache.lock !== undefined) locks.push(cache.lock);
    } else if (mount.type === 'secret') {
      const one = await secretMount(mount, {
        secrets: session.options.secrets ?? {},
        folder: await session.secretFolder(),
        name: session.newPath('secret').split('/').at(-1)!,
      });
      if (one !== undefined) ready.push(one);
    } else {
      const from = await fromOf(input, mount);
      ready.push(
        await bindMount(mount, 'image' in from ? await session.mounted(from.image) : from.root.folder),
      );
    }
  }
  return { mounts: ready, locks: [...new Set(locks)].sort().reverse(), runc: await session.runc() };
}

function volumesOf({ volumes = [] }: RunOptions): ContainerMount[] {
  return volumes.map((text) => {
    const [source = '', destination = '', options = ''] = text.split(':');
    if (!source.startsWith('/') || !destination.startsWith('/'))
      throw new BadRequest(`invalid volume ${JSON.stringify(text)}: both paths must be absolute`);
    const words = options.split(',').filter((word) => word !== '');
    for (const word of words)
      if (!['ro', 'rw', 'z', 'Z'].includes(word))
        throw new BadRequest(`the volume option ${word} is not supported in a build`);
    return { type: 'bind', source, destination, readOnly: words.includes('ro') };
  });
}
