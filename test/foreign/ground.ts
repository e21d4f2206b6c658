import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type RawAnswer, rawClient, type Send } from '../conformance/raw-client.ts';
import { type RunningServer, startServer } from '../conformance/running-server.ts';

/** What a program of others stands on: our API server on a port, and a folder of its own. */
export class Ground {
  readonly server: RunningServer;
  readonly send: Send;
  /** Where programs are kept from run to run. */
  readonly cache: string;
  /** Gone after the run. */
  readonly folder: string;
  readonly #children = new Set<ChildProcess>();
  failures = 0;

  private constructor(server: RunningServer, send: Send, cache: string) {
    this.server = server;
    this.send = send;
    this.cache = cache;
    this.folder = join(server.directory, 'foreign');
  }

  static async start(cache: string): Promise<Ground> {
    const server = await startServer();
    const ground = new Ground(server, await rawClient(server), cache);
    mkdirSync(ground.folder, { mode: 0o755 });
    return ground;
  }

  get url(): string {
    return `https://127.0.0.1:${this.server.port}`;
  }

  admin(): Promise<string> {
    return this.server.kubeconfig({ commonName: 'orrery-admin', organizations: ['system:masters'] });
  }

  async make(path: string, body: object): Promise<RawAnswer> {
    const answer = await this.send('POST', path, body);
    if (answer.status >= 300) throw new Error(`${path}: ${answer.bytes}`);
    return answer;
  }

  /** One line a check. */
  check(what: string, holds: boolean, otherwise: unknown = ''): void {
    if (!holds) this.failures++;
    console.log(
      `${holds ? 'ok    ' : 'FAILED'} ${what}${holds ? '' : `: ${JSON.stringify(otherwise)?.slice(0, 600)}`}`,
    );
  }

  /** Checks something that comes with time. */
  async eventually(what: string, probe: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    let why: unknown = 'it did not come';
    do {
      try {
        if (await probe()) return this.check(what, true);
      } catch (error) {
        why = String(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    } while (Date.now() < deadline);
    this.check(what, false, why);
  }

  /** Starts a program; what it says goes into a file that is named when something fails. */
  run(
    name: string,
    file: string,
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; uid?: number; gid?: number } = {},
  ): ChildProcess {
    const { env, ...rest } = options;
    const child = spawn(file, args, {
      ...rest,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const log = createWriteStream(join(this.cache, `${name}.log`));
    child.stdout!.pipe(log, { end: false });
    child.stderr!.pipe(log, { end: false });
    child.on('error', (error) => this.check(`${name} starts`, false, String(error)));
    this.#children.add(child);
    return child;
  }

  /** Ends a program and all it started. */
  async end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const exit = once(child, 'exit');
    process.kill(-child.pid, signal);
    const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 10_000);
    await exit;
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    for (const child of [...this.#children]) await this.end(child);
    await this.server.stop();
  }
}
