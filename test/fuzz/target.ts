import { TestServer } from '../../src/apiserver/api-server.test-support.ts';
import { furniture, type Sent } from './requests.ts';

/** Ten times what the slowest takes on a machine that does other things too. */
const SLOW_MS = 4000;
const ADMIN = { name: 'fuzz', groups: ['system:masters', 'system:authenticated'] };
/** A future revision is 504, and nothing of ours has a backend that could be away. */
const ALLOWED = new Set([501, 504]);

/** Something that no request may bring about. */
export class Hit extends Error {}

/** Our server in memory, under fire. */
export class Target {
  readonly #server: TestServer;
  readonly statuses = new Map<number, number>();

  private constructor(server: TestServer) {
    this.#server = server;
  }

  static async start(): Promise<Target> {
    const target = new Target(await TestServer.start());
    for (const one of furniture()) await target.fire(one);
    return target;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** @throws Hit when the answer is the server's fault, comes late, or left traces. */
  async fire({ query, ...request }: Sent): Promise<void> {
    const ending = new AbortController();
    const start = performance.now();
    const response = await this.#server.api.handle(
      { ...request, ...(query && { query: new URLSearchParams(query) }), signal: ending.signal },
      ADMIN,
    );
    const { status, body } = response;
    let text = '';
    if (body instanceof Uint8Array) text = Buffer.from(body).toString();
    else if (request.method === 'GET' && /watch=/.test(query ?? '')) ending.abort();
    else if (Symbol.asyncIterator in body)
      for await (const chunk of body) text += Buffer.from(chunk).toString();
    ending.abort();
    const tookMs = performance.now() - start;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const what = `${request.method} ${request.path}?${query} ${JSON.stringify(request.headers)}`;
    if (status >= 500 && !(ALLOWED.has(status) || isRefusal(text)))
      throw new Hit(`${status} ${text.slice(0, 1000)}: ${what}`);
    if (tookMs > SLOW_MS) throw new Hit(`${Math.round(tookMs)} ms: ${what}`);
    if (({} as { polluted?: unknown }).polluted !== undefined || Object.keys(Object.prototype).length > 0)
      throw new Hit(`a prototype is polluted: ${what}`);
  }
}

/** 5xx that upstream answers with too. */
function isRefusal(text: string): boolean {
  return /"reason":"(Timeout|ServerTimeout|ServiceUnavailable)"/.test(text);
}

export function shownBody({ body }: Sent): string {
  return body === undefined ? '' : Buffer.from(body).toString('latin1').slice(0, 3000);
}
