import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { BadRequest, OrreryError } from '../../base/index.ts';
import { availableCapabilities, containerCapabilities } from '../containers/capabilities.ts';
import { readCgroupHierarchies } from '../containers/cgroups.ts';
import { readHostFacts } from '../containers/host-facts.ts';
import { ociConfig, ociText } from '../containers/oci-config.ts';
import type { SeccompProfile } from '../containers/seccomp.ts';
import { lookUpUser, type ProcessUser } from '../containers/users.ts';
import type { ContainerMount, ContainerSpec, ImageConfig } from '../engine.ts';
import { parseJson } from '../images/media-types.ts';
import { rootlessFacts } from '../rootless/facts.ts';
import { adaptToUserNamespace } from '../rootless/oci-adaptation.ts';
import { resolveInRoot } from '../system/root-path.ts';
import type { RunOptions } from './options.ts';
import { statOrNothing } from './tree-walk.ts';

export interface RunStep {
  runc: string;
  /** The mounted root. */
  root: string;
  /** A private folder for the bundle and runc's state; gone afterwards. */
  folder: string;
  config: ImageConfig;
  /** The whole command line and environment. */
  args: string[];
  env: string[];
  mounts: ContainerMount[];
  options: RunOptions;
  input?: string;
  onOutput: (text: string, stream: 'stdout' | 'stderr') => void;
  signal?: AbortSignal | undefined;
}

/** A command of a RUN ended with another status than 0. */
export class RunFailed extends OrreryError {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super('BuildStepFailed', `while running runtime: exit status ${exitCode}`, { details: { exitCode } });
    this.exitCode = exitCode;
  }
}

const OUR_MOUNTS = ['/proc', '/dev', '/sys'];

/**
 * Runs a command in a stage's root: runc alone, in front, without conmon and without a record. Whatever the
 * runtime made in the root only to mount over it is taken away again.
 *
 * @throws RunFailed @throws BadRequest
 */
export async function runStep(step: RunStep): Promise<void> {
  await mkdir(step.folder, { recursive: true, mode: 0o700 });
  const user = await userOf(step);
  const mounts = [...(await networkFiles(step)), ...step.mounts];
  const placeholders = await missingPaths(step.root, [
    ...OUR_MOUNTS,
    ...mounts.map((mount) => mount.destination),
  ]);
  const id = randomBytes(32).toString('hex');
  await writeFile(join(step.folder, 'config.json'), ociText(await configOf(step, { id, user, mounts })));
  try {
    await runRuntime(step, id);
  } finally {
    for (const path of placeholders.reverse()) await removePlaceholder(path);
    await rm(step.folder, { recursive: true, force: true });
  }
}

async function userOf({ config, root }: RunStep): Promise<ProcessUser> {
  try {
    return await lookUpUser(config.User ?? '', root, []);
  } catch (cause) {
    if (!(cause instanceof BadRequest) || !cause.message.startsWith('unable to find user')) throw cause;
    const name = (config.User ?? '').split(':')[0];
    throw new BadRequest(`determining run uid: user: unknown user error looking up user "${name}"`, {
      cause,
    });
  }
}

async function configOf(
  step: RunStep,
  { id, user, mounts }: { id: string; user: ProcessUser; mounts: ContainerMount[] },
): Promise<unknown> {
  const { options, config } = step;
  const network = options.network ?? 'host';
  const { capAdd: add = [], seccomp = 'default' } = options;
  // Nobody asked for the host's network: then at least nobody listens to it (packet(7)).
  const drop = [
    ...(options.capDrop ?? []),
    ...(options.network === undefined && !mayListen(add) ? ['NET_RAW'] : []),
  ];
  const spec: ContainerSpec = {
    name: id,
    image: '',
    process: { args: step.args, env: step.env },
    env: {},
    hostname: id.slice(0, 12),
    mounts,
    network: network === 'none' ? 'private' : network === 'host' ? 'host' : network.namespacePath,
    tty: false,
    stdin: false,
    labels: {},
    resources: resourcesOf(options),
    ...(options.ulimits && { rlimits: options.ulimits }),
    ...(options.shmSizeBytes !== undefined && { shmSizeBytes: options.shmSizeBytes }),
    security: { seccomp, noNewPrivileges: options.noNewPrivileges === true },
    cgroupParent: '/',
    logPath: '/dev/null',
  };
  const asked = ociConfig({
    spec,
    image: { ...(config.WorkingDir && { WorkingDir: config.WorkingDir }) },
    rootPath: step.root,
    user,
    capabilities: containerCapabilities({ add, drop }, availableCapabilities()),
    cgroupPath: `/orrery-build-${id.slice(0, 12)}`,
    host: await readHostFacts(await readCgroupHierarchies(), false),
    ...(typeof seccomp === 'object' && {
      seccompProfile: parseJson(await readFile(seccomp.profilePath), seccomp.profilePath) as SeccompProfile,
    }),
  });
  return adaptToUserNamespace(asked, rootlessFacts());
}

