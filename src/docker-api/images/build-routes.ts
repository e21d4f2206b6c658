import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import type { BuildOptions, RegistryAccess } from '../../engine/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Handler } from '../http/http-server.ts';
import { Refusal } from '../http/refusal.ts';
import type { Route } from '../http/router.ts';
import { dockerName, familiarName } from '../names.ts';
import { registryConfig } from '../registry-auth.ts';
import { platformOption } from './platform.ts';
import { ProgressStream } from './progress-stream.ts';

const NO_BUILDKIT = 'BuildKit is not served here: build with DOCKER_BUILDKIT=0';

/** Builds from a context that comes as a tar. */
export function buildRoutes(context: ApiContext): Route<Handler>[] {
  const noBuildKit: Handler = () => {
    throw new Refusal(501, NO_BUILDKIT);
  };
  return [
    { method: 'POST', path: '/build', handler: (x) => build(context, x) },
    {
      method: 'POST',
      path: '/build/prune',
      handler: async (x) => {
        const { reclaimedBytes } = await context.builder.prune();
        x.send(200, { CachesDeleted: null, SpaceReclaimed: reclaimedBytes });
      },
    },
    {
      method: 'POST',
      path: '/build/cancel',
      handler: () => {
        throw new Refusal(501, 'builds end when their client closes the connection');
      },
    },
    { method: 'POST', path: '/session', handler: noBuildKit },
    { method: 'POST', path: '/grpc', handler: noBuildKit },
  ];
}

async function build({ builder }: ApiContext, x: Exchange): Promise<void> {
  x.refuse(['remote', 'outputs', 'isolation', 'memswap', 'cpusetcpus', 'cpusetmems', 'cgroupparent']);
  if (x.text('version') === '2') throw new Refusal(501, NO_BUILDKIT);
  const options = readOptions(x);
  const quiet = x.flag('q');
  const stream = new ProgressStream(x);
  await withRegistryConfig(x, async (registry) => {
    await stream.run(async () => {
      const { id } = await builder.build({
        ...options,
        context: { tar: x.body },
        registry,
        quiet,
        onOutput: (text) => stream.send({ stream: familiarTag(text) }),
        signal: x.signal,
      });
      stream.send(quiet ? { stream: `${id}\n` } : { aux: { ID: id } });
    });
  });
}

/** Docker prints the short name. */
function familiarTag(text: string): string {
  return text.replace(
    /^(Successfully tagged )(\S+)$/m,
    (_, said: string, name: string) => said + familiarName(name),
  );
}

/** The parameters of Engine API 1.44, ImageBuild. @throws BadRequest */
function readOptions(x: Exchange): BuildOptions {
  // A name within the context, also with a slash before it.
  const dockerfile = x.text('dockerfile')?.replace(/^\/+/, '') || 'Dockerfile';
  const target = x.text('target');
  return {
    dockerfiles: [{ path: dockerfile }],
    tags: x.texts('t').map((one) => dockerName(one)),
    buildArgs: jsonMap(x, 'buildargs'),
    labels: jsonMap(x, 'labels'),
    noCache: x.flag('nocache'),
    pull: x.flag('pull') ? 'always' : 'missing',
    cacheFrom: jsonList(x, 'cachefrom').map((one) => dockerName(String(one))),
    ...(x.flag('squash') && { squash: 'new' as const }),
    ...(target !== undefined && { target }),
    ...platformOption(x.text('platform')),
    format: 'docker',
    style: 'docker',
    run: readRunOptions(x),
  };
}

function readRunOptions(x: Exchange): NonNullable<BuildOptions['run']> {
  const number = (key: string, name: string) => {
    const value = x.integer(key) ?? 0;
    return value === 0 ? {} : { [name]: value };
  };
  const network = x.text('networkmode') ?? 'default';
  if (!['default', 'bridge', 'host', 'none'].includes(network))
    throw new Refusal(400, `networkmode=${network} is not supported for builds`);
  const hosts = (x.text('extrahosts') ?? '').split(',').filter((one) => one !== '');
  const ulimits = jsonList(x, 'ulimits').map((one) => {
    const { Name, Soft, Hard } = (one ?? {}) as Record<string, unknown>;
    if (typeof Name !== 'string' || typeof Soft !== 'number' || typeof Hard !== 'number')
      throw new BadRequest('the parameter "ulimits" is not a list of limits');
    return { name: Name, soft: Soft, hard: Hard };
  });
  return {
    ...((network === 'host' || network === 'none') && { network }),
    ...(hosts.length > 0 && { addHosts: hosts }),
    ...(ulimits.length > 0 && { ulimits }),
    ...number('shmsize', 'shmSizeBytes'),
    ...number('memory', 'memoryLimitBytes'),
    ...number('cpushares', 'cpuShares'),
    ...number('cpuperiod', 'cpuPeriodUs'),
    ...number('cpuquota', 'cpuQuotaUs'),
  };
}

/** The builder reads credentials of several registries from a file, as tools do; it is ours alone, and goes after. */
async function withRegistryConfig(
  x: Exchange,
  work: (registry: RegistryAccess) => Promise<void>,
): Promise<void> {
  const auths = registryConfig(x.request.headers['x-registry-config']);
  if (auths.size === 0) return work({});
  const folder = await mkdtemp(join(tmpdir(), 'orrery-build-'));
  try {
    const authFile = join(folder, 'auth.json');
    const entries = [...auths].map(([server, { username, password }]) => [
      server,
      { auth: Buffer.from(`${username}:${password}`).toString('base64') },
    ]);
    await writeFile(authFile, JSON.stringify({ auths: Object.fromEntries(entries) }), { mode: 0o600 });
    await work({ authFile });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parse(x: Exchange, key: string): unknown {
  const text = x.text(key);
  if (text === undefined) return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadRequest(`invalid JSON in the parameter "${key}"`, { cause });
  }
}

/** Strings by name; null stands for a build argument that has no value here. */
function jsonMap(x: Exchange, key: string): Record<string, string> {
  const value = parse(x, key) ?? {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new BadRequest(`the parameter "${key}" is not a JSON object`);
  const entries = Object.entries(value as object).filter(([, one]) => one !== null);
  if (entries.some(([, one]) => typeof one !== 'string'))
    throw new BadRequest(`the parameter "${key}" has a value that is no string`);
  return Object.fromEntries(entries);
}

function jsonList(x: Exchange, key: string): unknown[] {
  const value = parse(x, key) ?? [];
  if (!Array.isArray(value)) throw new BadRequest(`the parameter "${key}" is not a JSON list`);
  return value;
}
