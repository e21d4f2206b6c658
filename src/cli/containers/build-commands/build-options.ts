import { BadRequest } from '../../../base/index.ts';
import { type BuildOptions, normaliseReference, type RunOptions } from '../../../engine/index.ts';
import type { FlagValues, Invocation } from '../../grammar/index.ts';
import { runtimePath } from '../configuration/engine-settings.ts';
import type { ToolContext } from '../context.ts';
import { ramBytes } from '../create/byte-sizes.ts';
import { parseUlimits } from '../create/resources.ts';
import { registryAccess } from '../image-commands/registry-access.ts';

const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

/** The flags of `build` as the builder takes them, but for the context. @throws BadRequest */
export function buildOptions(
  { flags, globals }: Pick<Invocation, 'flags' | 'globals'>,
  context: Pick<ToolContext, 'environment' | 'program' | 'configuration'>,
): BuildOptions {
  const { environment, program } = context;
  const isDocker = program === 'docker';
  const tags = flags.strings('tag').map((name) => (isDocker ? normaliseReference(name) : name));
  const timestamp = flags.number('timestamp') ?? epochOf(environment.SOURCE_DATE_EPOCH);
  const format = formatOf(
    flags.string('format') ?? environment.BUILDAH_FORMAT ?? (isDocker ? 'docker' : 'oci'),
  );
  const layers =
    flags.changed('layers') || environment.BUILDAH_LAYERS === undefined
      ? flags.bool('layers')
      : isTrue(environment.BUILDAH_LAYERS);
  const squash = flags.bool('squash-all') ? 'all' : flags.bool('squash') ? 'new' : undefined;
  return {
    tags,
    format,
    layers,
    ...(squash !== undefined && { squash }),
    buildArgs: buildArgs(flags, environment),
    namedContexts: pairs(flags.strings('build-context'), 'build context'),
    ...stringsOf(flags, ['target', 'from']),
    ...(flags.changed('ignorefile') && { ignoreFile: flags.string('ignorefile')! }),
    ...platformOf(flags),
    secrets: secretsOf(flags.strings('secret'), environment),
    labels: pairs(flags.strings('label'), undefined),
    annotations: pairs(flags.strings('annotation'), 'annotation'),
    env: fromEnvironment(flags.strings('env'), environment),
    ...(flags.changed('unsetenv') && { unsetEnv: [...flags.strings('unsetenv')] }),
    noCache: flags.bool('no-cache'),
    cacheFrom: flags.strings('cache-from').map((name) => (isDocker ? normaliseReference(name) : name)),
    pull: pullPolicy(flags),
    registry: registryAccess(context, flags),
    ...(timestamp !== undefined && { timestampSeconds: timestamp }),
    jobs: flags.number('jobs') ?? 1,
    run: runOptions(flags, globals, context),
    style: isDocker ? 'docker' : 'podman',
    quiet: flags.bool('quiet'),
  };
}

function isTrue(text: string): boolean {
  return /^(?:1|t|true)$/i.test(text);
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new BadRequest(`SOURCE_DATE_EPOCH=${text} is not a number of seconds`);
  return Number(text);
}

function formatOf(text: string): 'oci' | 'docker' {
  if (text === 'oci' || text === 'docker') return text;
  throw new BadRequest(`unrecognized image type ${JSON.stringify(text)}`);
}

function stringsOf<Name extends 'target' | 'from'>(
  flags: FlagValues,
  names: readonly Name[],
): { [N in Name]?: string } {
  const given = names.filter((name) => flags.changed(name)).map((name) => [name, flags.string(name)!]);
  return Object.fromEntries(given) as { [N in Name]?: string };
}

function buildArgs(flags: FlagValues, environment: NodeJS.ProcessEnv): Record<string, string> {
  const proxies: Record<string, string> = {};
  if (flags.bool('http-proxy'))
    for (const name of PROXIES.flatMap((one) => [one, one.toUpperCase()]))
      if (environment[name] !== undefined) proxies[name] = environment[name];
  return { ...proxies, ...fromEnvironment(flags.strings('build-arg'), environment) };
}

/** `NAME=value`, or `NAME` for what the caller's environment has. */
function fromEnvironment(values: readonly string[], environment: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of values) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? environment[name] : text.slice(equals + 1);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function pairs(values: readonly string[], what: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of values) {
    const equals = text.indexOf('=');
    if (equals < 0 && what !== undefined)
      throw new BadRequest(`${what} must have the form name=value: ${text}`);
    found[equals < 0 ? text : text.slice(0, equals)] = equals < 0 ? '' : text.slice(equals + 1);
  }
  return found;
}

function platformOf(flags: FlagValues): Pick<BuildOptions, 'platform'> {
  const platforms = flags.strings('platform');
  if (platforms.length > 1)
    throw new BadRequest('--platform with several platforms is not supported: build one at a time');
  const [os, architecture, variant] = platforms[0]?.split('/') ?? [];
  const platform = {
    ...(os && { os }),
    ...(architecture && { architecture }),
    ...(variant && { variant }),
    ...(flags.changed('os') && { os: flags.string('os')! }),
    ...(flags.changed('arch') && { architecture: flags.string('arch')! }),
    ...(flags.changed('variant') && { variant: flags.string('variant')! }),
  };
  return Object.keys(platform).length === 0 ? {} : { platform };
}

