import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Log } from '../base/index.ts';

const LOOK_EVERY_MS = 10_000;
/** Shares of the time the event loop had something to do. */
const BUSY = 0.2;
const IDLE = 0.05;

/**
 * Once a role has been busy and has come to rest: a whole collection, and what malloc keeps goes back. V8 collects
 * when somebody allocates; a server that nobody asks anything keeps what the last burst left for hours.
 */
export function releaseMemoryWhenIdle(log: Log): void {
  let wasBusy = false;
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    if (utilization > BUSY) wasBusy = true;
    else if (wasBusy && utilization < IDLE) {
      wasBusy = false;
      const freedBytes = releaseMemory();
      log.debug('memory given back', { freedBytes });
    }
  }, LOOK_EVERY_MS);
  timer.unref();
}

/** @returns by how much less is resident */
function releaseMemory(): number {
  const residentBytes = process.memoryUsage.rss();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  // The first only marks buffers as free to go; their memory is freed by the time of the second.
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimHeap();
  return residentBytes - process.memoryUsage.rss();
}

/** malloc_trim(3): glibc's, and absent elsewhere. */
function trimHeap(): void {
  const koffi = createRequire(import.meta.url)('koffi') as {
    load(path: string | null): { func(prototype: string): (...args: unknown[]) => number };
  };
  let trim: (pad: number) => number;
  try {
    trim = koffi.load(null).func('int malloc_trim(size_t)') as (pad: number) => number;
  } catch {
    return; // Another libc, which gives back by its own rules.
  }
  trim(0);
}
