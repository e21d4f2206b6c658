import { closeSync, fstatSync, openSync, readSync, watch, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { append, BadRequest, type Clock, systemClock } from '../../base/index.ts';
import { withFileLock } from '../../engine/execution.ts';
import type { Events, LibpodEvent } from '../libpod.ts';
import { eventFilter } from './event-filters.ts';
import { eventFromJson, eventTime, eventTimeMs, eventToJson } from './event-json.ts';

export interface FileEventsOptions {
  /** The file; its folder is made. */
  path: string;
  /** Past this size the older half goes; 0: never. Default 10 MiB. */
  limitBytes?: number;
  /** `none`: nothing is written, and nothing can be read. */
  backend?: 'file' | 'none';
  clock?: Clock;
}

const DEFAULT_LIMIT_BYTES = 10 * 1024 * 1024;

/**
 * Events in one file, a JSON object a line, that every process appends to and any may follow. An event is
 * written in one piece; a reader passes over a line that a crash has torn. Not fsynced: events tell what
 * happened, nothing is decided by them.
 */
export class FileEvents implements Events {
  readonly #path: string;
  readonly #limitBytes: number;
  readonly #backend: 'file' | 'none';
  readonly #clock: Clock;

  constructor(options: FileEventsOptions) {
    this.#path = options.path;
    this.#limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
    this.#backend = options.backend ?? 'file';
    this.#clock = options.clock ?? systemClock;
  }

  async append(event: Omit<LibpodEvent, 'Time'>): Promise<void> {
    if (this.#backend === 'none') return;
    const line = `${eventToJson({ ...event, Time: this.#time() })}\n`;
    await mkdir(dirname(this.#path), { recursive: true });
    // Each is one write at the end of the file: those who write hold up nobody but who replaces it.
    const lock = `${this.#path}.lock`;
    const isWritten = await withFileLock(lock, async () => this.#write(line), { shared: true });
    if (!isWritten) await withFileLock(lock, () => this.#rotate(line));
  }

  async *read(options: Parameters<Events['read']>[0]): AsyncIterable<LibpodEvent> {
    if (this.#backend === 'none') throw new BadRequest('cannot read events with the "none" backend');
    const matches = eventFilter(options.filters ?? {});
    const { sinceMs, untilMs, follow = false } = options;
    const fromStart = !follow || sinceMs !== undefined || untilMs !== undefined;
    const lines = follow ? this.#follow(fromStart, options) : this.#linesNow();
    for await (const line of lines) {
      const event = eventFromJson(line);
      if (event === undefined) continue;
      const timeMs = eventTimeMs(event.Time);
      if (sinceMs !== undefined && timeMs <= sinceMs) continue;
      if (untilMs !== undefined && timeMs >= untilMs) continue;
      if (matches(event)) yield event;
    }
  }

  /** The system clock's time to the microsecond; a clock of a test as it is. */
  #time(): string {
    return eventTime(
      this.#clock === systemClock ? performance.timeOrigin + performance.now() : this.#clock.now(),
    );
  }

  /** False when the file is full. At once: a command tells some ten events, and each step by way of a thread is dearer than the step. */
  #write(line: string): boolean {
    const file = openSync(this.#path, 'a+', 0o600);
    try {
      const { size } = fstatSync(file);
      if (this.#limitBytes > 0 && size > 0 && size + Buffer.byteLength(line) >= this.#limitBytes)
        return false;
      writeWhole(file, `${endsTorn(file, size) ? '\n' : ''}${line}`);
      return true;
    } finally {
      closeSync(file);
    }
  }

  /** The newer half stays, with a mark; readers find the old file as it was. */
  async #rotate(line: string): Promise<void> {
    // Whoever waited for the lock before may have done it.
    if (this.#write(line)) return;
    const whole = await readFile(this.#path);
    const content = whole.subarray(Math.floor(whole.byteLength / 2)).toString();
    const newline = content.indexOf('\n');
    const kept = newline === -1 ? '' : content.slice(newline + 1);
    const mark = eventToJson({
      Type: 'system',
      Status: 'log-rotation',
      ID: '',
      Name: this.#path,
      Time: this.#time(),
    });
    const gap = kept === '' || kept.endsWith('\n') ? '' : '\n';
    await writeFile(`${this.#path}.new`, `${kept}${gap}${mark}\n${line}`, { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }

  async *#linesNow(): AsyncIterable<string> {
    const file = await openExisting(this.#path);
    if (file === undefined) return;
    try {
      yield* (await readFrom(file, 0)).toString().split('\n').filter(Boolean);
    } finally {
      await file.close();
    }
  }

  async *#follow(
    fromStart: boolean,
    options: { untilMs?: number; signal?: AbortSignal },
  ): AsyncIterable<string> {
    await mkdir(dirname(this.#path), { recursive: true });
    const bell = new Bell();
    const watcher = watch(dirname(this.#path), (_, name) => {
      if (name === basename(this.#path)) bell.ring();
    });
    const onAbort = () => bell.ring();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      options.untilMs === undefined
        ? undefined
        : setTimeout(onAbort, Math.max(0, options.untilMs - this.#clock.now()));
    const tail = new FileTail(this.#path);
    try {
      if (!fromStart) await tail.skipToEnd();
      for (;;) {
        const isOver = options.untilMs !== undefined && this.#clock.now() >= options.untilMs;
        const rung = bell.next();
        for (const line of await tail.newLines()) yield line;
        if (isOver || options.signal?.aborted) return;
        await rung;
      }
    } finally {
      clearTimeout(timer);
      watcher.close();
      options.signal?.removeEventListener('abort', onAbort);
      await tail.close();
    }
  }
}

/** What `next` gave resolves with the first ring after it. */
class Bell {
  #waiting: { promise: Promise<void>; resolve: () => void } | undefined;

  ring(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  next(): Promise<void> {
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }
}

/** Whole lines as they are added, also after the file was replaced by its newer half. */
class FileTail {
  readonly #path: string;
  #file: FileHandle | undefined;
  #inode = 0;
  #offset = 0;
  #lastLine: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async skipToEnd(): Promise<void> {
    await this.newLines();
  }

  async newLines(): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      // What the old file still got before it was replaced comes first.
      if (this.#file !== undefined) append(lines, await this.#readOn(this.#file));
      const now = await openExisting(this.#path);
      if (now === undefined) break;
      const { ino } = await now.stat();
      if (ino === this.#inode) {
        await now.close();
        break;
      }
      await this.#file?.close();
      this.#file = now;
      this.#inode = ino;
      this.#offset = 0;
      const content = await this.#readOn(now);
      // A file that took the old one's place begins with lines that were told already.
      const last = lines.at(-1) ?? this.#lastLine;
      append(lines, last === undefined ? content : content.slice(content.lastIndexOf(last) + 1));
    }
    this.#lastLine = lines.at(-1) ?? this.#lastLine;
    return lines;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #readOn(file: FileHandle): Promise<string[]> {
    const content = await readFrom(file, this.#offset);
    const end = content.lastIndexOf(0x0a);
    if (end === -1) return [];
    this.#offset += end + 1;
    return content.subarray(0, end).toString().split('\n').filter(Boolean);
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readFrom(file: FileHandle, offset: number): Promise<Buffer> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.max(0, size - offset));
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, offset + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** A full disk may take a part; what fails then is the next write, with its reason. */
function writeWhole(file: number, text: string): void {
  for (let left = Buffer.from(text); left.byteLength > 0; ) left = left.subarray(writeSync(file, left));
}

/** Whether the last line has no end: its writer died in the middle. */
function endsTorn(file: number, size: number): boolean {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last[0] !== 0x0a;
}
