import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { HttpFailure } from '../http-failure.ts';
import type { UpgradeRequest } from './upgrade.ts';

/** What golang.org/x/net/websocket takes, which the other side is written for. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/**
 * Takes the upgrade with the first of the client's subprotocols that stands in `supported`; a client that
 * names none gets none.
 *
 * @throws HttpFailure 403 when it names only others.
 */
export function acceptWebSocket(upgrade: UpgradeRequest, supported: readonly string[]): Promise<WebSocket> {
  const offered = (upgrade.request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
  const chosen = offered.find((protocol) => supported.includes(protocol));
  if (chosen === undefined && offered.length > 0)
    throw new HttpFailure(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${supported.join(' ')}]`,
    );
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: () => chosen ?? false,
  });
  return new Promise((resolve, reject) => {
    server.once('wsClientError', (error) => reject(new HttpFailure(400, error.message)));
    server.handleUpgrade(upgrade.request, upgrade.socket as Socket, upgrade.head, resolve);
  });
}
