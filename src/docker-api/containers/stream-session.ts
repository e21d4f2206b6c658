import type { Readable, Writable } from 'node:stream';
import { encodeFrame, STREAM } from '../http/frames.ts';
import type { Hijacked } from '../http/hijack.ts';
import { detachKeys } from './detach-keys.ts';

export interface SessionStreams {
  stdin?: Writable;
  stdout?: Readable;
  stderr?: Readable;
}

export interface SessionOptions {
  /** Bytes as they are; else in frames that say which stream they are of. */
  raw: boolean;
  /** Keys that leave a terminal; none without one. */
  detachKeys: readonly number[];
}

/**
 * Carries a process's streams over a hijacked connection. Resolves when its output has ended, the client is gone, or
 * the keys to leave were typed; the connection is still open then. A client that has ended its input goes on reading.
 */
export async function carrySession(
  connection: Hijacked,
  streams: SessionStreams,
  options: SessionOptions,
): Promise<'ended' | 'detached' | 'gone'> {
  const outputs = [
    streams.stdout && copyOut(streams.stdout, connection.output, options.raw ? undefined : STREAM.stdout),
    streams.stderr && copyOut(streams.stderr, connection.output, options.raw ? undefined : STREAM.stderr),
  ];
  const detached = new Promise<'detached'>((resolve) => {
    copyIn(connection.input, streams.stdin, options.detachKeys, () => resolve('detached'));
  });
  return Promise.race([
    Promise.all(outputs).then(() => 'ended' as const),
    connection.closed.then(() => 'gone' as const),
    detached,
  ]);
}

/** Waits for the connection to take what was written before it reads more. */
async function copyOut(from: Readable, to: Writable, stream: number | undefined): Promise<void> {
  try {
    for await (const chunk of from) {
      // Read on for nobody: the process is not to stand still, or end, because its reader left.
      if (to.destroyed) continue;
      const bytes = chunk as Buffer;
      if (to.write(stream === undefined ? bytes : encodeFrame(stream, bytes))) continue;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          to.off('drain', go);
          to.off('close', go);
          resolve();
        };
        to.on('drain', go);
        to.on('close', go);
      });
    }
  } catch (error) {
    // A side that was closed by us, or by the process's end, while the other was being read.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

function copyIn(
  from: Readable,
  to: Writable | undefined,
  keys: readonly number[],
  onDetach: () => void,
): void {
  if (to === undefined) {
    // Read all the same: a connection that nobody reads does not tell of its end.
    from.resume();
    return;
  }
  // The process may end before it has read everything that was sent.
  to.on('error', () => from.resume());
  if (keys.length === 0) from.pipe(to);
  else from.pipe(detachKeys(keys, onDetach)).pipe(to);
}
