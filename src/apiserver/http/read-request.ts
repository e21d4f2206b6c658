import type { Readable } from 'node:stream';
import { BadRequest } from '../../base/index.ts';
import { BODY_LIMIT_BYTES } from '../encoding/body.ts';
import { entityTooLarge } from '../errors.ts';
import type { ApiRequest } from './messages.ts';

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** The part of both wires that is the same. `url` is the request target: path and query. */
export function requestOf(
  method: string,
  url: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  headerLines?: readonly string[],
): ApiRequest | undefined {
  const isReading = method === 'HEAD' || method === 'OPTIONS';
  const wanted = isReading ? 'GET' : method;
  if (!METHODS.has(wanted)) return undefined;
  const at = url.indexOf('?');
  const request: ApiRequest = {
    method: wanted as ApiRequest['method'],
    path: at === -1 ? url : url.slice(0, at),
    headers: flattened(headers),
    ...(headerLines !== undefined && { headerLines }),
    ...(isReading && { sentMethod: method }),
  };
  if (at !== -1) request.query = new URLSearchParams(url.slice(at + 1));
  return request;
}

function flattened(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.charCodeAt(0) === 58) continue; // ':method' and its like
    flat[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flat;
}

/**
 * By events: an iterator of the stream makes a dozen promises for the one piece that most bodies are. The stream is
 * the answer's too and outlives a refusal.
 *
 * @throws OrreryError RequestEntityTooLarge as soon as more than the limit has come, BadRequest when it breaks off.
 */
export async function readBodyBytes(
  stream: Readable,
  contentLength: string | undefined,
): Promise<Uint8Array> {
  if (Number(contentLength) > BODY_LIMIT_BYTES) throw entityTooLarge(BODY_LIMIT_BYTES);
  if (stream.destroyed) throw brokenOff();
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onData = (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size > BODY_LIMIT_BYTES) reject(entityTooLarge(BODY_LIMIT_BYTES));
  };
  // A client that went away while it sent: nobody reads the answer.
  const onBreak = (cause?: Error) => reject(brokenOff(cause));
  stream.on('data', onData).once('end', resolve).once('error', onBreak).once('close', onBreak);
  try {
    await promise;
  } finally {
    stream.off('data', onData).off('end', resolve).off('error', onBreak).off('close', onBreak);
    if (!stream.readableEnded) stream.pause();
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function brokenOff(cause?: Error): BadRequest {
  return new BadRequest(cause?.message ?? 'the request broke off', { cause });
}
