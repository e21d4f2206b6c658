import { BadRequest } from '../../../base/index.ts';
import type { ContainerConfig, CreateOptions, HostConfig, PodmanOptions } from '../../../libpod/index.ts';
import type { FlagValues } from '../../grammar/index.ts';
import { humanBytes, ramBytes } from './byte-sizes.ts';
import { type CallerFiles, parseEnvironment, parseLabels } from './environment.ts';
import { jsonArray, parseHealth } from './health.ts';
import { parseMounts, parseTmpfs, parseVolumes } from './mounts.ts';
import { parseNames, parseNetworks } from './networks.ts';
import { parseExposed, parsePublished } from './ports.ts';
import { parseDeviceRules, parseDevices, parseLimits, parseUlimits, withoutAbsent } from './resources.ts';
import { parseSecrets } from './secrets.ts';
import { parseSignal } from './signals.ts';

export interface CreateRequest {
  flags: FlagValues;
  /** Image, or root file system, and the command. */
  args: readonly string[];
  program: string;
  commandLine: readonly string[];
  caller: CallerFiles;
  /** Makes a path of the caller's absolute. */
  absolute: (path: string) => string;
}

/**
 * What `run` and `create` ask for, as Docker's create body.
 * @throws BadRequest in Podman's words
 */
export function createOptionsOf(request: CreateRequest): CreateOptions {
  const { flags } = request;
  refuseConflicts(flags);
  const networks = parseNetworks(flags);
  const mode = networks.mode;
  for (const name of ['dns', 'dns-option', 'dns-search'])
    if (flags.changed(name) && (mode === 'none' || mode?.startsWith('container:')))
      throw new BadRequest(`conflicting options: dns and the network mode: ${mode.split(':')[0]}`);
  const name = flags.string('name') ?? '';
  const platform = platformOf(flags);
  return {
    ...(name !== '' && { Name: name }),
    ...(platform !== undefined && { Platform: platform }),
    Config: configOf(request),
    HostConfig: { ...hostConfigOf(request), ...(mode !== undefined && { NetworkMode: mode }) },
    ...(Object.keys(networks.endpoints).length > 0 && {
      NetworkingConfig: { EndpointsConfig: networks.endpoints },
    }),
    Podman: podmanOptionsOf(request),
  };
}

function refuseConflicts(flags: FlagValues): void {
  const refuse = (message: string): never => {
    throw new BadRequest(message);
  };
  const isMapped = ['uidmap', 'gidmap', 'subuidname', 'subgidname'].some((name) => flags.changed(name));
  if (isMapped && flags.changed('userns'))
    refuse('--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive');
  if (flags.bool('no-hosts') && flags.changed('add-host'))
    refuse('--no-hosts and --add-host cannot be set together');
  const restart = flags.string('restart') ?? '';
  if (flags.bool('rm') && !/^(|no|on-failure(:.*)?)$/.test(restart))
    refuse(`the --rm option conflicts with --restart, when the restartPolicy is not "" and "no"`);
  const pod = flags.string('pod') ?? '';
  if (pod !== '' && !pod.startsWith('new:') && flags.changed('userns'))
    refuse('--userns and --pod cannot be set together');
  if (pod !== '' && flags.changed('pod-id-file')) refuse('cannot specify both --pod and --pod-id-file');
  if (!['', 'bind', 'anonymous', 'tmpfs', 'ignore'].includes(flags.string('image-volume') ?? ''))
    refuse(
      `invalid image volume mode ${JSON.stringify(flags.string('image-volume'))} required value: bind, ignore, tmpfs`,
    );
  const groups = flags.strings('group-add');
  if (groups.includes('keep-groups') && groups.length > 1)
    refuse("the '--group-add keep-groups' option is not allowed with any other --group-add options");
}

/** `--platform`, or `--os`, `--arch` and `--variant`, as `os/arch[/variant]`. */
export function platformOf(flags: FlagValues): string | undefined {
  const platform = flags.string('platform') ?? '';
  const parts = ['os', 'arch', 'variant'].map((name) => flags.string(name) ?? '');
  const [os, architecture, variant] = parts as [string, string, string];
  if (platform !== '' && (os !== '' || architecture !== ''))
    throw new BadRequest('--platform option can not be specified with --arch or --os');
  if (platform !== '') return platform;
  if (parts.every((part) => part === '')) return undefined;
  return [os || 'linux', architecture, variant].filter((part) => part !== '').join('/');
}