/** `id=name,src=path`, `id=name,env=VARIABLE`, `id=name,type=env`. */
function secretsOf(
  values: readonly string[],
  environment: NodeJS.ProcessEnv,
): NonNullable<BuildOptions['secrets']> {
  const secrets: NonNullable<BuildOptions['secrets']> = {};
  for (const text of values) {
    const fields = new Map<string, string>();
    for (const part of text.split(',')) {
      const equals = part.indexOf('=');
      fields.set(equals < 0 ? part : part.slice(0, equals), equals < 0 ? '' : part.slice(equals + 1));
    }
    for (const name of fields.keys())
      if (!['id', 'src', 'source', 'env', 'type'].includes(name))
        throw new BadRequest(`incorrect secret flag format: ${name} is not known`);
    const source = fields.get('src') ?? fields.get('source');
    const id = fields.get('id') ?? source;
    if (id === undefined)
      throw new BadRequest(
        'incorrect secret flag format: should be --secret id=foo,src=bar[,env=ENV][,type=file|env]',
      );
    const variable =
      fields.get('env') ??
      (fields.get('type') === 'env' || (source === undefined && environment[id] !== undefined)
        ? (source ?? id)
        : undefined);
    if (variable === undefined) secrets[id] = { path: source ?? id };
    else if (environment[variable] === undefined)
      throw new BadRequest(`the secret ${id} is to be the variable ${variable}, which is not set`);
    else secrets[id] = { value: Buffer.from(environment[variable]) };
  }
  return secrets;
}

function pullPolicy(flags: FlagValues): NonNullable<BuildOptions['pull']> {
  if (flags.bool('pull-always')) return 'always';
  if (flags.bool('pull-never')) return 'never';
  if (!flags.changed('pull')) return 'missing';
  const text = flags.string('pull')!.toLowerCase();
  const policy = {
    true: 'always',
    false: 'missing',
    always: 'always',
    missing: 'missing',
    ifmissing: 'missing',
    never: 'never',
    newer: 'newer',
    ifnewer: 'newer',
  }[text];
  if (policy === undefined) throw new BadRequest(`unsupported pull policy ${JSON.stringify(text)}`);
  return policy as NonNullable<BuildOptions['pull']>;
}

function runOptions(
  flags: FlagValues,
  globals: FlagValues,
  { environment, configuration }: Pick<ToolContext, 'environment' | 'configuration'>,
): RunOptions {
  const { engine, containers } = configuration();
  const list = (name: string) => (flags.changed(name) ? [...flags.strings(name)] : undefined);
  const number = (name: string) => (flags.changed(name) ? flags.number(name) : undefined);
  const bytes = (name: string) => (flags.changed(name) ? ramBytes(flags.string(name)!) : undefined);
  const ulimits = parseUlimits(flags.strings('ulimit'))?.map(({ Name, Soft, Hard }) => ({
    name: Name,
    soft: Soft,
    hard: Hard,
  }));
  const values = {
    network: networkOf(flags.string('network')),
    addHosts: list('add-host'),
    noHosts: flags.bool('no-hosts') || undefined,
    dns: list('dns') ?? containers.dns_servers,
    dnsOptions: list('dns-option') ?? containers.dns_options,
    dnsSearch: list('dns-search') ?? containers.dns_searches,
    capAdd: list('cap-add'),
    capDrop: list('cap-drop'),
    ulimits: flags.changed('ulimit') ? ulimits : undefined,
    memoryLimitBytes: bytes('memory'),
    shmSizeBytes: bytes('shm-size'),
    cpuShares: number('cpu-shares'),
    cpuPeriodUs: number('cpu-period'),
    cpuQuotaUs: number('cpu-quota'),
    volumes: list('volume'),
    runtime: runtimePath(engine, globals, environment),
    runtimeFlags: [...globals.strings('runtime-flag'), ...(list('runtime-flag') ?? [])],
    ...securityOf(flags.strings('security-opt')),
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as RunOptions;
}

function networkOf(text: string | undefined): RunOptions['network'] {
  if (text === undefined || ['', 'default', 'bridge', 'private'].includes(text)) return undefined;
  if (text === 'none' || text === 'host') return text;
  if (text.startsWith('ns:')) return { namespacePath: text.slice('ns:'.length) };
  throw new BadRequest(`--network=${text} is not supported for a build: give host, none or ns:PATH`);
}

function securityOf(values: readonly string[]): Pick<RunOptions, 'seccomp' | 'noNewPrivileges'> {
  const found: Pick<RunOptions, 'seccomp' | 'noNewPrivileges'> = {};
  for (const text of values) {
    const [name, value = ''] = text.split(/[=:](.*)/s);
    if (name === 'seccomp') found.seccomp = value === 'unconfined' ? 'unconfined' : { profilePath: value };
    else if (name === 'no-new-privileges') found.noNewPrivileges = value !== 'false';
    else if (text !== 'label=disable' && text !== 'apparmor=unconfined')
      throw new BadRequest(`--security-opt ${text} is not supported for a build`);
  }
  return found;
}
