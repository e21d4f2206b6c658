import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, freemem, hostname, release, totalmem, uptime } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { runCommand } from '../../../base/index.ts';
import { type RootlessFacts, rootlessFacts } from '../../../engine/rootless/index.ts';
import { type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { versionFields } from './version.ts';

export const info: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Display podman system information',
  examples: ['info', 'info --format "{{.Host.OS}}"'],
  flags: [
    flag('string', 'format,f', 'Change the output format to JSON or a Go template'),
    flag('bool', 'debug,D', 'Display additional debug information', { hidden: true }),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    const report = await infoReport(context);
    const format = flags.changed('format') ? flags.string('format')! : undefined;
    if (format !== undefined && !asksForJson(format)) {
      context.stdout.write(renderReport({ name: 'info', rows: [forTemplates(report)], format, columns: '' }));
      return 0;
    }
    if (format !== undefined) context.stdout.write(`${goJson(report, { indent: '  ' })}\n`);
    else {
      const { stringify } = await import('yaml');
      context.stdout.write(stringify(report, { lineWidth: 0, sortMapEntries: true }));
    }
    return 0;
  },
};

type Fields = { [key: string]: unknown };

/** Podman's define.Info, with the names it has in JSON and YAML. */
async function infoReport(context: ToolContext): Promise<Fields> {
  const { OsArch, ...version } = versionFields(context.program);
  return {
    host: await hostFields(context),
    store: await storeFields(context),
    registries: {},
    plugins: {
      log: ['k8s-file', 'none', 'passthrough'],
      network: ['bridge', 'macvlan'],
      volume: ['local'],
      authorization: null,
    },
    version: { ...version, OsArch },
  };
}

async function hostFields(context: ToolContext): Promise<Fields> {
  const os = osRelease();
  const facts = rootlessFacts();
  const hasUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  return {
    arch: arch() === 'x64' ? 'amd64' : arch(),
    buildahVersion: '1.28.0',
    cgroupManager: 'cgroupfs',
    cgroupVersion: hasUnified ? 'v2' : 'v1',
    // None is an ordinary user's: their containers have no control groups.
    cgroupControllers:
      hasUnified && !facts.isRootless
        ? readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ')
        : [],
    conmon: await programFields('conmon', context),
    cpus: availableParallelism(),
    distribution: { distribution: os.ID ?? 'unknown', version: os.VERSION_ID ?? 'unknown' },
    eventLogger: context.libpodOptions().events?.backend ?? 'file',
    hostname: hostname(),
    idMappings: {
      gidmap: facts.isRootless ? facts.gidMap.map(mappingFields) : null,
      uidmap: facts.isRootless ? facts.uidMap.map(mappingFields) : null,
    },
    kernel: release(),
    linkmode: 'dynamic',
    logDriver: 'k8s-file',
    memFree: freemem(),
    memTotal: totalmem(),
    networkBackend: 'cni',
    ociRuntime: await runtimeFields(context),
    os: 'linux',
    remoteSocket: { path: '', exists: false },
    security: {
      apparmorEnabled: existsSync('/sys/kernel/security/apparmor'),
      capabilities:
        'CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_NET_BIND_SERVICE,CAP_SETFCAP,CAP_SETGID,CAP_SETPCAP,CAP_SETUID,CAP_SYS_CHROOT',
      rootless: context.libpodOptions().rootless !== undefined,
      seccompEnabled: true,
      seccompProfilePath: '',
      selinuxEnabled: existsSync('/sys/fs/selinux/enforce'),
    },
    serviceIsRemote: false,
    slirp4netns: { executable: '', ...(await slirpFields(context)) },
    swapFree: memoryField('SwapFree'),
    swapTotal: memoryField('SwapTotal'),
    uptime: `${Math.floor(uptime() / 3600)}h ${Math.floor((uptime() % 3600) / 60)}m ${Math.floor(uptime() % 60)}.00s`,
  };
}

function mappingFields({ inner, outer, length }: RootlessFacts['uidMap'][number]): Fields {
  return { container_id: inner, host_id: outer, size: length };
}