function configOf({ flags, args, caller, ...request }: CreateRequest): ContainerConfig {
  const text = (name: string) => flags.string(name) || undefined;
  const entrypoint = flags.string('entrypoint');
  const stopSignal = text('stop-signal');
  const volumes = parseVolumes(flags.strings('volume'), request.absolute);
  const health = parseHealth(flags);
  return withoutAbsent({
    Image: flags.bool('rootfs') ? '' : args[0]!,
    Cmd: args.length > 1 ? args.slice(1) : undefined,
    Entrypoint:
      entrypoint === undefined || !flags.changed('entrypoint')
        ? undefined
        : (jsonArray(entrypoint) ?? [entrypoint]),
    Hostname: text('hostname'),
    Domainname: text('domainname'),
    User: text('user'),
    WorkingDir: text('workdir'),
    Tty: flags.bool('tty') || undefined,
    OpenStdin: flags.bool('interactive') || undefined,
    StdinOnce: flags.bool('interactive') || undefined,
    Env: nonEmpty(parseEnvironment(flags.strings('env-file'), flags.strings('env'), caller)),
    Labels: nonEmptyRecord(parseLabels(flags.strings('label-file'), flags.strings('label'), caller)),
    ExposedPorts: nonEmptyRecord(parseExposed(flags.strings('expose'))),
    Volumes: nonEmptyRecord(Object.fromEntries(volumes.anonymous.map((path) => [path, {}]))),
    Healthcheck: health,
    StopSignal: stopSignal && parseSignal(stopSignal),
    StopTimeout: flags.changed('stop-timeout') ? flags.number('stop-timeout') : undefined,
  }) as ContainerConfig;
}

function hostConfigOf({ flags, program, ...request }: CreateRequest): HostConfig {
  const text = (name: string) => flags.string(name) || undefined;
  const list = (name: string) => nonEmpty([...flags.strings(name)]);
  const { binds } = parseVolumes(flags.strings('volume'), request.absolute);
  const mounts = parseMounts(flags.strings('mount'), program).map((mount) =>
    mount.Type === 'bind' ? { ...mount, Source: request.absolute(mount.Source!) } : mount,
  );
  const tmpfs = parseTmpfs(flags.strings('tmpfs'));
  refuseDuplicates([...binds.map((bind) => bind.split(':')[1]!), ...mounts.map((mount) => mount.Target)]);
  const isMapped = ['uidmap', 'gidmap', 'subuidname', 'subgidname'].some((name) => flags.changed(name));
  return withoutAbsent({
    ...parseLimits(flags),
    ...parseNames(flags),
    Binds: nonEmpty(binds),
    Mounts: nonEmpty(mounts),
    Tmpfs: nonEmptyRecord(tmpfs),
    VolumesFrom: list('volumes-from'),
    ContainerIDFile: text('cidfile'),
    LogConfig: logConfigOf(flags),
    PortBindings: nonEmptyRecord(parsePublished(flags.strings('publish'))),
    PublishAllPorts: flags.bool('publish-all') || undefined,
    RestartPolicy: parseRestart(text('restart')),
    AutoRemove: flags.bool('rm') || undefined,
    CapAdd: list('cap-add'),
    CapDrop: list('cap-drop'),
    CgroupnsMode: namespaceMode(text('cgroupns')),
    CgroupParent: text('cgroup-parent'),
    GroupAdd: list('group-add'),
    IpcMode: namespaceMode(text('ipc'), ['none', 'shareable']),
    PidMode: namespaceMode(text('pid')),
    UTSMode: namespaceMode(text('uts')),
    UsernsMode: isMapped ? 'private' : usernsMode(text('userns')),
    OomScoreAdj: flags.changed('oom-score-adj') ? flags.number('oom-score-adj') : undefined,
    OomKillDisable: flags.bool('oom-kill-disable') || undefined,
    Privileged: flags.bool('privileged') || undefined,
    ReadonlyRootfs: flags.bool('read-only') || undefined,
    SecurityOpt: nonEmpty(flags.strings('security-opt').map(checkedSecurityOption)),
    ShmSize: shmSizeOf(text('shm-size')),
    Sysctls: nonEmptyRecord(parseSysctls(flags.strings('sysctl'))),
    Annotations: nonEmptyRecord(parseAnnotations(flags)),
    Devices: nonEmpty(parseDevices(flags.strings('device'))),
    DeviceCgroupRules: nonEmpty(parseDeviceRules(flags.strings('device-cgroup-rule'))),
    Ulimits: parseUlimits(flags.strings('ulimit')),
    Init: flags.bool('init') || undefined,
    Links: list('link'),
  }) as HostConfig;
}

