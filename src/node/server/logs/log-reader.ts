import type { FileHandle } from 'node:fs/promises';
import { formatTimestamp, parseCriRecord } from './cri-record.ts';
import { followFile } from './file-follower.ts';
import type { LogOptions } from './log-options.ts';
import { isWanted, tailOffset } from './tail-offset.ts';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export interface LogSource {
  path: string;
  /** The file at `path`, open for reading; the caller closes it. */
  file: FileHandle;
  /** Resolves when nobody writes to the log any more. */
  ended: Promise<void>;
}

/** What the container wrote, as the options ask for it. The order of the options is kubelet's: tail, since, limit. */
export async function* readLog(
  source: LogSource,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogPiece> {
  const { size } = await source.file.stat();
  const offset =
    options.tailLines === undefined
      ? 0
      : await tailOffset(source.file, size, options.tailLines, options.stream);
  const bytes = options.follow
    ? followFile({ ...source, offset, signal })
    : readRange(source.file, offset, size);
  const printer = new LogPrinter(options);
  for await (const chunk of bytes) {
    yield* printer.print(chunk);
    if (printer.isFull || signal.aborted) return;
  }
  yield* printer.printRest();
}

export interface LogPiece {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

async function* readRange(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  for (let offset = from; offset < to; ) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - offset));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Turns the bytes of a log file into what the user asked for. */
class LogPrinter {
  readonly #options: LogOptions;
  #held: Buffer = Buffer.alloc(0);
  #leftBytes: number;
  /** Records come in the order of time: once one is late enough, all that follow are. */
  #sinceReached: boolean;
  /** Streams in the middle of a line. */
  readonly #inLine = new Set<string>();

  constructor(options: LogOptions) {
    this.#options = options;
    this.#leftBytes = options.limitBytes ?? Number.POSITIVE_INFINITY;
    this.#sinceReached = options.sinceMs === undefined;
  }

  get isFull(): boolean {
    return this.#leftBytes <= 0;
  }

  /** One piece for each run of records of one stream. */
  *print(chunk: Buffer): Generator<LogPiece> {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const run = new Run();
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0 && !this.isFull; end = bytes.indexOf(NEWLINE, start)) {
      yield* run.add(this.#record(bytes.subarray(start, end)));
      start = end + 1;
    }
    this.#held = Buffer.from(bytes.subarray(start));
    yield* run.end();
  }

  /** A last record without its newline: its writer died in the middle of it. */
  *printRest(): Generator<LogPiece> {
    if (this.#held.length > 0 && !this.isFull) {
      const piece = this.#record(this.#held);
      if (piece !== undefined) yield piece;
    }
  }

  #record(line: Buffer): LogPiece | undefined {
    const record = parseCriRecord(line);
    if (record === undefined || !isWanted(this.#options.stream, record.stream)) return undefined;
    this.#sinceReached ||= Date.parse(record.timestamp) >= this.#options.sinceMs!;
    if (!this.#sinceReached) return undefined;
    const parts: Buffer[] = [];
    if (this.#options.timestamps && !this.#inLine.has(record.stream))
      parts.push(Buffer.from(`${formatTimestamp(record.timestamp)} `));
    parts.push(record.text);
    if (record.partial) this.#inLine.add(record.stream);
    else {
      this.#inLine.delete(record.stream);
      parts.push(LINE_END);
    }
    const data = Buffer.concat(parts);
    const cut = data.length > this.#leftBytes ? data.subarray(0, this.#leftBytes) : data;
    this.#leftBytes -= cut.length;
    return { stream: record.stream, data: cut };
  }
}

const LINE_END = Buffer.from('\n');

/** Joins neighbours of one stream, so that a chunk of the file is few writes. */
class Run {
  #stream: LogPiece['stream'] | undefined;
  #parts: Buffer[] = [];

  *add(piece: LogPiece | undefined): Generator<LogPiece> {
    if (piece === undefined) return;
    if (piece.stream !== this.#stream) yield* this.end();
    this.#stream = piece.stream;
    this.#parts.push(piece.data);
  }

  *end(): Generator<LogPiece> {
    if (this.#stream !== undefined && this.#parts.length > 0)
      yield { stream: this.#stream, data: Buffer.concat(this.#parts) };
    this.#parts = [];
  }
}
