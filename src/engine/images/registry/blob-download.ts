import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BadRequest, OrreryError, systemClock } from '../../../base/index.ts';
import type { Descriptor } from '../media-types.ts';
import { isTransient, type RegistryClient, unreachable } from './registry-client.ts';

/** Connections lost in a row without one byte in between. */
const MAX_FAILURES = 5;
/** Connections lost at all: a registry that gives a byte at a time is not waited for. */
const MAX_RESUMPTIONS = 100;

/**
 * A blob's bytes as they come. A lost connection is taken up again where it broke (Range); size and digest are
 * verified on the way: more bytes than promised, or other ones, end it.
 *
 * @throws BadRequest for a registry that lies @throws OrreryError RegistryUnreachable
 */
export async function* downloadBlob(
  client: RegistryClient,
  repository: string,
  blob: Descriptor,
  options: { signal?: AbortSignal; onBytes?: (soFar: number) => void } = {},
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let received = 0;
  let failures = 0;
  for (let connections = 0; ; connections++) {
    const before = received;
    try {
      const answer = await openAt(client, repository, blob, received, options.signal);
      for await (const chunk of fromOffset(answer, received)) {
        received += chunk.byteLength;
        if (received > blob.size)
          throw new BadRequest(`${blob.digest} is longer than the ${blob.size} bytes its manifest says`);
        hash.update(chunk);
        options.onBytes?.(received);
        yield chunk;
      }
      if (received === blob.size) break;
      throw Object.assign(new Error(`the connection ended after ${received} of ${blob.size} bytes`), {
        code: 'ECONNRESET',
      });
    } catch (error) {
      if (error instanceof OrreryError || options.signal?.aborted || !isTransient(error)) throw error;
      failures = received > before ? 0 : failures + 1;
      if (failures >= MAX_FAILURES || connections >= MAX_RESUMPTIONS) throw unreachable(client.host, error);
      await systemClock.sleep(Math.min(100 * 2 ** failures, 4000), options.signal);
    }
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== blob.digest)
    throw new BadRequest(`${blob.digest} does not have the digest its manifest says: it is ${digest}`);
}

async function openAt(
  client: RegistryClient,
  repository: string,
  blob: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const answer = await client.send({
    method: 'GET',
    path: `${repository}/blobs/${blob.digest}`,
    scope: `repository:${repository}:pull`,
    ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }),
    ...(signal && { signal }),
  });
  const length = Number(answer.headers['content-length']);
  const expected = answer.statusCode === 206 ? blob.size - offset : blob.size;
  if (Number.isFinite(length) && length !== expected) {
    answer.destroy();
    throw new BadRequest(
      `${blob.digest} has ${length + blob.size - expected} bytes, its manifest says ${blob.size}`,
    );
  }
  return answer;
}

/** The rest of an answer: one that knows no ranges begins anew. */
async function* fromOffset(answer: IncomingMessage, offset: number): AsyncGenerator<Buffer> {
  let skip = answer.statusCode === 206 ? 0 : offset;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const rest = chunk.subarray(Math.min(skip, chunk.byteLength));
    skip -= chunk.byteLength - rest.byteLength;
    if (rest.byteLength > 0) yield rest;
  }
}