/** The runtime that runs containers now: the configured one's name is kept. */
async function runtimeFields(context: ToolContext): Promise<Fields> {
  const { runtime } = context.libpodOptions();
  const { runtime: configured, runtimes } = context.configuration().engine;
  const listed = configured === undefined ? undefined : runtimes?.[configured];
  const isConfigured = Array.isArray(listed) && listed.includes(runtime!);
  const name = isConfigured ? configured : basename(runtime ?? 'runc');
  return { name, ...(await programFields(runtime ?? 'runc', context)) };
}

async function slirpFields(context: ToolContext): Promise<Fields> {
  const { path, ...rest } = await programFields('slirp4netns', context);
  return { executable: path, ...rest };
}

async function storeFields(context: ToolContext): Promise<Fields> {
  const libpod = await context.libpod();
  const containers = await libpod.containers.list({ all: true });
  const count = (status: string) => containers.filter((one) => one.status === status).length;
  const space = statfsSync(context.root);
  const running = count('running');
  const paused = count('paused');
  return {
    configFile: join(context.root, 'containers/storage.conf'),
    containerStore: {
      number: containers.length,
      paused,
      running,
      stopped: containers.length - running - paused,
    },
    graphDriverName: 'overlay',
    graphOptions: {},
    graphRoot: context.root,
    graphRootAllocated: space.blocks * space.bsize,
    graphRootUsed: (space.blocks - space.bfree) * space.bsize,
    graphStatus: { 'Backing Filesystem': 'overlayfs', 'Native Overlay Diff': 'true' },
    imageStore: { number: (await libpod.engine.images.list()).length },
    imageCopyTmpDir: '/var/tmp',
    runRoot: join(context.root, 'containers'),
    volumePath: context.libpodOptions().volumesDirectory ?? join(context.root, 'containers/volumes'),
  };
}

async function programFields(
  name: string,
  context: ToolContext,
): Promise<{ package: string; path: string; version: string }> {
  const folders = [
    ...(context.environment.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ];
  const places = name.includes('/') ? [name] : folders.map((folder) => join(folder, name));
  const path = places.find((one) => existsSync(one));
  if (path === undefined) return { package: 'Unknown', path: '', version: '' };
  try {
    const { stdout } = await runCommand(path, ['--version'], { timeoutMs: 5000 });
    const version = stdout.trim();
    return { package: `${name}_${version.split('\n')[0]!.split(' ').at(-1)}`, path, version };
  } catch {
    // It is there and does not tell its version: the rest of the report still counts.
    return { package: name, path, version: '' };
  }
}

function osRelease(): Record<string, string> {
  if (!existsSync('/etc/os-release')) return {};
  return Object.fromEntries(
    readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [
        line.slice(0, line.indexOf('=')),
        line.slice(line.indexOf('=') + 1).replace(/^"|"$/g, ''),
      ]),
  );
}

function memoryField(name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

const TEMPLATE_NAMES: Record<string, string> = {
  os: 'OS',
  ociRuntime: 'OCIRuntime',
  cgroupVersion: 'CgroupsVersion',
  cpus: 'CPUs',
  slirp4netns: 'Slirp4NetNS',
  remoteSocket: 'RemoteSocket',
  apparmorEnabled: 'AppArmorEnabled',
  seccompEnabled: 'SECCOMPEnabled',
  seccompProfilePath: 'SECCOMPProfilePath',
  selinuxEnabled: 'SELinuxEnabled',
  capabilities: 'DefaultCapabilities',
  idMappings: 'IDMappings',
  gidmap: 'GIDMap',
  uidmap: 'UIDMap',
};

/** In templates fields have Go's names: `.Host.OCIRuntime.Name`; a map keeps its keys. */
function forTemplates(value: unknown, name = 'Info'): unknown {
  const isMap = ['GraphOptions', 'GraphStatus', 'Registries'].includes(name);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isMap) return value;
  const fields = Object.entries(value).map(([key, one]) => {
    const goName = TEMPLATE_NAMES[key] ?? key[0]!.toUpperCase() + key.slice(1);
    return [goName, forTemplates(one, goName)];
  });
  return goStruct(`define.${name}`, Object.fromEntries(fields) as object);
}
