import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BadRequest, parseToml, type TomlTable, type TomlValue } from '../../../base/index.ts';

type Kind = 'text' | 'list' | 'bool' | 'number' | 'size' | 'table';
type Values<S> = {
  -readonly [K in keyof S]?: S[K] extends 'list'
    ? string[]
    : S[K] extends 'bool'
      ? boolean
      : S[K] extends 'number'
        ? number
        : S[K] extends 'table'
          ? TomlTable
          : string;
};

/** Settings of containers.conf(5) that mean something here, in its own words. A size is a number or a text. */
const SETTINGS = {
  containers: {
    ...{ annotations: 'list', apparmor_profile: 'text', base_hosts_file: 'text', cgroupns: 'text' },
    ...{ cgroups: 'text', default_capabilities: 'list', default_sysctls: 'list', default_ulimits: 'list' },
    ...{ devices: 'list', dns_options: 'list', dns_searches: 'list', dns_servers: 'list', env: 'list' },
    ...{ env_host: 'bool', host_containers_internal_ip: 'text', http_proxy: 'bool', init: 'bool' },
    ...{ init_path: 'text', ipcns: 'text', log_driver: 'text', log_size_max: 'number', netns: 'text' },
    ...{ no_hosts: 'bool', pidns: 'text', pids_limit: 'number', seccomp_profile: 'text', shm_size: 'size' },
    ...{ tz: 'text', umask: 'text', userns: 'text', utsns: 'text', volumes: 'list' },
  },
  engine: {
    ...{ conmon_path: 'list', detach_keys: 'text', env: 'list', events_logfile_path: 'text' },
    ...{ events_logfile_max_size: 'size', events_logger: 'text', helper_binaries_dir: 'list' },
    ...{ image_volume_mode: 'text', infra_command: 'text', infra_image: 'text', init_path: 'text' },
    ...{ active_service: 'text', pod_exit_policy: 'text', pull_policy: 'text', runtime: 'text' },
    ...{ runtimes: 'table', service_destinations: 'table', service_timeout: 'number' },
    ...{ stop_timeout: 'number', volume_path: 'text' },
  },
  // Networks are made here with subnets of their own choice.
  network: {},
} as const satisfies Record<string, Record<string, Kind>>;

/** What the files set; what none sets is absent. */
export interface ContainersConf {
  containers: Values<(typeof SETTINGS)['containers']>;
  engine: Values<(typeof SETTINGS)['engine']>;
  network: Values<(typeof SETTINGS)['network']>;
  /** Set, and without meaning here: `containers.label`. Podman knows them, or knows them not, and goes on too. */
  ignored: string[];
}

/**
 * containers.conf(5): the vendor's file, the host's with its drop-ins, and an ordinary user's own; a later one wins,
 * setting by setting. CONTAINERS_CONF names one that is read instead of all.
 * @throws BadRequest where one is not of its form, or the named one is not there
 */
export function readContainersConf(
  environment: Readonly<Record<string, string | undefined>>,
  isRootless: boolean,
): ContainersConf {
  const named = environment.CONTAINERS_CONF;
  const conf: ContainersConf = { containers: {}, engine: {}, network: {}, ignored: [] };
  for (const file of named ? [named] : usualFiles(environment, isRootless)) {
    const text = textOf(file);
    if (text !== undefined) addText(conf, text, file);
    else if (named)
      throw new BadRequest(`failed to decode configuration ${file}: open ${file}: no such file or directory`);
  }
  return conf;
}

/** Adds what one file sets. */
export function addText(conf: ContainersConf, text: string, file: string): void {
  const document = parseToml(text, file);
  for (const [section, known] of Object.entries(SETTINGS)) {
    const table = document[section];
    if (table === undefined) continue;
    if (!isTable(table)) throw new BadRequest(`${file}: ${section} is not a table`);
    const into = conf[section as 'containers'] as Record<string, unknown>;
    for (const [name, value] of Object.entries(table)) {
      const kind = (known as Record<string, Kind>)[name];
      if (kind === undefined) conf.ignored.push(`${section}.${name}`);
      else {
        const read = settingOf(value, kind);
        if (read === undefined) throw new BadRequest(`${file}: ${section}.${name} is no ${WORDS[kind]}`);
        into[name] = kind === 'table' ? { ...(into[name] as TomlTable), ...(read as TomlTable) } : read;
      }
    }
  }
}

const WORDS: Record<Kind, string> = {
  ...{ text: 'string', list: 'array of strings', bool: 'boolean', number: 'number', size: 'size' },
  ...{ table: 'table' },
};

function settingOf(value: TomlValue, kind: Kind): unknown {
  const is = (type: string) => (typeof value === type ? value : undefined);
  switch (kind) {
    case 'text':
      return is('string');
    case 'bool':
      return is('boolean');
    case 'number':
      return is('number');
    case 'size':
      return typeof value === 'number' ? String(value) : is('string');
    case 'table':
      return isTable(value) ? value : undefined;
    case 'list':
      return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  }
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value);
}

function usualFiles(
  environment: Readonly<Record<string, string | undefined>>,
  isRootless: boolean,
): string[] {
  const ownFile = ownContainersConf(environment);
  return [
    '/usr/share/containers/containers.conf',
    ...withDropIns('/etc/containers/containers.conf'),
    ...(isRootless && ownFile !== undefined ? withDropIns(ownFile) : []),
  ];
}

/** A user's own file, there or not. */
export function ownContainersConf(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const folder = environment.XDG_CONFIG_HOME || (environment.HOME && join(environment.HOME, '.config'));
  return folder ? join(folder, 'containers/containers.conf') : undefined;
}

function withDropIns(file: string): string[] {
  try {
    const names = readdirSync(`${file}.d`).filter((name) => name.endsWith('.conf'));
    return [file, ...names.sort().map((name) => join(`${file}.d`, name))];
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code!)) return [file];
    throw error;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
