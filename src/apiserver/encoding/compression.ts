import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import { type ApiRequest, type ApiResponse, bodyLength, isWhole, joinedBody } from '../http/messages.ts';

/** k8s.io/apiserver/pkg/endpoints/handlers/responsewriters defaultGzipThresholdBytes: below, it costs more than it saves. */
const THRESHOLD_BYTES = 128 * 1024;
const OPTIONS = { level: constants.Z_BEST_SPEED };

const gzipWhole = promisify(gzip);

/** A large answer (not a watch) compressed, when the client takes that. */
export async function compressed(response: ApiResponse, request: ApiRequest): Promise<ApiResponse> {
  const { body } = response;
  if (!takesGzip(request.headers?.['accept-encoding'])) return response;
  if ((bodyLength(body) ?? Number.POSITIVE_INFINITY) <= THRESHOLD_BYTES) return response;
  const headers = { ...response.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' };
  if (isWhole(body)) return { ...response, headers, body: await gzipWhole(joinedBody(body), OPTIONS) };
  const zipped = createGzip(OPTIONS);
  // Whoever reads `zipped` hears of an error of either.
  pipeline(Readable.from(body), zipped, () => undefined);
  return { ...response, headers, body: zipped };
}

export function takesGzip(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((part) => /^gzip\s*(;\s*q=(1|0\.0*[1-9]).*)?$/i.test(part.trim()));
}
