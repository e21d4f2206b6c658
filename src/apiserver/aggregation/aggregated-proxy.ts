import { BadRequest, type OrreryError } from '../../base/index.ts';
import { type ApiRequest, type ApiResponse, textResponse, type User } from '../http/messages.ts';
import type { RequestWire } from '../pipeline.ts';
import { joinStreams } from '../proxy/joined-streams.ts';
import { answerHeaders, forwardedHeaders } from '../proxy/object-proxy.ts';
import { ALL_WORKSPACES, DEFAULT_WORKSPACE, type RequestInfo } from '../request-info/request-info.ts';
import type { RemoteVersion } from './api-services.ts';
import { type BackendAnswer, type BackendClient, BackendUnreachable } from './backend-client.ts';

const REFUSAL_LIMIT_BYTES = 64 * 1024;
const REDIRECT_REFUSED = 'the backend attempted to redirect this request, which is not permitted';

export interface ProxiedRequest {
  request: ApiRequest;
  user: User;
  info: RequestInfo;
  wire: RequestWire;
  /** The backend is not waited for longer than whoever asked is; undefined: what is long-running. */
  limitMs: number | undefined;
  auditId: string | undefined;
}

/**
 * Carries a request, past authentication and authorization, to the extension API server of its group version, and the
 * answer back as it is. Admission and validation are the backend's.
 *
 * Source: k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go, k8s.io/apimachinery/pkg/util/proxy.
 */
export class AggregatedProxy {
  readonly #backends: BackendClient;

  constructor(backends: BackendClient) {
    this.#backends = backends;
  }

  /** @throws BadRequest for a path that climbs. What the backend is to blame for is a plain 503. */
  async serve(version: RemoteVersion, proxied: ProxiedRequest): Promise<ApiResponse> {
    const { request, user, wire, auditId } = proxied;
    const path = backendPath(proxied);
    if (!version.isAvailable) return unavailable();
    const headers = forwardedHeaders(request, wire.upgrade !== undefined);
    if (wire.remoteAddress !== undefined)
      headers['x-forwarded-for'] = [headers['x-forwarded-for'], wire.remoteAddress]
        .filter(Boolean)
        .join(', ');
    if (auditId !== undefined) headers['audit-id'] = auditId;
    const length = request.headers?.['content-length'];
    // Without either, Node sends the body of a GET or DELETE as it is: to the backend it is another request, ours.
    if (wire.body !== undefined)
      Object.assign(
        headers,
        length === undefined ? { 'transfer-encoding': 'chunked' } : { 'content-length': length },
      );
    const { limitMs } = proxied;
    const deadline = limitMs === undefined ? undefined : new Deadline(request.signal, limitMs);
    const body = wire.body?.stream ?? request.body;
    const signal = deadline?.signal ?? request.signal;
    try {
      const method = request.sentMethod === 'HEAD' ? 'HEAD' : request.method;
      const sent = { method, path, headers, user, body, signal };
      const answer = await this.#backends.send(version.backend, sent);
      deadline?.answered();
      return wire.upgrade === undefined ? answerOf(answer) : await upgradedAnswer(answer, wire.upgrade);
    } catch (error) {
      deadline?.answered();
      return failure(error, wire.upgrade !== undefined);
    }
  }
}

/** A time limit until the answer begins; what is streamed after that may take as long as it likes. */
class Deadline {
  readonly signal: AbortSignal;
  readonly #expiry = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(client: AbortSignal | undefined, limitMs: number) {
    this.#timer = setTimeout(() => this.#expiry.abort(), limitMs);
    const { signal } = this.#expiry;
    this.signal = client === undefined ? signal : AbortSignal.any([client, signal]);
  }

  answered(): void {
    clearTimeout(this.#timer);
  }
}

function unavailable(): ApiResponse {
  return textResponse(503, 'service unavailable\n');
}

function failure(error: unknown, upgrading: boolean): ApiResponse {
  if (error instanceof BackendUnreachable)
    return textResponse(503, `${upgrading ? '' : 'error trying to reach service: '}${error.message}\n`);
  if ((error as Partial<OrreryError>).code === 'ServiceUnavailable') return unavailable();
  if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_CHAR')
    return textResponse(503, 'error trying to reach service: net/http: invalid header field value\n');
  throw error;
}

/**
 * The path as the client wrote it, without the workspace, with the query: decoded it could mean something else to the
 * backend than to whoever authorized it, so what climbs is refused.
 */
function backendPath({ request, info }: ProxiedRequest): string {
  if (
    info.workspace !== DEFAULT_WORKSPACE &&
    !(info.workspace === ALL_WORKSPACES && info.type === 'resource')
  )
    throw new BadRequest('an extension API server serves no workspaces');
  for (const segment of info.path.split('/'))
    if (/^(\.|%2e){1,2}$/i.test(segment))
      throw new BadRequest(`the path must not contain ${JSON.stringify(segment)}`);
  const query = request.query?.toString();
  const slash = request.path.endsWith('/') ? '/' : '';
  return `${info.path}${slash}${query ? `?${query}` : ''}`;
}

/** The backend's answer for our client, unless HTTP has no place for it, or it leads elsewhere. */
export function answerOf({ response, upgraded }: BackendAnswer): ApiResponse {
  const status = response.statusCode ?? 0;
  const headers = answerHeaders(response);
  const isRedirect = status >= 300 && status <= 399 && headers.location !== undefined;
  if (upgraded === undefined && !isRedirect && status >= 200 && status <= 599)
    return { status, headers, body: response };
  upgraded?.socket.destroy();
  response.destroy();
  if (isRedirect) return textResponse(502, REDIRECT_REFUSED);
  return textResponse(503, `error trying to reach service: it answered with status ${status}\n`);
}

async function upgradedAnswer(
  { response, upgraded }: BackendAnswer,
  client: NonNullable<RequestWire['upgrade']>,
): Promise<ApiResponse> {
  if (upgraded !== undefined) {
    joinStreams(client, upgraded.socket, upgraded.head, response);
    return { status: 101, headers: {}, body: new Uint8Array() };
  }
  // Refused: whoever asked to switch gets a whole answer and an end.
  const { status, headers } = answerOf({ response });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > REFUSAL_LIMIT_BYTES) break;
  }
  const { 'content-length': _counted, ...others } = headers;
  return { status, headers: others, body: Buffer.concat(chunks) };
}
