import type { FileHandle } from 'node:fs/promises';
import { parseCriRecord } from './cri-record.ts';
import type { LogOptions } from './log-options.ts';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Where the last `lines` lines of a log begin, reading from its end, as little as needed. A line may be
 * several records (`P` … `F`); a line that is not finished yet counts.
 */
export async function tailOffset(
  file: FileHandle,
  sizeBytes: number,
  lines: number,
  stream: LogOptions['stream'],
): Promise<number> {
  if (lines === 0) return sizeBytes;
  const counter = new LineCounter(lines, stream);
  let position = sizeBytes;
  /** The part of a record that begins in an earlier block. */
  let carry: Buffer = Buffer.alloc(0);
  while (position > 0) {
    const length = Math.min(BLOCK_BYTES, position);
    position -= length;
    const block = Buffer.concat([await readAt(file, position, length), carry]);
    let end = block.length;
    for (;;) {
      const start = block.lastIndexOf(NEWLINE, end - 2) + 1;
      if (start === 0 && position > 0) break;
      if (end > start && counter.isBefore(block.subarray(start, end))) return position + end;
      end = start;
      if (end === 0) break;
    }
    carry = block.subarray(0, end);
  }
  return 0;
}

/** Fed with records from the last to the first. */
class LineCounter {
  #left: number;
  readonly #stream: LogOptions['stream'];
  readonly #seen = new Set<string>();

  constructor(lines: number, stream: LogOptions['stream']) {
    this.#left = lines;
    this.#stream = stream;
  }

  /** Whether this record ends a line before the ones wanted. */
  isBefore(line: Buffer): boolean {
    const record = parseCriRecord(line.at(-1) === NEWLINE ? line.subarray(0, -1) : line);
    if (record === undefined || !isWanted(this.#stream, record.stream)) return false;
    const endsLine = !record.partial || !this.#seen.has(record.stream);
    this.#seen.add(record.stream);
    if (endsLine && this.#left === 0) return true;
    if (endsLine) this.#left--;
    return false;
  }
}

export function isWanted(wanted: LogOptions['stream'], stream: 'stdout' | 'stderr'): boolean {
  return wanted === 'All' || wanted.toLowerCase() === stream;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
