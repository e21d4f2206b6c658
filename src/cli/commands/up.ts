import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { createLog, type LogLevel, messageOf, OrreryError } from '../../base/index.ts';
import { localAddress, resolveConfig, type UpFlags } from '../config.ts';
import { prepareDataDirectory } from '../data-directory.ts';
import { dataDirectoryOf } from '../data-root.ts';
import { formatBytes, painter } from '../output.ts';
import { programFile } from '../program-file.ts';
import { requestHeaderArguments } from '../request-headers.ts';
import { requestLimitArguments } from '../request-limits.ts';
import { severalServersArguments } from '../several-servers.ts';
import { etcdArguments } from '../store-options.ts';
import { Supervisor, type SupervisorStatus } from '../supervisor.ts';
import { orreryVersion } from '../version.ts';

interface Flags extends UpFlags {
  detach?: boolean;
  /** Set on the background process that --detach starts. */
  detached?: boolean;
}

type DetachedMessage =
  | { type: 'up'; status: SupervisorStatus }
  | { type: 'failed'; code: string; message: string; hint?: string };

export async function up(flags: Flags): Promise<void> {
  const startedMs = performance.now();
  if (flags.detach === true) {
    printSummary(await startDetached(flags), performance.now() - startedMs);
    return;
  }
  const config = resolveConfig(flags);
  const level: LogLevel = flags.detached === true ? config.logLevel : 'warn';
  const log = createLog({ level, name: 'supervisor' });
  const interrupt = new AbortController();
  const end = Promise.withResolvers<string>();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      interrupt.abort(new Interrupted(name));
      end.resolve(name);
    });
  }
  let supervisor: Supervisor;
  try {
    supervisor = await Supervisor.up(config, {
      log,
      main: programFile(),
      execArgv: process.execArgv,
      signal: interrupt.signal,
    });
  } catch (error) {
    if (error instanceof Interrupted) process.exit(error.exitCode);
    if (flags.detached === true) await tellParent(failure(error));
    throw error;
  }
  void supervisor.downRequested().then(() => end.resolve('down'));
  if (flags.detached === true) {
    await tellParent({ type: 'up', status: supervisor.status() });
    if (process.connected) process.disconnect();
  } else {
    printSummary(supervisor.status(), performance.now() - startedMs);
    process.stdout.write('Ctrl-C stops the roles; containers keep running.\n');
  }
  const why = await end.promise;
  if (flags.detached !== true && why === 'SIGINT') process.stdout.write('\nstopping …\n');
  await supervisor.stop();
  process.exit(0);
}

