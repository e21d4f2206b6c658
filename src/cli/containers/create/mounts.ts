import { isAbsolute, posix } from 'node:path';
import { BadRequest } from '../../../base/index.ts';
import type { Mount } from '../../../libpod/index.ts';
import { parseCsvLine } from '../../grammar/index.ts';
import { ramBytes } from './byte-sizes.ts';

const NO_ARGUMENT = 'must provide an argument for option';
const SYNTAX =
  'incorrect mount format: should be --mount type=<bind|tmpfs|volume>,[src=<host-dir|volume-name>,]target=<ctr-dir>[,options]';
const BAD_OPTION = 'invalid mount option';
const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;

/** Options that may stand in a mount once, by what they decide. */
const EXCLUSIVE: Record<string, string> = {
  ...{
    ro: 'rw',
    rw: 'rw',
    nosuid: 'suid',
    suid: 'suid',
    nodev: 'dev',
    dev: 'dev',
    noexec: 'exec',
    exec: 'exec',
  },
  ...{ tmpcopyup: 'copy', notmpcopyup: 'copy' },
};

/** A mount's type → the words beside source and target that Podman's `--mount` knows for it. */
const KNOWN: Record<Mount['Type'], readonly string[]> = {
  bind: [
    ...['ro', 'rw', 'nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec', 'Z', 'z', 'U', 'idmap'],
    ...['unbindable', 'runbindable', 'relabel', 'bind-propagation', 'bind-nonrecursive', ...PROPAGATIONS],
  ],
  volume: [
    ...['ro', 'rw', 'nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec', 'U', 'idmap'],
    ...['volume-opt', 'volume-driver', 'volume-nocopy', 'volume-subpath'],
  ],
  tmpfs: [
    ...['ro', 'rw', 'nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec', 'tmpcopyup', 'notmpcopyup', 'U'],
    ...['tmpfs-mode', 'tmpfs-size'],
  ],
  image: ['rw', 'ro'],
  devpts: ['uid', 'gid', 'mode', 'max'],
};

/** `--mount`: Podman's grammar, and Docker's (no type is a volume). @throws BadRequest in Podman's words */
export function parseMounts(mounts: readonly string[], program = 'podman'): Mount[] {
  return mounts.map((text) => parseMount(text, program));
}

function parseMount(text: string, program: string): Mount {
  const words = parseCsvLine(text);
  if (words === undefined) throw new BadRequest(SYNTAX);
  const at = words.findIndex((word) => word.startsWith('type='));
  if (at < 0 && program !== 'docker') throw new BadRequest(SYNTAX);
  const type = at < 0 ? 'volume' : words[at]!.slice('type='.length);
  if (!Object.hasOwn(KNOWN, type)) throw new BadRequest(`invalid filesystem type ${JSON.stringify(type)}`);
  const mount: Mount = { Type: type as Mount['Type'], Target: '' };
  const seen = new Set<string>();
  for (const [i, word] of words.entries()) if (i !== at) takeWord(mount, word, seen);
  if (mount.Type === 'image' && (mount.Source === undefined || mount.Target === ''))
    throw new BadRequest('must set source and destination for image volume');
  if (mount.Target === '') throw new BadRequest('must set volume destination');
  if (mount.Type === 'bind') mount.Source ??= mount.Target;
  return mount;
}

function takeWord(mount: Mount, word: string, seen: Set<string>): void {
  const [given, ...rest] = word.split('=') as [string, ...string[]];
  const value = rest.length === 0 ? undefined : rest.join('=');
  const needed = () => {
    if (value === undefined) throw new BadRequest(`${given}: ${NO_ARGUMENT}`);
    return value;
  };
  switch (given) {
    case 'consistency':
      return;
    case 'src':
    case 'source':
      if (needed() === '' && mount.Type === 'bind')
        throw new BadRequest(`host directory cannot be empty: ${NO_ARGUMENT}`);
      if (mount.Type === 'tmpfs')
        throw new BadRequest(`"source" option not supported for "tmpfs" mount types`);
      mount.Source = needed();
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = containerPath(needed());
      return;
    default:
      takeOption(mount, given, value, seen);
  }
}

