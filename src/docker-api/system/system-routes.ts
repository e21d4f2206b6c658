import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import { dockerStatus } from '../../libpod/index.ts';
import { readFields } from '../containers/body-reader.ts';
import type { Fields } from '../containers/create-schema.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Handler } from '../http/http-server.ts';
import { Refusal } from '../http/refusal.ts';
import { API_VERSION, MIN_API_VERSION, type Route } from '../http/router.ts';
import { unixSeconds } from '../http/times.ts';
import { familiarName } from '../names.ts';
import { credentialsOf, hostOf, loopbackAccess } from '../registry-auth.ts';
import { volumeShape } from '../volumes/volume-routes.ts';
import { goArchitecture, readHostFacts } from './host-facts.ts';

/** What the server says of itself and its host. */
export function systemRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'GET', path: '/_ping', handler: ping },
    // Podman's own clients ask whether anybody is there.
    { method: 'GET', path: '/libpod/_ping', handler: ping },
    { method: 'GET', path: '/version', handler: (x) => version(context, x) },
    { method: 'GET', path: '/info', handler: (x) => info(context, x) },
    { method: 'GET', path: '/system/df', handler: (x) => df(context, x) },
    { method: 'POST', path: '/auth', handler: (x) => auth(context, x) },
  ];
}

async function ping(x: Exchange): Promise<void> {
  x.response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': 2,
    'Cache-Control': 'no-cache, no-store, must-revalidate',
    Pragma: 'no-cache',
    // 1 is the classic builder; a client that may choose does not try BuildKit.
    'Builder-Version': '1',
    Swarm: 'inactive',
  });
  x.response.end(x.request.method === 'HEAD' ? undefined : 'OK');
}

async function version({ facts }: ApiContext, x: Exchange): Promise<void> {
  const engine = {
    ...{ ApiVersion: API_VERSION, MinAPIVersion: MIN_API_VERSION, GitCommit: facts.gitCommit },
    ...{ GoVersion: `node ${process.version}`, Os: 'linux', Arch: goArchitecture() },
    KernelVersion: (await readHostFacts()).kernel,
  };
  x.send(200, {
    Platform: { Name: 'Orrery' },
    Version: facts.version,
    ...engine,
    BuildTime: '',
    Components: [{ Name: 'Engine', Version: facts.version, Details: { ...engine, Experimental: 'false' } }],
  });
}

async function info({ libpod, facts, clock }: ApiContext, x: Exchange): Promise<void> {
  const [host, containers, images] = await Promise.all([
    readHostFacts(),
    libpod.containers.list({ all: true }),
    libpod.images.list(),
  ]);
  const count = (...statuses: string[]): number =>
    containers.filter((one) => statuses.includes(dockerStatus(one.status))).length;
  x.send(200, {
    ID: host.machineId,
    Containers: containers.length,
    ContainersRunning: count('running', 'restarting'),
    ContainersPaused: count('paused'),
    ContainersStopped: count('created', 'exited', 'removing'),
    Images: images.length,
    Driver: 'overlay2',
    DriverStatus: [['Backing Filesystem', 'overlayfs']],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: ['json-file', 'none'],
    },
    ...{ MemoryLimit: true, SwapLimit: true, CpuCfsPeriod: true, CpuCfsQuota: true, CPUShares: true },
    ...{ CPUSet: true, PidsLimit: true, IPv4Forwarding: true, OomKillDisable: host.cgroupVersion === '1' },
    ...{ BridgeNfIptables: false, BridgeNfIp6tables: false, Debug: false, NFd: 0, NGoroutines: 0 },
    SystemTime: new Date(clock.now()).toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: host.cgroupVersion,
    NEventsListener: 0,
    KernelVersion: host.kernel,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: facts.dataDirectory,
    ...{ HttpProxy: '', HttpsProxy: '', NoProxy: '' },
    Name: host.name,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: facts.version,
    Runtimes: { runc: { path: 'runc' } },
    DefaultRuntime: 'runc',
    Swarm: {
      ...{ NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '' },
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: { ID: '', Expected: '' },
    RuncCommit: { ID: '', Expected: '' },
    InitCommit: { ID: '', Expected: '' },
    SecurityOptions: ['name=seccomp,profile=default', ...(facts.isRootless ? ['name=rootless'] : [])],
    Warnings: null,
  });
}