function podmanOptionsOf({ flags, args, caller, commandLine, absolute }: CreateRequest): PodmanOptions {
  const text = (name: string) => flags.string(name) || undefined;
  const list = (name: string) => nonEmpty([...flags.strings(name)]);
  const podIdFile = text('pod-id-file');
  return withoutAbsent({
    Pod: podIdFile === undefined ? text('pod') : caller.readText(podIdFile).split('\n')[0],
    InitContainerType: flags.has('init-ctr') ? initContainerType(flags) : undefined,
    Secrets: nonEmpty(parseSecrets(flags.strings('secret'))),
    EnvHost: flags.bool('env-host') || undefined,
    HttpProxy: flags.bool('http-proxy'),
    UnsetEnv: list('unsetenv'),
    UnsetEnvAll: flags.bool('unsetenv-all') || undefined,
    NoHosts: flags.bool('no-hosts') || undefined,
    Umask: umaskOf(text('umask')),
    Timezone: text('tz'),
    Timeout: flags.number('timeout') || undefined,
    Systemd: text('systemd')?.toLowerCase(),
    SdNotifyMode: text('sdnotify'),
    Requires: list('requires'),
    ImageVolumes: text('image-volume') === 'anonymous' ? 'bind' : text('image-volume'),
    ReadWriteTmpfs: flags.bool('read-only-tmpfs'),
    Rootfs: flags.bool('rootfs') ? absolute(args[0]!) : undefined,
    PreserveFds: (flags.has('preserve-fds') && flags.number('preserve-fds')) || undefined,
    CgroupsMode: text('cgroups'),
    UidMaps: list('uidmap'),
    GidMaps: list('gidmap'),
    SubUidName: text('subuidname'),
    SubGidName: text('subgidname'),
    Personality: text('personality'),
    Passwd: flags.has('passwd') ? flags.bool('passwd') : undefined,
    PasswdEntry: text('passwd-entry'),
    HostUsers: list('hostuser'),
    HealthOnFailure: healthOnFailure(text('health-on-failure')),
    CreateCommand: [...commandLine],
    ConmonPidFile: text('conmon-pidfile'),
    PidFile: text('pidfile'),
  }) as PodmanOptions;
}

function initContainerType(flags: FlagValues): PodmanOptions['InitContainerType'] {
  const type = flags.string('init-ctr') || undefined;
  if (type === undefined) return undefined;
  if (!flags.string('pod')) throw new BadRequest('must specify pod value with init-ctr');
  if (type !== 'always' && type !== 'once') throw new BadRequest(`init-ctr value must be 'always' or 'once'`);
  return type;
}

function healthOnFailure(action: string | undefined): PodmanOptions['HealthOnFailure'] {
  if (action === undefined || ['none', 'kill', 'restart', 'stop'].includes(action))
    return action as PodmanOptions['HealthOnFailure'];
  throw new BadRequest(
    `invalid health-check on-failure action ${JSON.stringify(action)}: supported actions are none,kill,restart,stop`,
  );
}

function umaskOf(umask: string | undefined): string | undefined {
  if (umask !== undefined && !/^[0-7]{1,4}$/.test(umask))
    throw new BadRequest(`invalid umask ${JSON.stringify(umask)}: invalid argument`);
  return umask;
}

