import type { LogLine } from '../../libpod/index.ts';
import { encodeFrame, STREAM } from '../http/frames.ts';
import { utcTime } from '../http/times.ts';

export interface LogChunkOptions {
  /** Bytes as they are; else a frame for each line. */
  tty: boolean;
  timestamps: boolean;
  stdout: boolean;
  stderr: boolean;
}

const NEWLINE = Buffer.from('\n');

/** Lines of a log as Docker sends them. */
export async function* logChunks(
  lines: AsyncIterable<LogLine>,
  options: LogChunkOptions,
): AsyncGenerator<Buffer> {
  for await (const line of lines) {
    if (!options[line.stream]) continue;
    const parts = [line.text];
    if (options.timestamps) parts.unshift(Buffer.from(`${utcTime(line.time)} `));
    if (!line.isPartial) parts.push(NEWLINE);
    const bytes = Buffer.concat(parts);
    yield options.tty ? bytes : encodeFrame(STREAM[line.stream], bytes);
  }
}