/** A signal came before everything was up. */
class Interrupted extends Error {
  readonly exitCode: number;
  constructor(name: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${name}`);
    this.exitCode = 128 + constants.signals[name];
  }
}

/** Starts this program again in the background and waits until it says that everything is ready. */
async function startDetached(flags: Flags): Promise<SupervisorStatus> {
  const config = resolveConfig(flags);
  const directory = await prepareDataDirectory(config.dataDirectory);
  const logFd = openSync(join(directory.logs, 'supervisor.log'), 'a', 0o640);
  const command = config.node ? 'up' : 'server';
  const args = [...process.execArgv, programFile(), command, '--detached', ...asArguments(flags)];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', logFd, logFd, 'ipc'],
    cwd: '/',
    // On a command line everybody could read it.
    env: { ...process.env, ...(config.token !== undefined && { ORRERY_TOKEN: config.token }) },
  });
  closeSync(logFd);
  // Whoever interrupts the wait does not want what it waits for.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      child.removeAllListeners();
      child.once('exit', () => process.exit(128 + constants.signals[name]));
      child.kill('SIGTERM');
    });
  }
  const answer = await new Promise<DetachedMessage>((resolve, reject) => {
    child.once('message', (message) => resolve(message as DetachedMessage));
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(
        new OrreryError(
          'SupervisorFailed',
          `the background process ended at once (${signal ?? `exit code ${code}`})`,
          {
            hint: `read ${join(directory.logs, 'supervisor.log')}`,
          },
        ),
      ),
    );
  });
  child.removeAllListeners();
  if (child.connected) child.disconnect();
  child.unref();
  if (answer.type === 'failed') {
    throw new OrreryError(
      answer.code,
      answer.message,
      answer.hint === undefined ? {} : { hint: answer.hint },
    );
  }
  return answer.status;
}

function asArguments(flags: Flags): string[] {
  const config = resolveConfig(flags);
  const names: Record<string, string> = {
    '--data-dir': config.dataDirectory,
    '--port': String(config.port),
    '--bind-address': config.bindAddress,
    '--node-name': config.nodeName,
    '--node-ip': config.nodeIp,
    '--node-port': String(config.nodePort),
    '--cluster-cidr': config.clusterCidr,
    '--service-cidr': config.serviceCidr,
    '--log-level': config.logLevel,
  };
  if (config.tokenAuthFile !== undefined) names['--token-auth-file'] = config.tokenAuthFile;
  if (config.authenticationConfigFile !== undefined)
    names['--authentication-config'] = config.authenticationConfigFile;
  if (config.runtimeConfig !== undefined) names['--runtime-config'] = config.runtimeConfig;
  const { enable, disable, configFile } = config.admission;
  if (enable.length > 0) names['--enable-admission-plugins'] = enable.join(',');
  if (disable.length > 0) names['--disable-admission-plugins'] = disable.join(',');
  if (configFile !== undefined) names['--admission-control-config-file'] = configFile;
  if (config.encryptionConfigFile !== undefined)
    names['--encryption-provider-config'] = config.encryptionConfigFile;
  return [
    ...Object.entries(names).flat(),
    ...severalServersArguments(config),
    ...(config.secretsEncryption ? ['--secrets-encryption'] : []),
    ...etcdArguments(config.etcd),
    ...requestHeaderArguments(config.requestHeaders),
    ...requestLimitArguments(config),
  ];
}

function failure(error: unknown): DetachedMessage {
  const known = error instanceof OrreryError ? error : undefined;
  return {
    type: 'failed',
    code: known?.code ?? 'SupervisorFailed',
    message: messageOf(error),
    ...(known?.hint !== undefined && { hint: known.hint }),
  };
}

function tellParent(message: DetachedMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}

function printSummary(status: SupervisorStatus, elapsedMs: number): void {
  const { bold, dim, green, yellow, cyan } = painter(process.stdout);
  const address =
    status.server === ''
      ? ''
      : `https://${localAddress(new URL(status.server).hostname)}:${new URL(status.server).port}`;
  const node = status.roles.find((r) => r.name === 'node');
  const line = (name: string, state: string, rest: string) => `  ${name.padEnd(15)}${state}  ${rest}\n`;
  let text = `\n${bold(`Orrery ${orreryVersion} is up`)} ${dim(`(${(elapsedMs / 1000).toFixed(1)} s)`)}\n\n`;
  text += line(
    'control plane',
    green('ready'),
    `${address}  ${dim(`Kubernetes ${status.kubernetesVersion}`)}`,
  );
  if (node !== undefined) {
    const engine = node.details.engine ?? '';
    const able = node.details.problem === undefined;
    text += line(
      'node',
      able ? green('ready') : yellow('not ready'),
      `${node.details.name}  ${dim(`${cpus().length} cpu, ${formatBytes(totalmem())}${engine && `, ${engine}`}`)}`,
    );
    if (!able) text += `  ${' '.repeat(15)}${node.details.problem}\n`;
  }
  for (const role of status.absent) text += line(role.name, yellow('absent'), role.reason);
  text += line('kubeconfig', '', status.kubeconfig).replace(/ {2,}(\/)/, '     $1');
  text += `\nTry next:\n\n  ${cyan(`export KUBECONFIG=${status.kubeconfig}`)}\n`;
  // Without it the next command would look at, or fill, the default directory.
  if (dataDirectoryOf(undefined) !== status.dataDirectory)
    text += `  ${cyan(`export ORRERY_DATA_DIR=${status.dataDirectory}`)}\n`;
  text += `  ${cyan(`kubectl get ${node === undefined ? 'namespaces' : 'nodes'}`)}\n\n`;
  process.stdout.write(text);
}
