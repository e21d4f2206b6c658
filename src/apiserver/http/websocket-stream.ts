import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { BadRequest } from '../../base/index.ts';
import type { ApiResponse } from './messages.ts';

/** Carries a token, not a way of talking. */
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';
const BINARY = 'binary.k8s.io';
const BASE64 = 'base64.binary.k8s.io';

export function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Sends a log or a watch over a WebSocket: an event is a message of text, a piece of a log one of bytes (or base64, when
 * the client says so). What the client sends is not read. Ends when the answer or the client does.
 * Source: k8s.io/apimachinery/pkg/util/httpstream/wsstream/stream.go, k8s.io/apiserver/pkg/endpoints/handlers/watch.go.
 *
 * @throws BadRequest when it is no proper WebSocket request, or asks for another protocol.
 */
export async function streamOverWebSocket(
  { message, socket, head }: { message: IncomingMessage; socket: Duplex; head: Buffer },
  answer: ApiResponse,
): Promise<void> {
  const isLog = answer.headers['content-type'] === 'text/plain';
  const web = await accept(message, socket as Socket, head, isLog ? [BINARY, BASE64] : undefined);
  const send = (data: Uint8Array | string) =>
    new Promise<void>((resolve) => web.send(data, { binary: typeof data !== 'string' }, () => resolve()));
  const open = () => web.readyState === web.OPEN;
  // Tells the client that the connection stands.
  if (isLog) await send(web.protocol === BASE64 ? '' : new Uint8Array());
  for await (const chunk of answer.body instanceof Uint8Array ? [answer.body] : answer.body) {
    if (!open()) break;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (!isLog) for (const line of bytes.toString().match(/[^\n]+\n?/g) ?? []) await send(line);
    else await send(web.protocol === BASE64 ? bytes.toString('base64') : bytes);
  }
  web.close(1000);
}

function accept(
  message: IncomingMessage,
  socket: Socket,
  head: Buffer,
  supported: readonly string[] | undefined,
): Promise<WebSocket> {
  const offered = (message.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '' && !protocol.startsWith(TOKEN_PROTOCOL));
  const chosen = offered.find((protocol) => supported?.includes(protocol) ?? true);
  if (chosen === undefined && offered.length > 0)
    throw new BadRequest(
      `requested protocol(s) are not supported: [${offered.join(' ')}]; supports [${supported!.join(' ')}]`,
    );
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: 4096,
    handleProtocols: () => chosen ?? false,
  });
  return new Promise((resolve, reject) => {
    server.once('wsClientError', (error) => reject(new BadRequest(error.message)));
    server.handleUpgrade(message, socket, head, (web) => {
      // Its connection's listener tells; without one of its own an error would end the process.
      web.on('error', () => web.terminate());
      resolve(web);
    });
  });
}
