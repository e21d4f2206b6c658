import { watch } from 'node:fs';
import { type Clock, type Log, messageOf } from '../../base/index.ts';
import { isProcessAlive } from '../../engine/execution.ts';
import type { HealthRecord, HealthRecords } from './health-records.ts';
import { nextCheckMs } from './health-state.ts';

export interface HealthMonitorOptions {
  records: HealthRecords;
  check(record: HealthRecord): Promise<unknown>;
  clock: Clock;
  log: Log;
}

/** The longest time without a look at the files: a change that the kernel did not tell of is found then. */
const LOOK_EVERY_MS = 60_000;

/** Checks every watched container when its time has come; returns when none is left, or at the signal. */
export async function watchHealth(options: HealthMonitorOptions, signal: AbortSignal): Promise<void> {
  const { records, clock } = options;
  const running = new Set<string>();
  /** When a check ended that could not be run or noted: its container's record does not tell. */
  const brokenAtMs = new Map<string, number>();
  let wake = Promise.withResolvers<void>();
  const ring = () => wake.resolve();
  const watcher = watch(records.folder, ring);
  signal.addEventListener('abort', ring, { once: true });
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>();
      // What is read while a check ends is its state from before: the check would come twice.
      const busy = new Set(running);
      const watched = (await records.watched()).filter(isRunning);
      if (watched.length === 0 && running.size === 0) return;
      const ids = new Set(watched.map(({ id }) => id));
      for (const id of brokenAtMs.keys()) if (!ids.has(id)) brokenAtMs.delete(id);
      let nextMs = clock.now() + LOOK_EVERY_MS;
      for (const record of watched) {
        if (busy.has(record.id)) continue;
        const dueMs = nextCheckMs(record, brokenAtMs.get(record.id)) ?? Number.POSITIVE_INFINITY;
        if (dueMs > clock.now()) {
          nextMs = Math.min(nextMs, dueMs);
          continue;
        }
        running.add(record.id);
        void checkOnce(options, record).then((isDone) => {
          if (isDone) brokenAtMs.delete(record.id);
          else brokenAtMs.set(record.id, clock.now());
          running.delete(record.id);
          ring();
        });
      }
      await sleepUntil(clock, nextMs, wake.promise);
    }
  } finally {
    watcher.close();
    signal.removeEventListener('abort', ring);
  }
}

/** @returns whether it was run, and its result noted */
async function checkOnce(options: HealthMonitorOptions, record: HealthRecord): Promise<boolean> {
  try {
    await options.check(record);
    return true;
  } catch (error) {
    // The container ended meanwhile, or could not be stopped: the next look finds out.
    options.log.warn('a health check could not be run', { container: record.id, error: messageOf(error) });
    return false;
  }
}

function isRunning(record: HealthRecord): boolean {
  return record.process === undefined || isProcessAlive(record.process);
}

async function sleepUntil(clock: Clock, atMs: number, woken: Promise<void>): Promise<void> {
  const abort = new AbortController();
  const slept = clock.sleep(Math.max(0, atMs - clock.now()), abort.signal).catch((reason: unknown) => {
    if (!abort.signal.aborted) throw reason;
  });
  await Promise.race([slept, woken]);
  abort.abort();
}
