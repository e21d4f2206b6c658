import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Log, OrreryError } from '../base/index.ts';
import type { Config } from './config.ts';
import { serveControl } from './control-socket.ts';
import { type DataDirectory, prepareDataDirectory } from './data-directory.ts';
import { lockInstance } from './instance-lock.ts';
import type { RoleName } from './role.ts';
import { RoleProcess, type RoleStatus } from './role-process.ts';
import { gitVersion, orreryVersion } from './version.ts';

export interface SupervisorStatus {
  version: string;
  kubernetesVersion: string;
  pid: number;
  startedAt: string;
  dataDirectory: string;
  kubeconfig: string;
  server: string;
  roles: RoleStatus[];
  /** Roles that are not started on this host, and why. */
  absent: { name: RoleName; reason: string }[];
}

const READY_TIMEOUT_MS = 60_000;

/**
 * Starts the roles of this machine as child processes and keeps them running. It holds nothing itself: when
 * it dies the roles end, the containers go on, and the next one adopts them.
 */
export class Supervisor {
  readonly #config: Config;
  readonly #directory: DataDirectory;
  readonly #roles: RoleProcess[] = [];
  readonly #absent: { name: RoleName; reason: string }[] = [];
  readonly #startedAt = new Date().toISOString();
  readonly #down = Promise.withResolvers<void>();
  readonly #closers: (() => void)[] = [];

  private constructor(config: Config, directory: DataDirectory) {
    this.#config = config;
    this.#directory = directory;
  }

  /**
   * Locks the data directory, starts the roles and waits until each is really ready.
   *
   * @throws OrreryError when one of them cannot start, or the reason of `signal` when it aborts meanwhile;
   *   then all are stopped and nothing is left running.
   */
  static async up(
    config: Config,
    options: { log: Log; main: string; execArgv: string[]; signal: AbortSignal },
  ): Promise<Supervisor> {
    const directory = await prepareDataDirectory(config.dataDirectory);
    const lock = await lockInstance(directory);
    const supervisor = new Supervisor(config, directory);
    supervisor.#closers.push(() => lock.close());
    try {
      await supervisor.#start(options);
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    return supervisor;
  }

  async #start(options: { log: Log; main: string; execArgv: string[]; signal: AbortSignal }): Promise<void> {
    const control = await serveControl(this.#directory, {
      status: () => this.status(),
      down: () => this.#down.resolve(),
    });
    this.#closers.push(() => control.close());
    const names: RoleName[] = ['server'];
    if (!this.#config.node) this.#absent.push({ name: 'node', reason: 'this is a server only' });
    else if (process.getuid!() === 0) names.push('node');
    else this.#absent.push({ name: 'node', reason: 'running containers needs root' });
    for (const name of names) {
      this.#roles.push(
        new RoleProcess(name, {
          main: options.main,
          execArgv: options.execArgv,
          config: this.#config,
          logFile: join(this.#directory.logs, `${name}.log`),
          log: options.log,
        }),
      );
    }
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(this.#notReady()), READY_TIMEOUT_MS);
    const abort = () => late.reject(options.signal.reason);
    options.signal.addEventListener('abort', abort);
    if (options.signal.aborted) abort();
    try {
      await Promise.race([late.promise, this.#startRoles()]);
    } finally {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', abort);
    }
  }

  /** The server first: it makes the credentials that the others start with. Then all at once. */
  async #startRoles(): Promise<void> {
    const [server, ...others] = this.#roles as [RoleProcess, ...RoleProcess[]];
    const ready = server.start();
    await server.credentialsMade();
    await Promise.all([ready, ...others.map((role) => role.start())]);
  }

  #notReady(): OrreryError {
    const names = this.#roles.filter((r) => r.status().state !== 'ready').map((r) => r.name);
    const files = names.map((name) => join(this.#directory.logs, `${name}.log`));
    // The node waits for the server: what keeps the first from being ready keeps the rest.
    const why = lastError(files[0], this.#startedAt);
    return new OrreryError(
      'NotReady',
      `${names.join(' and ')} not ready after ${READY_TIMEOUT_MS / 1000} s${why === undefined ? '' : `; the last error: ${why}`}`,
      { hint: `read ${files.join(' and ')}` },
    );
  }

  status(): SupervisorStatus {
    const server = this.#roles.find((r) => r.name === 'server')?.status().details.address;
    return {
      version: orreryVersion,
      kubernetesVersion: gitVersion,
      pid: process.pid,
      startedAt: this.#startedAt,
      dataDirectory: this.#directory.root,
      kubeconfig: this.#directory.kubeconfig,
      server: server ?? '',
      roles: this.#roles.map((role) => role.status()),
      absent: this.#absent,
    };
  }

  /** Resolves when somebody asked for the end over the control socket. */
  downRequested(): Promise<void> {
    return this.#down.promise;
  }

  /** Stops the roles, the node first, and lets go of the data directory. Containers stay. */
  async stop(): Promise<void> {
    for (const role of [...this.#roles].reverse()) await role.stop();
    for (const close of this.#closers.splice(0)) close();
  }
}

/** The message of the last error that a role wrote to its log since then. */
function lastError(logFile: string | undefined, since: string): string | undefined {
  if (logFile === undefined || !existsSync(logFile)) return undefined;
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-1000);
  const line = lines.findLast((text) => text.startsWith('{"level":"error"'));
  if (line === undefined) return undefined;
  const { time, msg, error } = JSON.parse(line) as { time: string; msg: string; error?: string };
  if (time < since) return undefined;
  const [said] = (typeof error === 'string' ? error : '').split('\n');
  return said === '' ? msg : said?.replace(/^\w*Error: /, '');
}