function mayListen(added: readonly string[]): boolean {
  return added.some((name) => /^(?:CAP_)?(?:NET_RAW|ALL)$/i.test(name));
}

function resourcesOf(options: RunOptions): ContainerSpec['resources'] {
  const { memoryLimitBytes, cpuShares, cpuQuotaUs, cpuPeriodUs } = options;
  return {
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
    ...(cpuShares !== undefined && { cpuShares }),
    ...(cpuQuotaUs !== undefined && { cpuQuotaUs }),
    ...(cpuPeriodUs !== undefined && { cpuPeriodUs }),
  };
}

/** /etc/hosts and /etc/resolv.conf, of the host and what the flags add. */
async function networkFiles({ options, folder }: RunStep): Promise<ContainerMount[]> {
  const hosts = join(folder, 'hosts');
  const added = (options.addHosts ?? []).map((one) => {
    const colon = one.indexOf(':');
    if (colon <= 0) throw new BadRequest(`unable to parse host entry ${JSON.stringify(one)}`);
    return `${one.slice(colon + 1)}\t${one.slice(0, colon)}\n`;
  });
  await writeFile(hosts, [...added, await readHostFile('/etc/hosts')].join(''));
  const resolv = join(folder, 'resolv.conf');
  await writeFile(resolv, resolvConf(await readHostFile('/etc/resolv.conf'), options));
  return [
    ...(options.noHosts ? [] : [{ type: 'bind' as const, source: hosts, destination: '/etc/hosts' }]),
    { type: 'bind', source: resolv, destination: '/etc/resolv.conf' },
  ];
}

async function readHostFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function resolvConf(host: string, { dns, dnsSearch, dnsOptions }: RunOptions): string {
  const lines = host.split('\n').filter((line) => line.trim() !== '');
  const replace = (word: string, values: string[] | undefined) =>
    values === undefined || values.length === 0
      ? lines.filter((line) => line.startsWith(`${word} `))
      : word === 'nameserver'
        ? values.map((value) => `nameserver ${value}`)
        : [`${word} ${values.join(' ')}`];
  const all = [
    ...replace('search', dnsSearch),
    ...replace('nameserver', dns),
    ...replace('options', dnsOptions),
  ];
  return all.map((line) => `${line}\n`).join('');
}

/** Paths that the runtime will make to mount over them: the outermost of each first. */
async function missingPaths(root: string, destinations: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const destination of destinations) {
    const chain: string[] = [];
    for (let path = posix.normalize(destination); path !== '/'; path = dirname(path)) {
      const full = await resolveInRoot(root, path, { followLast: true });
      if ((await statOrNothing(full)) !== undefined) break;
      chain.unshift(full);
    }
    for (const path of chain) if (!missing.includes(path)) missing.push(path);
  }
  return missing;
}

/** Only what is still as the runtime made it: an empty file or folder. */
async function removePlaceholder(path: string): Promise<void> {
  const info = await statOrNothing(path);
  if (info === undefined) return;
  if (info.isFile() && info.size === 0) await unlink(path);
  if (!info.isDirectory()) return;
  try {
    await rmdir(path);
  } catch (error) {
    // The command put something there: then it is the command's.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function runRuntime(step: RunStep, id: string): Promise<void> {
  const { runc, folder, onOutput, signal } = step;
  const flags = (step.options.runtimeFlags ?? []).map((flag) => `--${flag}`);
  const state = join(folder, 'runc');
  const child = spawn(runc, [...flags, '--root', state, 'run', '--bundle', folder, id], {
    stdio: [step.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const stop = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  // A command may end without having read its input.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(step.input);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8');
    child[name]!.on('data', (text: string) => onOutput(text, name));
  }
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', (cause) =>
        reject(new OrreryError('EngineUnavailable', `cannot run ${runc}: ${cause.message}`, { cause })),
      );
      child.on('close', (exitCode) => resolve(exitCode ?? 137));
    });
    if (signal?.aborted || code !== 0) await deleteLeftover(runc, state, id);
    signal?.throwIfAborted();
    if (code !== 0) throw new RunFailed(code);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** A runc that was killed leaves its container running. */
export async function deleteLeftover(runc: string, state: string, id: string): Promise<void> {
  if ((await statOrNothing(join(state, id))) === undefined) return;
  await new Promise<void>((resolve, reject) => {
    const child = spawn(runc, ['--root', state, 'delete', '--force', id], { stdio: 'ignore' });
    child.on('error', reject);
    child.on('close', () => resolve());
  });
}