/** `on-failure:3` */
export function parseRestart(text: string | undefined): HostConfig['RestartPolicy'] {
  if (text === undefined || text === '') return undefined;
  const [name, retries, ...more] = text.split(':') as [string, ...string[]];
  if (more.length > 0) throw new BadRequest('invalid restart policy: may specify retries at most once');
  if (retries !== undefined && name.toLowerCase() !== 'on-failure')
    throw new BadRequest('restart policy retries can only be specified with on-failure restart policy');
  if (retries !== undefined && !/^[+-]?\d+$/.test(retries))
    throw new BadRequest(
      `parsing restart policy retry count: strconv.Atoi: parsing ${JSON.stringify(retries)}: invalid syntax`,
    );
  if (Number(retries ?? 0) < 0)
    throw new BadRequest('must specify restart policy retry count as a number greater than 0');
  if (!['no', 'always', 'unless-stopped', 'on-failure'].includes(name))
    throw new BadRequest(`invalid container restart policy ${JSON.stringify(name)}: invalid argument`);
  return { Name: name as 'no', ...(retries !== undefined && { MaximumRetryCount: Number(retries) }) };
}

function namespaceMode(mode: string | undefined, more: readonly string[] = []): string | undefined {
  if (mode === undefined || more.includes(mode)) return mode;
  if (/^(pod|host|private)$|^(ns|container):/.test(mode)) return mode;
  throw new BadRequest(`unrecognized namespace mode ${mode} passed`);
}

function usernsMode(mode: string | undefined): string | undefined {
  if (mode !== undefined && /^(auto|keep-id)(:|$)|^nomap$/.test(mode)) return mode;
  return namespaceMode(mode);
}

function shmSizeOf(size: string | undefined): number | undefined {
  if (size === undefined) return undefined;
  try {
    return ramBytes(size);
  } catch (error) {
    throw new BadRequest(`unable to translate --shm-size: ${(error as Error).message}`);
  }
}

function parseSysctls(values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((text) => {
      const equals = text.indexOf('=');
      if (equals < 0)
        throw new BadRequest(`${text} is invalid, sysctl values must be in the form of KEY=VALUE`);
      const name = text.slice(0, equals).trim();
      if (
        !/^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|net\.|fs\.mqueue\.)/.test(
          name,
        )
      )
        throw new BadRequest(`sysctl '${text}' is not allowed`);
      return [name, text.slice(equals + 1).trim()];
    }),
  );
}

function parseAnnotations(flags: FlagValues): Record<string, string> {
  const annotations = Object.fromEntries(
    flags.strings('annotation').map((text) => {
      const equals = text.indexOf('=');
      if (equals < 0) throw new BadRequest('annotations must be formatted KEY=VALUE');
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
  return annotations;
}

const SECURITY = ['apparmor', 'label', 'mask', 'proc-opts', 'seccomp', 'systempaths', 'unmask'];

function checkedSecurityOption(option: string): string {
  if (option === 'no-new-privileges') return option;
  const [, name, value] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
  if (name === undefined) throw new BadRequest(`invalid --security-opt 1: ${JSON.stringify(option)}`);
  if (name === 'systempaths' && value !== 'unconfined')
    throw new BadRequest(
      `invalid systempaths option ${JSON.stringify(value)}, only \`unconfined\` is supported`,
    );
  if (!SECURITY.includes(name) && !(name === 'no-new-privileges' && /^(true|false|1|0)$/.test(value!)))
    throw new BadRequest(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  return `${name}=${value}`;
}

function logConfigOf(flags: FlagValues): HostConfig['LogConfig'] {
  const config: Record<string, string> = {};
  let driver = flags.string('log-driver') || undefined;
  for (const option of flags.strings('log-opt')) {
    const equals = option.indexOf('=');
    if (equals < 0) throw new BadRequest(`invalid log option ${JSON.stringify(option)}`);
    const name = option.slice(0, equals);
    const value = option.slice(equals + 1);
    if (name.toLowerCase() === 'driver') driver = value;
    else if (name.toLowerCase() === 'max-size') config[name] = String(humanBytes(value));
    else config[name] = value;
  }
  if (driver === undefined && Object.keys(config).length === 0) return undefined;
  return { ...(driver !== undefined && { Type: driver }), Config: config };
}

function refuseDuplicates(targets: readonly string[]): void {
  const seen = new Set<string>();
  for (const target of targets) {
    if (seen.has(target)) throw new BadRequest(`${target}: duplicate mount destination`);
    seen.add(target);
  }
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function nonEmptyRecord<T extends object>(record: T): T | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
