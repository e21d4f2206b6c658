import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import type { CreateOptions, Mount } from '../create-options.ts';
import type { StoredMount } from './stored-container.ts';

const BIND_OPTIONS = new Set([
  ...['rw', 'ro', 'exec', 'noexec', 'suid', 'nosuid', 'dev', 'nodev', 'bind', 'rbind', 'idmap'],
  ...['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable'],
  ...['z', 'Z', 'U', 'O', 'copy', 'nocopy', 'cached', 'delegated', 'consistent', 'relatime', 'noatime'],
]);
const EXCLUSIVE = [
  ['rw', 'ro'],
  ['exec', 'noexec'],
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'],
  ['z', 'Z'],
];

/** Everything that the body asks to be mounted, by destination; what is named later wins over the image's volumes. */
export function askedMounts(options: CreateOptions): StoredMount[] {
  const { HostConfig: host, Config: config, Podman: podman } = options;
  const asked = [
    ...(host.Binds ?? []).map(parseBind),
    ...(host.Mounts ?? []).map(fromMount),
    ...Object.entries(host.Tmpfs ?? {}).map(([path, text]) => tmpfsMount(path, splitOptions(text))),
  ];
  const seen = new Set<string>();
  for (const { destination } of asked) {
    if (seen.has(destination)) throw new BadRequest(`${destination}: duplicate mount destination`);
    seen.add(destination);
  }
  // docker-compose names a path here too that a bind or a volume fills: moby's daemon/create_unix.go passes it over.
  const anonymous = Object.keys(config.Volumes ?? {}).map((path) => parseAnonymous(path));
  asked.push(...anonymous.filter(({ destination }) => !seen.has(destination)));
  if (podman?.ImageVolumes !== undefined && !IMAGE_VOLUMES.has(podman.ImageVolumes))
    throw new BadRequest(
      `invalid image-volume type "${podman.ImageVolumes}". Pick one of bind, tmpfs, or ignore`,
    );
  return asked;
}

const IMAGE_VOLUMES = new Set(['bind', 'anonymous', 'tmpfs', 'ignore']);

/** What the image's VOLUMEs become where nothing else is mounted. */
export function imageVolumes(paths: readonly string[], mode: string | undefined): StoredMount[] {
  if (mode === 'ignore') return [];
  // A VOLUME may say anything (`VOLUME ['/a']` is one named `[/a]`): Docker takes it from the root.
  const absolute = paths.map((path) => posix.resolve('/', path));
  return absolute.map((path) =>
    mode === 'tmpfs' ? tmpfsMount(path, ['rprivate', 'rw', 'nodev', 'exec']) : parseAnonymous(path),
  );
}

/** `source:destination[:options]`; a source without `/` is a volume; a path alone an anonymous one. */
export function parseBind(text: string): StoredMount {
  const parts = text.split(':');
  if (parts.length === 1) return parseAnonymous(text);
  if (parts.length > 3)
    throw new BadRequest(
      `incorrect volume format, should be [host-dir:]ctr-dir[:option]: ${JSON.stringify(text)}`,
    );
  const [source = '', destination = '', optionText] = parts;
  if (source === '') throw new BadRequest('host directory cannot be empty');
  const options = checkOptions(splitOptions(optionText));
  const to = cleanDestination(destination);
  // An absolute path, or one that says that it is a path.
  if (source.startsWith('/') || source.startsWith('.'))
    return { type: 'bind', source, destination: to, options };
  return volumeMount(source, to, options);
}

function parseAnonymous(path: string): StoredMount {
  return { ...volumeMount(randomBytes(32).toString('hex'), cleanDestination(path), []), isAnonymous: true };
}

function volumeMount(name: string, destination: string, options: string[]): StoredMount {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    throw new BadRequest(
      `${name} is not a valid volume name: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`,
    );
  return {
    type: 'volume',
    name,
    source: '',
    destination,
    options: options.filter((one) => one !== 'nocopy' && one !== 'copy'),
    ...(options.includes('nocopy') && { noCopy: true }),
  };
}