const SYNONYMS: Record<string, string> = { readonly: 'ro', chown: 'U', readwrite: 'rw' };

function takeOption(mount: Mount, given: string, value: string | undefined, seen: Set<string>): void {
  const name = SYNONYMS[given] ?? given;
  if (!KNOWN[mount.Type].includes(name)) throw new BadRequest(`${given}: ${BAD_OPTION}`);
  const group = EXCLUSIVE[name];
  if (group !== undefined) {
    if (seen.has(group))
      throw new BadRequest(
        `cannot pass ${exclusiveNames(group, mount.Type)} options more than once: ${NO_ARGUMENT}`,
      );
    seen.add(group);
  }
  const isOn = booleanOf(given, value);
  const add = (option: string) => {
    mount.Options = [...(mount.Options ?? []), option];
  };
  switch (name) {
    case 'ro':
      if (isOn) mount.ReadOnly = true;
      return;
    case 'rw':
      if (mount.Type === 'image') mount.ReadOnly = !isOn;
      else if (!isOn) mount.ReadOnly = true;
      return;
    case 'U':
      if (isOn) add('U');
      return;
    case 'relabel':
      if (value !== 'private' && value !== 'shared')
        throw new BadRequest(`${name} mount option must be 'private' or 'shared': ${BAD_OPTION}`);
      add(value === 'private' ? 'Z' : 'z');
      return;
    case 'bind-propagation':
      if (value === undefined) throw new BadRequest(`${name}: ${NO_ARGUMENT}`);
      setPropagation(mount, value);
      return;
    case 'bind-nonrecursive':
      mount.BindOptions = { ...mount.BindOptions, NonRecursive: true };
      return;
    case 'idmap':
      add(value === undefined ? 'idmap' : `idmap=${value}`);
      return;
    case 'tmpfs-size':
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: ramBytes(value ?? '') };
      return;
    case 'tmpfs-mode':
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value ?? '', 8) };
      return;
    default:
      if (PROPAGATIONS.includes(name as (typeof PROPAGATIONS)[number])) setPropagation(mount, name);
      else if (mount.Type === 'volume' && name.startsWith('volume-')) setVolumeOption(mount, name, value);
      else add(value === undefined ? name : `${name}=${value}`);
  }
}

function exclusiveNames(group: string, type: Mount['Type']): string {
  const names: Record<string, string> = {
    rw: type === 'bind' ? "'readonly', 'ro', or 'rw'" : "'ro' and 'rw'",
    suid: "'nosuid' and 'suid'",
    dev: "'nodev' and 'dev'",
    exec: "'noexec' and 'exec'",
    copy: "'tmpcopyup' and 'notmpcopyup'",
  };
  return names[group]!;
}

function booleanOf(given: string, value: string | undefined): boolean {
  if (!['readonly', 'ro', 'rw', 'U', 'chown', 'readwrite'].includes(given) || value === undefined)
    return true;
  if (/^(true|1)$/i.test(value)) return true;
  if (/^(false|0)$/i.test(value)) return false;
  const names = given === 'U' || given === 'chown' ? "'U' or 'chown'" : "'readonly', 'ro', or 'rw'";
  throw new BadRequest(
    `${names} must be set to true or false, instead received ${JSON.stringify(value)}: ${NO_ARGUMENT}`,
  );
}

function setPropagation(mount: Mount, value: string): void {
  if (!PROPAGATIONS.includes(value as (typeof PROPAGATIONS)[number]))
    throw new BadRequest(`invalid option ${JSON.stringify(value)}: ${BAD_OPTION}`);
  mount.BindOptions = { ...mount.BindOptions, Propagation: value as (typeof PROPAGATIONS)[number] };
}

function setVolumeOption(mount: Mount, name: string, value: string | undefined): void {
  const options = { ...mount.VolumeOptions };
  if (name === 'volume-nocopy') options.NoCopy = value !== 'false';
  else if (name === 'volume-driver') options.DriverConfig = { ...options.DriverConfig, Name: value ?? '' };
  else if (name === 'volume-subpath') options.Subpath = value ?? '';
  else {
    const [key, ...rest] = (value ?? '').split('=') as [string, ...string[]];
    options.DriverConfig = {
      ...options.DriverConfig,
      Options: { ...options.DriverConfig?.Options, [key]: rest.join('=') },
    };
  }
  mount.VolumeOptions = options;
}

