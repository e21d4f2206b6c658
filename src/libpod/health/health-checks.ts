import { spawn } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, messageOf, systemClock } from '../../base/index.ts';
import { type ExecSession, isProcessAlive, processIdentity, withFileLock } from '../../engine/execution.ts';
import type { HealthState } from '../libpod.ts';
import { type HealthRecord, HealthRecords } from './health-records.ts';
import { type CheckResult, nextHealthState, STARTING } from './health-state.ts';
import type { MonitorSettings } from './monitor-settings.ts';

export interface HealthActions {
  /** Runs the check in the container, as its own user. */
  exec(id: string, command: string[]): Promise<ExecSession>;
  kill(id: string): Promise<void>;
  stop(id: string): Promise<void>;
  restart(id: string): Promise<void>;
  /** Writes the event `health_status`. */
  tell(id: string, status: HealthState['Status']): Promise<void>;
}

export interface HealthChecksOptions {
  folder: string;
  /** Node and our own file; the monitor is these plus `role health-monitor` and the directory above the folder. */
  self: readonly string[];
  settings: () => Promise<MonitorSettings>;
  environment: Readonly<Record<string, string | undefined>>;
  actions: HealthActions;
  clock?: Clock;
}

/** A monitor needs little: its heap is kept small. */
const LEAN = ['--max-semi-space-size=1', '--optimize-for-size'];

/**
 * Health checks without a daemon: a container's plan and state are in a file; one process for all of this
 * folder's containers (`role health-monitor`) runs them while there are any, and ends with the last.
 */
export class HealthChecks {
  readonly records: HealthRecords;
  readonly #options: HealthChecksOptions;
  readonly #clock: Clock;

