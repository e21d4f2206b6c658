import type { HttpTransport } from './http-transport.ts';
import { Unreachable } from './status-error.ts';
import type { ApiRequest, ApiResponse } from './transport.ts';

/** Nothing was sent: there was no connection. */
const NEVER_CONNECTED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENOTFOUND']);

/**
 * Several servers of one cluster as one: requests go to one of them until it cannot be reached, then to the next. A
 * request is sent again only when there was no connection to send it over; any other that fails is its caller's to
 * repeat, and goes to the next server then. A watch goes on there from the revision it had.
 */
export function failoverTransport(servers: readonly [HttpTransport, ...HttpTransport[]]): HttpTransport {
  return new FailoverTransport(servers);
}

class FailoverTransport implements HttpTransport {
  readonly #servers: readonly [HttpTransport, ...HttpTransport[]];
  #current = 0;

  constructor(servers: readonly [HttpTransport, ...HttpTransport[]]) {
    this.#servers = servers;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    for (let tries = 1; ; tries++) {
      const at = this.#current;
      try {
        return await this.#servers[at]!.request(request);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        // Another request may have moved on already.
        if (this.#current === at) this.#current = (at + 1) % this.#servers.length;
        if (tries >= this.#servers.length || !neverConnected(error)) throw error;
      }
    }
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}

function neverConnected({ cause }: Unreachable): boolean {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code !== undefined && NEVER_CONNECTED.has(code);
}