async function df({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const kinds = x.texts('type');
  const wants = (kind: string): boolean => kinds.length === 0 || kinds.includes(kind);
  for (const kind of kinds)
    if (!['container', 'image', 'volume', 'build-cache'].includes(kind))
      throw new BadRequest(`unknown object type: ${kind}`);
  const [usage, volumes, networks] = await Promise.all([
    libpod.system.df(),
    libpod.volumes.list(),
    libpod.containers.list({ all: true }),
  ]);
  const images = usage.images.map((one) => ({
    Id: one.id.startsWith('sha256:') ? one.id : `sha256:${one.id}`,
    ParentId: '',
    RepoTags: one.repository === '' ? [] : [familiarName(`${one.repository}:${one.tag}`)],
    RepoDigests: [],
    Created: unixSeconds(one.createdAt),
    Size: one.sizeBytes,
    SharedSize: one.sharedBytes,
    Labels: null,
    Containers: one.containers,
  }));
  const unique = new Map(usage.images.map((one) => [one.id, one.uniqueBytes]));
  const shared = Math.max(0, ...usage.images.map((one) => one.sharedBytes));
  x.send(200, {
    ...(wants('image') && {
      LayersSize:
        usage.images.length === 0 ? 0 : [...unique.values()].reduce((sum, one) => sum + one, shared),
      Images: images,
    }),
    ...(wants('container') && {
      Containers: usage.containers.map((one) => ({
        Id: one.id,
        Names: [`/${one.name}`],
        Image: familiarName(one.image),
        Command: one.command.join(' '),
        Created: unixSeconds(one.createdAt),
        State: dockerStatus(one.status),
        Status: dockerStatus(one.status),
        SizeRw: one.rwBytes,
        SizeRootFs: one.sizeBytes,
        Ports: [],
        Labels: networks.find(({ id }) => id === one.id)?.labels ?? {},
        Mounts: [],
      })),
    }),
    ...(wants('volume') && {
      Volumes: volumes.map((volume) => {
        const used = usage.volumes.find(({ name }) => name === volume.Name);
        return {
          ...volumeShape(volume),
          UsageData: { RefCount: used?.links ?? 0, Size: used?.sizeBytes ?? -1 },
        };
      }),
    }),
    ...(wants('build-cache') && { BuildCache: [], BuilderSize: usage.buildCacheBytes }),
  });
}

const AUTH_FIELDS: Fields = {
  ...{ username: 'string', password: 'string', auth: 'string', email: 'string' },
  ...{ serveraddress: 'string', identitytoken: 'string', registrytoken: 'string' },
};

/** Asks the registry; nothing is kept: clients have a file of their own. */
async function auth({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const body = readFields(await x.json(), AUTH_FIELDS, '') as Record<string, string>;
  const credentials = credentialsOf(body);
  if (credentials === undefined) throw new BadRequest('no credentials: username and password are needed');
  const server = hostOf(body.serveraddress || 'docker.io');
  const folder = await mkdtemp(join(tmpdir(), 'orrery-auth-'));
  try {
    await libpod.images.login(server, credentials, {
      authFile: join(folder, 'auth.json'),
      ...loopbackAccess(server),
    });
  } catch (error) {
    if ((error as { code?: string }).code === 'Unauthorized')
      throw new Refusal(401, `login attempt to ${server} failed: unauthorized`, { cause: error });
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  x.send(200, { Status: 'Login Succeeded', IdentityToken: '' });
}