  constructor(options: HealthChecksOptions) {
    this.records = new HealthRecords(options.folder);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** A container with a health check has started: it is `starting`, and will be checked. */
  async begin(record: Omit<HealthRecord, 'state' | 'isWatched'>): Promise<void> {
    await this.#registration(async () => {
      await this.records.write({ ...record, isWatched: record.plan.intervalMs > 0, state: STARTING });
      if (record.plan.intervalMs > 0) await this.#startMonitor();
    });
  }

  /** It has ended: its last state stays to be seen. */
  async end(id: string): Promise<void> {
    await this.#change(id, (record) => ({ ...record, isWatched: false }));
  }

  async forget(id: string): Promise<void> {
    await this.records.remove(id);
    await rm(this.#lock(id), { force: true });
  }

  async stateOf(id: string): Promise<HealthState | undefined> {
    return (await this.records.read(id))?.state;
  }

  /**
   * Runs the check once, notes the result, and does what is to be done about an unhealthy container.
   *
   * @returns exitCode 0 for a success, 1 for a failure (also with a state that is still healthy).
   */
  async run(
    record: Omit<HealthRecord, 'state' | 'isWatched'>,
  ): Promise<{ state: HealthState; exitCode: number }> {
    const result = await this.#execute(record);
    let state = STARTING;
    await withFileLock(this.#lock(record.id), async () => {
      const before = (await this.records.read(record.id)) ?? { ...record, isWatched: false, state: STARTING };
      state = nextHealthState(before.state, result, record.plan, record.startedAtMs);
      await this.records.write({ ...before, state });
    });
    await this.#options.actions.tell(record.id, state.Status);
    if (state.Status === 'unhealthy') await this.#act(record);
    return { state, exitCode: result.exitCode === 0 ? 0 : 1 };
  }

  /** A monitor that was killed is started again, when there is something to watch. Cheap when there is not. */
  async repair(): Promise<boolean> {
    if ((await this.#watchedAndAlive()).length === 0 || (await this.#isMonitored())) return false;
    return await this.#registration(async () => {
      if (await this.#isMonitored()) return false;
      await this.#startMonitor();
      return true;
    });
  }

  /**
   * The monitor itself: tells the world that it is there, and ends when nothing is left to watch. Returns at
   * once when another one is.
   */
  async asMonitor(watchAll: () => Promise<void>): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    try {
      await withFileLock(join(this.#options.folder, 'monitor.lock'), () => this.#monitor(watchAll), {
        timeoutMs: 5000,
      });
    } catch (error) {
      if ((error as { code?: string }).code !== 'LockTimeout') throw error;
    }
  }

  async #monitor(watchAll: () => Promise<void>): Promise<void> {
    await writeFile(this.#mark, processIdentity(process.pid)!, { mode: 0o600 });
    for (let isOver = false; !isOver; ) {
      await watchAll();
      isOver = await this.#registration(async () => {
        if ((await this.#watchedAndAlive()).length > 0) return false;
        await rm(this.#mark, { force: true });
        return true;
      });
    }
  }

  /** Those whose process runs; of one that died without a word (its conmon was killed) the watch ends. */
  async #watchedAndAlive(): Promise<HealthRecord[]> {
    const watched = await this.records.watched();
    return watched.filter((record) => record.process === undefined || isProcessAlive(record.process));
  }

  async #execute(record: Omit<HealthRecord, 'state' | 'isWatched'>): Promise<CheckResult> {
    const startMs = this.#clock.now();
    const result = (exitCode: number, output: string): CheckResult => ({
      ...{ startMs, endMs: this.#clock.now(), exitCode, output },
    });
    let session: ExecSession;
    try {
      session = await this.#options.actions.exec(record.id, record.plan.command);
    } catch (error) {
      // The runtime could not even start it: a failed check, with its reason for people.
      return result(1, messageOf(error));
    }
    const output = collectOutput(session);
    const abort = new AbortController();
    const late = this.#clock.sleep(record.plan.timeoutMs, abort.signal).then(
      () => 'late' as const,
      () => 'called off' as const,
    );
    const exit = session.exit.catch(() => 1);
    const first = await Promise.race([exit, late]);
    abort.abort();
    if (first === 'late') {
      session.kill();
      await exit;
      return result(-1, `Health check exceeded timeout (${record.plan.timeoutMs / 1000}s)`);
    }
    return result((await exit) === 0 ? 0 : 1, await output);
  }

  async #act(record: Pick<HealthRecord, 'id' | 'onFailure'>): Promise<void> {
    if (record.onFailure === 'none') return;
    await this.#options.actions[record.onFailure](record.id);
  }

  async #isMonitored(): Promise<boolean> {
    try {
      return isProcessAlive(await readFile(this.#mark, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async #startMonitor(): Promise<void> {
    if (await this.#isMonitored()) return;
    const [program, file] = this.#options.self as [string, string];
    const settings = join(this.#options.folder, 'monitor.json');
    await writeFile(`${settings}.new`, JSON.stringify(await this.#options.settings()), { mode: 0o600 });
    await rename(`${settings}.new`, settings);
    const role = ['role', 'health-monitor', dirname(this.#options.folder)];
    const child = spawn(program, [...LEAN, file, ...role], {
      detached: true,
      stdio: 'ignore',
      env: this.#options.environment as NodeJS.ProcessEnv,
      cwd: '/',
    });
    const started = new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    await started;
    child.unref();
    // Until it has said so itself, so that two containers started at once do not start two of them.
    await writeFile(this.#mark, processIdentity(child.pid!) ?? '', { mode: 0o600 });
  }

  async #change(id: string, change: (record: HealthRecord) => HealthRecord): Promise<void> {
    if ((await this.records.read(id)) === undefined) return;
    await withFileLock(this.#lock(id), async () => {
      const record = await this.records.read(id);
      if (record !== undefined) await this.records.write(change(record));
    });
  }

  /** What starts to be watched, and whether anybody watches, change together. */
  async #registration<T>(work: () => Promise<T>): Promise<T> {
    return await withFileLock(join(this.#options.folder, 'registration.lock'), work);
  }

  get #mark(): string {
    return join(this.#options.folder, 'monitor.pid');
  }

  #lock(id: string): string {
    return join(this.#options.folder, `${id}.lock`);
  }
}

/**
 * What it printed, then what it complained of, without the last newline; no more than anybody keeps. In which order
 * it wrote on the two nobody knows: the runtime copies each by itself.
 */
async function collectOutput(session: ExecSession): Promise<string> {
  const streams = [session.stdout, session.stderr].filter((stream) => stream !== undefined);
  const texts = await Promise.all(
    streams.map(
      (stream) =>
        new Promise<string>((resolve) => {
          let text = '';
          const end = () => resolve(text);
          stream.on('data', (chunk: Buffer) => {
            if (text.length < 4096) text += chunk.toString();
          });
          for (const event of ['close', 'end', 'error']) stream.once(event, end);
        }),
    ),
  );
  return texts.join('').replace(/\n+$/, '');
}