function fromMount(mount: Mount): StoredMount {
  const destination = cleanDestination(mount.Target);
  const options = checkOptions([...(mount.ReadOnly ? ['ro'] : []), ...(mount.Options ?? [])]);
  if (mount.Type === 'tmpfs') {
    const { SizeBytes: size, Mode: mode } = mount.TmpfsOptions ?? {};
    return tmpfsMount(destination, [
      ...options,
      ...(size ? [`size=${size}`] : []),
      ...(mode ? [`mode=${mode.toString(8)}`] : []),
    ]);
  }
  if (mount.Type === 'devpts') return { type: 'devpts', source: 'devpts', destination, options };
  if (mount.Type === 'image') {
    if (!mount.Source) throw new BadRequest('must set source and destination when using image volumes');
    return {
      type: 'image',
      name: mount.Source,
      source: mount.Source,
      destination,
      options: mount.ReadOnly === false ? ['rw'] : ['ro'],
    };
  }
  if (mount.Type === 'volume') {
    const { NoCopy: noCopy, Subpath: subpath } = mount.VolumeOptions ?? {};
    const made = mount.Source
      ? volumeMount(mount.Source, destination, options)
      : { ...parseAnonymous(destination), options };
    return { ...made, ...(noCopy && { noCopy }), ...(subpath !== undefined && { subpath }) };
  }
  if (mount.Type !== 'bind') throw new BadRequest(`invalid filesystem type "${mount.Type}"`);
  if (!mount.Source) throw new BadRequest('host directory cannot be empty');
  const { Propagation: propagation, NonRecursive: nonRecursive } = mount.BindOptions ?? {};
  return {
    type: 'bind',
    source: mount.Source,
    destination,
    options: [...options, ...(propagation ? [propagation] : []), ...(nonRecursive ? ['bind'] : [])],
  };
}

function tmpfsMount(path: string, options: string[]): StoredMount {
  return { type: 'tmpfs', source: 'tmpfs', destination: cleanDestination(path), options };
}

export function cleanDestination(path: string): string {
  if (!path.startsWith('/'))
    throw new BadRequest(
      path === ''
        ? 'container directory cannot be empty'
        : `invalid container path "${path}", must be an absolute path`,
    );
  const clean = posix.normalize(path).replace(/(.)\/+$/, '$1');
  if (clean === '/') throw new BadRequest('invalid container path "/": it is the root');
  return clean;
}

function splitOptions(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((one) => one !== '');
}

function checkOptions(options: string[]): string[] {
  for (const one of options) {
    if (!BIND_OPTIONS.has(one) && !/^(?:upperdir|workdir|size|mode|uid|gid)=/.test(one))
      throw new BadRequest(`invalid option "${one}": invalid mount option`);
    if (one === 'idmap') throw new BadRequest(`the mount option ${one} is not supported`);
  }
  checkOverlay(options);
  for (const group of EXCLUSIVE)
    if (options.filter((one) => group.includes(one)).length > 1)
      throw new BadRequest(`invalid argument: options ${group.join(', ')} exclude each other`);
  return options;
}

/** As Podman has it: `O` stands alone, or with `U`, or with both folders of its own. */
function checkOverlay(options: readonly string[]): void {
  const folders = options.filter((one) => /^(?:upperdir|workdir)=/.test(one));
  if (!options.includes('O')) {
    if (folders.length > 0) throw new BadRequest(`invalid option "${folders[0]}": it needs the option O`);
    return;
  }
  if (folders.length === 1) throw new BadRequest('must specify both `upperdir` and `workdir`');
  if (folders.some((one) => !/^\w+=\//.test(one)))
    throw new BadRequest(`the folders of an overlay volume must be absolute paths: ${folders.join(', ')}`);
  if (options.some((one) => one !== 'O' && one !== 'U' && !folders.includes(one)))
    throw new BadRequest("can't use 'O' with other options");
}

/** Mount options of a bind as the runtime wants them. */
export function bindOptions(options: readonly string[]): string[] {
  const known = options.filter(
    (one) =>
      !['z', 'Z', 'U', 'O', 'copy', 'nocopy', 'cached', 'delegated', 'consistent'].includes(one) &&
      !/^(?:upperdir|workdir)=/.test(one),
  );
  const has = (...names: string[]) => names.some((name) => known.includes(name));
  return [
    ...(has('bind', 'rbind') ? [] : ['rbind']),
    ...(has('private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave') ? [] : ['rprivate']),
    ...(has('rw', 'ro') ? [] : ['rw']),
    ...known,
  ];
}

/** tmpfs is as Podman mounts it: what is not asked for otherwise is `nosuid,nodev,noexec` off only by name. */
export function tmpfsOptions(options: readonly string[]): string[] {
  const named = options.map((one) => one.split('=')[0]!);
  const has = (...names: string[]) => names.some((name) => named.includes(name));
  return [
    ...(has('private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave') ? [] : ['rprivate']),
    ...(has('suid', 'nosuid') ? [] : ['nosuid']),
    ...(has('dev', 'nodev') ? [] : ['nodev']),
    ...(has('rw', 'ro') ? [] : ['rw']),
    ...(has('mode') ? [] : ['mode=1777']),
    // runc's own word: it begins with what the image has there.
    ...(has('notmpcopyup') ? [] : ['tmpcopyup']),
    ...options.filter((one) => !['U', 'z', 'Z', 'notmpcopyup', 'tmpcopyup'].includes(one)),
  ];
}