/** @throws BadRequest when it is no absolute path */
function containerPath(path: string): string {
  if (path === '') throw new BadRequest('container directory cannot be empty');
  if (!isAbsolute(path))
    throw new BadRequest(`invalid container path ${JSON.stringify(path)}, must be an absolute path`);
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

/** `--tmpfs path[:options]` */
export function parseTmpfs(mounts: readonly string[]): Record<string, string> {
  const tmpfs: Record<string, string> = {};
  for (const one of mounts) {
    const colon = one.indexOf(':');
    const path = containerPath(colon < 0 ? one : one.slice(0, colon));
    const options = colon < 0 ? '' : one.slice(colon + 1);
    if (tmpfs[path] !== undefined && tmpfs[path] !== options)
      throw new BadRequest(`${path}: duplicate mount destination`);
    tmpfs[path] = options;
  }
  return tmpfs;
}

/**
 * `--volume [[source:]path[:options]]`: binds and named volumes in the first place, paths alone (anonymous
 * volumes) in the second.
 * @param absolute makes a relative source (`./x`) a path.
 * @throws BadRequest in Podman's words
 */
export function parseVolumes(
  volumes: readonly string[],
  absolute: (path: string) => string,
): { binds: string[]; anonymous: string[] } {
  const binds: string[] = [];
  const anonymous: string[] = [];
  const destinations = new Map<string, string>();
  for (const one of volumes) {
    // A colon after a backslash belongs to the path.
    const parts = one.split(/(?<!\\):/).map((part) => part.replaceAll('\\:', ':'));
    if (parts.length > 3)
      throw new BadRequest(`incorrect volume format, should be [host-dir:]ctr-dir[:option]: ${one}`);
    const path = containerPath(parts.length === 1 ? parts[0]! : parts[1]!);
    const before = destinations.get(path);
    if (before !== undefined && before !== one) throw new BadRequest(`${path}: duplicate mount destination`);
    destinations.set(path, one);
    if (before !== undefined) continue;
    if (parts.length === 1) {
      anonymous.push(path);
      continue;
    }
    const [source, , options] = parts as [string, string, string | undefined];
    if (options !== undefined) checkOptions(options);
    if (source === '' && options === undefined) throw new BadRequest('host directory cannot be empty');
    binds.push([sourceOf(source, absolute), path, ...(options === undefined ? [] : [options])].join(':'));
  }
  return { binds, anonymous };
}

function sourceOf(source: string, absolute: (path: string) => string): string {
  if (source.startsWith('/') || source.startsWith('.')) return absolute(source);
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) return source;
  throw new BadRequest(
    `error creating named volume ${JSON.stringify(source)}: running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`,
  );
}

const VOLUME_OPTIONS = new Set([
  ...[
    'rw',
    'ro',
    'z',
    'Z',
    'U',
    'O',
    'idmap',
    'copy',
    'nocopy',
    'bind',
    'rbind',
    'exec',
    'noexec',
    'dev',
    'nodev',
  ],
  ...['suid', 'nosuid', 'cached', 'delegated', 'consistent', 'unbindable', 'runbindable', ...PROPAGATIONS],
]);

function checkOptions(options: string): void {
  const seen = new Set<string>();
  for (const option of options.split(',')) {
    if (/^(upperdir|workdir|idmap)=/.test(option)) continue;
    if (!VOLUME_OPTIONS.has(option)) throw new BadRequest(`invalid option type ${JSON.stringify(option)}`);
    const group = EXCLUSIVE[option];
    if (group !== undefined && seen.has(group))
      throw new BadRequest(
        `invalid options ${JSON.stringify(options)}, can only specify 1 '${pairOf(option)}' option`,
      );
    if (group !== undefined) seen.add(group);
  }
}

function pairOf(option: string): string {
  if (option === 'ro' || option === 'rw') return "rw' or 'ro";
  const plain = option.replace(/^no/, '');
  return `no${plain}' or '${plain}`;
}
