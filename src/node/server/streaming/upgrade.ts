import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpFailure } from '../http-failure.ts';

/** A request that asks for its connection to become something else. */
export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  /** What came after the request's head. */
  head: Buffer;
}

export function isSpdy(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'spdy/3.1';
}

export function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** The first of the client's protocols that we speak, too. @throws HttpFailure 403, in Kubernetes' words. */
export function negotiate(request: IncomingMessage, supported: readonly string[]): string {
  const header = request.headers['x-stream-protocol-version'];
  const offered = [header ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((protocol) => protocol.trim());
  const chosen = offered.find((protocol) => supported.includes(protocol));
  if (chosen !== undefined) return chosen;
  throw new HttpFailure(
    403,
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${supported.join(' ')}]`,
  );
}

/** Answers 101 for SPDY; from then on the socket carries frames. */
export function switchToSpdy(upgrade: UpgradeRequest, protocol: string): void {
  upgrade.socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (upgrade.head.length > 0) upgrade.socket.unshift(upgrade.head);
}

/** Answers an upgrade with a refusal, and closes. */
export function refuseUpgrade(socket: Duplex, failure: HttpFailure): void {
  const body = Buffer.from(`${failure.message}\n`);
  const reason = REASONS[failure.status] ?? 'Error';
  socket.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${failure.status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
          `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      ),
      body,
    ]),
  );
}

const REASONS: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
};
