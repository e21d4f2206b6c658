import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import type { ContainerMount } from '../engine.ts';
import { libc } from '../system/libc.ts';
import { resolveInRoot } from '../system/root-path.ts';
import { readCsv } from './csv.ts';
import type { BuildOptions } from './options.ts';
import type { Instruction } from './parse.ts';
import { expandWord, type Variables } from './words.ts';

export interface RunMount {
  type: 'bind' | 'cache' | 'tmpfs' | 'secret';
  fields: Map<string, string>;
  target: string;
}

const TYPES: Record<RunMount['type'], readonly string[]> = {
  bind: [
    'source',
    'src',
    'from',
    'rw',
    'readwrite',
    'ro',
    'readonly',
    'bind-propagation',
    'z',
    'Z',
    'relabel',
  ],
  cache: ['id', 'ro', 'readonly', 'rw', 'readwrite', 'sharing', 'mode', 'uid', 'gid', 'z', 'Z'],
  tmpfs: ['size', 'tmpfs-size', 'mode', 'tmpfs-mode', 'uid', 'gid'],
  secret: ['id', 'required', 'mode', 'uid', 'gid'],
};

/** The `--mount` flags of a RUN. @throws BadRequest naming what is not known or not supported. */
export function readRunMounts(
  instruction: Instruction,
  at: { variables: Variables; workingDir: string },
): RunMount[] {
  return instruction.flags
    .filter((flag) => flag.name === 'mount')
    .map(({ value = '' }) => readMount(expandWord(value, at.variables), at.workingDir));
}

function readMount(text: string, workingDir: string): RunMount {
  const fields = new Map<string, string>();
  for (const part of readCsv(text)) {
    const equals = part.indexOf('=');
    fields.set(equals < 0 ? part : part.slice(0, equals), equals < 0 ? 'true' : part.slice(equals + 1));
  }
  const type = fields.get('type') ?? 'bind';
  if (type === 'ssh') throw new BadRequest('RUN --mount=type=ssh is not supported');
  const known = TYPES[type as RunMount['type']];
  if (known === undefined) throw new BadRequest(`invalid mount type ${JSON.stringify(type)}`);
  for (const name of fields.keys())
    if (!['type', 'target', 'dst', 'destination', ...known].includes(name))
      throw new BadRequest(`RUN --mount=type=${type}: the option ${name} is not supported`);
  let target = fields.get('target') ?? fields.get('dst') ?? fields.get('destination');
  if (type === 'secret') target ??= `/run/secrets/${fields.get('id') ?? ''}`;
  if (target === undefined || target === '')
    throw new BadRequest(`invalid mount option: RUN --mount=type=${type} needs a target`);
  return { type: type as RunMount['type'], fields, target: posix.resolve('/', workingDir || '/', target) };
}

export function isTrue(mount: RunMount, ...names: string[]): boolean {
  return names.some((name) => ['true', '1'].includes(mount.fields.get(name) ?? ''));
}

/** What a bind mount shows: a folder or file below `root`, never outside of it, whatever links it holds. */
export async function bindMount(mount: RunMount, root: string): Promise<ContainerMount> {
  const source = mount.fields.get('source') ?? mount.fields.get('src') ?? '/';
  return {
    type: 'bind',
    source: await resolveInRoot(root, source, { followLast: true }),
    destination: mount.target,
    readOnly: !isTrue(mount, 'rw', 'readwrite'),
  };
}

/** The folder that a cache mount has from build to build. */
export async function cacheMount(
  mount: RunMount,
  folder: string,
): Promise<{ mount: ContainerMount; lock: string | undefined }> {
  const id = createHash('sha256')
    .update(mount.fields.get('id') ?? mount.target)
    .digest('hex')
    .slice(0, 24);
  const source = join(folder, id);
  const sharing = mount.fields.get('sharing') ?? 'shared';
  if (!['shared', 'private', 'locked'].includes(sharing))
    throw new BadRequest(`unsupported sharing value ${JSON.stringify(sharing)}`);
  if ((await mkdir(source, { recursive: true })) !== undefined) {
    await chmod(source, Number.parseInt(mount.fields.get('mode') ?? '0755', 8));
    await chown(source, Number(mount.fields.get('uid') ?? 0), Number(mount.fields.get('gid') ?? 0));
  }
  return {
    mount: {
      type: 'bind',
      source,
      destination: mount.target,
      readOnly: isTrue(mount, 'ro', 'readonly'),
    },
    // `private` too: one after the other is never mixed.
    lock: sharing === 'shared' ? undefined : `${source}.lock`,
  };
}

export function tmpfsMount(mount: RunMount): ContainerMount {
  const size = mount.fields.get('size') ?? mount.fields.get('tmpfs-size');
  const mode = mount.fields.get('mode') ?? mount.fields.get('tmpfs-mode');
  for (const text of [size, mode])
    if (text !== undefined && !/^\d+[kmg%]?$/i.test(text))
      throw new BadRequest(`invalid tmpfs option ${text}`);
  return {
    type: 'tmpfs',
    source: 'tmpfs',
    destination: mount.target,
    options: [
      ...['nosuid', 'nodev', 'noexec', `mode=${mode ?? '1777'}`],
      ...(size === undefined ? [] : [`size=${size}`]),
    ],
  };
}

/**
 * Puts a secret's content into `folder`, a tmpfs of the build, for one RUN.
 *
 * @returns undefined when there is no such secret and it is not required. @throws BadRequest
 */
export async function secretMount(
  mount: RunMount,
  options: { secrets: NonNullable<BuildOptions['secrets']>; folder: string; name: string },
): Promise<ContainerMount | undefined> {
  const id = mount.fields.get('id') ?? posix.basename(mount.target);
  const secret = Object.hasOwn(options.secrets, id) ? options.secrets[id] : undefined;
  if (secret === undefined) {
    if (isTrue(mount, 'required')) throw new BadRequest(`secret required but no secret with id ${id} found`);
    return undefined;
  }
  const source = join(options.folder, options.name);
  await writeFile(source, 'value' in secret ? secret.value : await readFile(secret.path), { mode: 0o400 });
  await chmod(source, Number.parseInt(mount.fields.get('mode') ?? '0400', 8));
  await chown(source, Number(mount.fields.get('uid') ?? 0), Number(mount.fields.get('gid') ?? 0));
  return { type: 'bind', source, destination: mount.target, readOnly: true };
}

/** Secrets never touch a disk. */
export async function mountSecretFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  libc().mount('tmpfs', folder, 'tmpfs', 0, 'mode=0700,size=16m');
}
