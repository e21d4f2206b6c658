import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { Backoff, type Log, OrreryError } from '../base/index.ts';
import type { Config } from './config.ts';
import { ROLE_MALLOC, ROLE_RUNTIME_FLAGS, type RoleMessage, type RoleName } from './role.ts';

const LOG_LIMIT_BYTES = 16 * 1024 * 1024;
const STOP_TIMEOUT_MS = 15_000;
/** A role that ran this long begins its back-off anew. */
const STABLE_MS = 60_000;

export type RoleState = 'starting' | 'ready' | 'restarting' | 'stopped';

export interface RoleStatus {
  name: RoleName;
  state: RoleState;
  pid: number | undefined;
  startedAt: string | undefined;
  restarts: number;
  details: Record<string, string>;
}

/**
 * One role as a child process that is started again whenever it ends, with back-off from 100 ms to 10 s.
 * The IPC channel is its lifeline: a role whose supervisor died sees the channel close and ends itself.
 */
export class RoleProcess {
  readonly name: RoleName;
  readonly #options: { main: string; execArgv: string[]; config: Config; logFile: string; log: Log };
  readonly #backoff = new Backoff({ baseMs: 100, maxMs: 10_000 });
  #child: ChildProcess | undefined;
  #state: RoleState = 'stopped';
  #startedAtMs = 0;
  #restarts = 0;
  #details: Record<string, string> = {};
  #stopping = false;
  /** It cannot start, said so before it was ever ready: whoever waits for it is told, and stops it. */
  #failed = false;
  #timer: NodeJS.Timeout | undefined;
  #firstReady = Promise.withResolvers<void>();
  #credentials = Promise.withResolvers<void>();

  constructor(
    name: RoleName,
    options: { main: string; execArgv: string[]; config: Config; logFile: string; log: Log },
  ) {
    this.name = name;
    this.#options = options;
    // Somebody may stop waiting before it settles.
    this.#firstReady.promise.catch(() => undefined);
    this.#credentials.promise.catch(() => undefined);
  }

  /** Starts the process; resolves when it reported itself ready for the first time. @throws what it reported as fatal. */
  start(): Promise<void> {
    this.#spawn();
    return this.#firstReady.promise;
  }

  /** Resolves when the role (the server) has made the other roles' credentials. */
  credentialsMade(): Promise<void> {
    return this.#credentials.promise;
  }

  status(): RoleStatus {
    return {
      name: this.name,
      state: this.#state,
      pid: this.#child?.pid,
      startedAt: this.#child === undefined ? undefined : new Date(this.#startedAtMs).toISOString(),
      restarts: this.#restarts,
      details: this.#details,
    };
  }

  /** Asks it to end, and ends it after 15 s if it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  #spawn(): void {
    if (this.#stopping) return;
    const { main, execArgv, config, logFile } = this.#options;
    rotate(logFile);
    const fd = openSync(logFile, 'a', 0o640);
    const child = spawn(process.execPath, [...ROLE_RUNTIME_FLAGS, ...execArgv, main, 'role', this.name], {
      stdio: ['ignore', fd, fd, 'ipc'],
      env: { ...ROLE_MALLOC, ...process.env },
      // A Ctrl-C on the terminal is the supervisor's to handle: the roles are told, in order.
      detached: true,
    });
    closeSync(fd);
    this.#child = child;
    this.#state = this.#restarts === 0 ? 'starting' : 'restarting';
    this.#startedAtMs = Date.now();
    child.on('message', (message: RoleMessage) => this.#hear(message));
    child.on('error', (error) => this.#options.log.error('role process failed', { name: this.name, error }));
    child.once('exit', (code, signal) => this.#ended(code, signal));
    child.send({ type: 'start', config }, () => undefined);
  }

  #hear(message: RoleMessage): void {
    if (message.type === 'credentials') this.#credentials.resolve();
    else if (message.type === 'ready') {
      this.#state = 'ready';
      this.#details = message.details;
      this.#firstReady.resolve();
    } else {
      const { code, message: text, hint } = message;
      const error = new OrreryError(code, text, hint === undefined ? {} : { hint });
      this.#failed = this.#state === 'starting';
      this.#credentials.reject(error);
      this.#firstReady.reject(error);
    }
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    const isOver = this.#stopping || this.#failed;
    this.#state = isOver ? 'stopped' : 'restarting';
    if (isOver) return;
    if (Date.now() - this.#startedAtMs > STABLE_MS) this.#backoff.forget(this.name);
    const delayMs = this.#backoff.next(this.name);
    this.#restarts += 1;
    this.#options.log.warn('role ended, starting it again', { name: this.name, code, signal, delayMs });
    this.#timer = setTimeout(() => this.#spawn(), delayMs);
  }
}

function rotate(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`);
}
