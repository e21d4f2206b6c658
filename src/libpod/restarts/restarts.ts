import { readFileSync, watch } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, namesIn, systemClock, writeFileAtomic } from '../../base/index.ts';
import { isProcessAlive, processIdentity, withFileLock } from '../../engine/index.ts';

/** What is remembered of one container's restarts, in a file of its own. */
export interface RestartBook {
  /** By the policy, since people last started it. */
  restarts: number;
  lastDelayMs: number;
  /** People have stopped it since they last started it. Survives a reboot. */
  wasStopped?: boolean;
  /** While a process waits for the next start. */
  waiting?: { sinceMs: number; untilMs: number; process: string; bootId: string };
}

const EMPTY: RestartBook = { restarts: 0, lastDelayMs: 0 };

/**
 * Who waits before a container is started again. The waiting is done by the process that conmon calls when
 * the container ends (`container cleanup`); its mark tells others that the container is `restarting`. Taking
 * the mark away ends the wait (a stop, a removal); a mark whose process is gone (kill -9) is found by
 * `abandoned`, and the next command takes the work over.
 */
export class Restarts {
  readonly #folder: string;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock = systemClock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  async read(id: string): Promise<RestartBook> {
    return (await readBook(this.#path(id))) ?? EMPTY;
  }

  /** Whether its policy will start it again soon. */
  async isWaiting(id: string): Promise<boolean> {
    return (await this.read(id)).waiting !== undefined;
  }

  /**
   * Waits `delayMs` and counts one more restart.
   *
   * @returns false when the wait was called off meanwhile: the container must stay as it is.
   */
  async waitFor(id: string, delayMs: number): Promise<boolean> {
    const nowMs = this.#clock.now();
    const waiting = {
      sinceMs: nowMs,
      untilMs: nowMs + delayMs,
      process: processIdentity(process.pid)!,
      bootId: bootId(),
    };
    await this.#change(id, (book) => ({ ...book, waiting }));
    return this.#finish(id, waiting.process, delayMs);
  }

  /** Goes on with a wait whose process was killed. False when another process does, or none was there. */
  async takeOver(id: string): Promise<boolean> {
    const me = processIdentity(process.pid)!;
    let delayMs: number | undefined;
    await this.#change(id, (book) => {
      if (book.waiting === undefined || isHeld(book.waiting)) return book;
      delayMs = Math.max(0, book.waiting.untilMs - this.#clock.now());
      return { ...book, waiting: { ...book.waiting, process: me, bootId: bootId() } };
    });
    return delayMs !== undefined && (await this.#finish(id, me, delayMs));
  }

  async #finish(id: string, process: string, delayMs: number): Promise<boolean> {
    await this.#sleepUnlessCancelled(id, process, delayMs);
    let isOurs = false;
    await this.#change(id, (book) => {
      isOurs = book.waiting?.process === process;
      if (!isOurs) return book;
      const { waiting, ...rest } = book;
      return { ...rest, restarts: rest.restarts + 1, lastDelayMs: waiting!.untilMs - waiting!.sinceMs };
    });
    return isOurs;
  }

  /** People stop it: a wait is off. */
  async stop(id: string): Promise<void> {
    await this.#change(id, ({ waiting: _, ...book }) => ({ ...book, wasStopped: true }));
  }

  /** People start it: counting begins anew, and a wait is off. */
  async beginAnew(id: string): Promise<void> {
    if ((await readBook(this.#path(id))) !== undefined) await this.#change(id, () => EMPTY);
  }

  /** What `takeOver` counted, after a start that began anew. */
  async keepCount(id: string, book: Pick<RestartBook, 'restarts' | 'lastDelayMs'>): Promise<void> {
    await this.#change(id, (now) => ({ ...now, restarts: book.restarts, lastDelayMs: book.lastDelayMs }));
  }

  async forget(id: string): Promise<void> {
    await withFileLock(`${this.#path(id)}.lock`, async () => {
      await rm(this.#path(id), { force: true });
      await rm(`${this.#path(id)}.lock`, { force: true });
    });
  }

  /** Containers that nobody starts again though they wait for it: their process was killed. */
  async abandoned(): Promise<string[]> {
    const ids: string[] = [];
    for (const name of await namesIn(this.#folder)) {
      if (!name.endsWith('.json')) continue;
      const waiting = (await readBook(join(this.#folder, name)))?.waiting;
      if (waiting !== undefined && !isHeld(waiting)) ids.push(name.slice(0, -'.json'.length));
    }
    return ids;
  }

  /**
   * Lets one process go on with abandoned waits, whoever notices them: `start` is called when none does, and
   * gives the pid of the one it started.
   */
  async letOneResume(start: () => number | undefined): Promise<void> {
    if ((await this.abandoned()).length === 0) return;
    const mark = join(this.#folder, 'resuming.pid');
    await withFileLock(`${mark}.lock`, async () => {
      const before = await readFile(mark, 'utf8').catch(absent);
      if (before !== undefined && isProcessAlive(before)) return;
      const pid = start();
      if (pid !== undefined) await writeFile(mark, processIdentity(pid) ?? '', { mode: 0o600 });
    });
  }

  async #sleepUnlessCancelled(id: string, process: string, delayMs: number): Promise<void> {
    const cancelled = new AbortController();
    const check = async () => {
      if ((await readBook(this.#path(id)))?.waiting?.process !== process) cancelled.abort();
    };
    const watcher = watch(this.#folder, (_, name) => {
      if (name === `${id}.json`) void check();
    });
    try {
      await check();
      await this.#clock.sleep(delayMs, cancelled.signal);
    } catch (error) {
      if (!cancelled.signal.aborted) throw error;
    } finally {
      watcher.close();
    }
  }

  async #change(id: string, change: (book: RestartBook) => RestartBook): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(id);
    await withFileLock(`${path}.lock`, async () => {
      const book = (await readBook(path)) ?? EMPTY;
      const next = change(book);
      if (next === book) return;
      const content = JSON.stringify(next);
      // Only this has to be known after a power failure.
      if (next.wasStopped !== book.wasStopped) return await writeFileAtomic(path, content, { mode: 0o600 });
      await writeFile(`${path}.new`, content, { mode: 0o600 });
      await rename(`${path}.new`, path);
    });
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function isHeld(waiting: NonNullable<RestartBook['waiting']>): boolean {
  return waiting.bootId === bootId() && isProcessAlive(waiting.process);
}

/** Changes with each start of the host: proc(5), /proc/sys/kernel/random/boot_id. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

async function readBook(path: string): Promise<RestartBook | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RestartBook;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
