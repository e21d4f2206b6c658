import { once } from 'node:events';
import { type ClientHttp2Stream, constants } from 'node:http2';

/**
 * The body of an answer. Node's own iteration takes an HTTP/2 stream whose peer is done for one that broke off, even
 * while all of it waits to be read (`closed` means the one there and the other in `stream.finished`): an answer that
 * came whole before its reader would be lost. To be made when the answer begins; read once, at any later time.
 *
 * The reader gets the stream's error, or `ERR_STREAM_PREMATURE_CLOSE` when it ended without one before its end.
 * A reader that stops early cancels the stream.
 */
export function bodyOf(stream: ClientHttp2Stream): AsyncIterable<Uint8Array> {
  let isOver = false;
  const over = new Promise<void>((resolve, reject) => {
    stream.once('end', () => {
      isOver = true;
      resolve();
    });
    stream.once('error', reject);
    stream.once('close', () => reject(brokenOff()));
  });
  // Told to the reader, when there is one.
  over.catch(() => undefined);
  // Makes the stream keep what comes for `read`.
  stream.on('readable', () => undefined);
  return read();

  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = stream.read() as Buffer | null;
        if (chunk !== null) yield chunk;
        else if (isOver) return;
        else await next();
      }
    } finally {
      if (!isOver) stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  async function next(): Promise<void> {
    const waiting = new AbortController();
    try {
      await Promise.race([over, once(stream, 'readable', { signal: waiting.signal })]);
    } finally {
      waiting.abort();
    }
  }
}

function brokenOff(): NodeJS.ErrnoException {
  return Object.assign(new Error('the connection was closed before the end of the answer'), {
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  });
}
