import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Conflict } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { LogLine, LogsOptions } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 10;

/** What a container's processes have written, as conmon has logged it (CRI: `<time> stdout|stderr P|F <text>`). */
export class Logs {
  readonly #engine: Engine;
  readonly #store: ContainerStore;

  constructor(engine: Engine, store: ContainerStore) {
    this.#engine = engine;
    this.#store = store;
  }

  async *read(text: string, options: LogsOptions): AsyncGenerator<LogLine> {
    const { id, state, stored } = await this.#store.find(text);
    const driver = stored.hostConfig.LogConfig?.Type ?? '';
    if (driver === 'none' || driver === 'passthrough')
      throw new Conflict(
        `this container is using the '${driver}' log driver, cannot read logs: this container is not logging output`,
      );
    const file = await openIfThere(state.logPath);
    if (file === undefined) {
      if (!options.follow) return;
      await this.#untilThere(id, state.logPath, options.signal);
      return yield* this.read(id, options);
    }
    try {
      const tail = options.tail === undefined || options.tail < 0 ? undefined : options.tail;
      const start = tail === undefined ? 0 : await startOfTail(file, tail);
      for await (const line of options.follow
        ? this.#follow(id, state.logPath, file, start, options.signal)
        : lines(file, start)) {
        const timeMs = Date.parse(line.time);
        if (options.sinceMs !== undefined && timeMs < options.sinceMs) continue;
        if (options.untilMs !== undefined && timeMs > options.untilMs) return;
        yield line;
      }
    } finally {
      await file.close();
    }
  }

  /** Waits for the log of one that has not been started. */
  async #untilThere(id: string, path: string, signal?: AbortSignal): Promise<void> {
    while (!signal?.aborted) {
      const file = await openIfThere(path);
      if (file !== undefined) return await file.close();
      await this.#store.load(id);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async *#follow(
    id: string,
    path: string,
    file: FileHandle,
    start: number,
    signal?: AbortSignal,
  ): AsyncGenerator<LogLine> {
    let wake: () => void = () => undefined;
    let isEnded = false;
    const ended = () => {
      isEnded = true;
      wake();
    };
    this.#engine.ended(id).then(ended, ended);
    const watcher: FSWatcher = watch(path, () => wake());
    const onAbort = () => wake();
    signal?.addEventListener('abort', onAbort);
    let at = start;
    try {
      while (!signal?.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        // Asked before reading: what is written until the end is read after it.
        const wasEnded = isEnded;
        for await (const line of lines(file, at, (end) => (at = end))) yield line;
        if (wasEnded) return;
        if (!isEnded && !signal?.aborted) await woken;
      }
    } finally {
      watcher.close();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole lines from `start` on; `passed` is told where the next one begins. */
async function* lines(
  file: FileHandle,
  start: number,
  passed?: (end: number) => void,
): AsyncGenerator<LogLine> {
  let rest: Buffer = Buffer.alloc(0);
  let at = start;
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at + rest.length);
    if (bytesRead === 0) return;
    const text = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let from = 0;
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, from)) {
      const line = parseLogLine(text.subarray(from, end));
      from = end + 1;
      passed?.(at + from);
      if (line !== undefined) yield line;
    }
    at += from;
    rest = text.subarray(from);
  }
}

/** undefined for what conmon cannot have written whole. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const time = line.indexOf(32);
  const stream = line.indexOf(32, time + 1);
  const flag = line.indexOf(32, stream + 1);
  if (time <= 0 || stream < 0 || flag < 0) return undefined;
  const name = line.toString('latin1', time + 1, stream);
  if (name !== 'stdout' && name !== 'stderr') return undefined;
  return {
    time: line.toString('latin1', 0, time),
    stream: name,
    text: line.subarray(flag + 1),
    isPartial: line.toString('latin1', stream + 1, flag) === 'P',
  };
}

/** Where the last `count` lines begin: pieces of one line (`P`) count once. */
async function startOfTail(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  // From the end backwards, until enough whole lines are seen.
  let from = size;
  let tail: Buffer = Buffer.alloc(0);
  while (from > 0) {
    const step = Math.min(CHUNK_BYTES, from);
    from -= step;
    const chunk = Buffer.alloc(step);
    await file.read(chunk, 0, step, from);
    tail = Buffer.concat([chunk, tail]);
    const starts = lineStarts(tail, from === 0);
    if (starts.length >= count || from === 0) return from + (starts.at(-count) ?? starts[0] ?? 0);
  }
  return 0;
}

/** Where lines of the container begin in a piece of its log. */
function lineStarts(text: Buffer, isWhole: boolean): number[] {
  const starts: number[] = [];
  let wasPartial = false;
  let from = isWhole ? 0 : text.indexOf(NEWLINE) + 1;
  for (let end = text.indexOf(NEWLINE, from); end >= 0; end = text.indexOf(NEWLINE, from)) {
    if (!wasPartial) starts.push(from);
    wasPartial = parseLogLine(text.subarray(from, end))?.isPartial === true;
    from = end + 1;
  }
  return starts;
}
