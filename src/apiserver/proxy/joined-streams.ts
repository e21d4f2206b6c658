import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** The backend's answer goes to the client as it is; from then on each side's bytes, and its end, are the other's. */
export function joinStreams(
  { socket: client, head: clientHead }: { socket: Duplex; head: Uint8Array },
  backend: Duplex,
  backendHead: Uint8Array,
  response: IncomingMessage,
): void {
  const lines = [`HTTP/1.1 101 ${response.statusMessage ?? 'Switching Protocols'}`];
  for (let index = 0; index < response.rawHeaders.length; index += 2)
    lines.push(`${response.rawHeaders[index]}: ${response.rawHeaders[index + 1]}`);
  client.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (backendHead.length > 0) client.write(backendHead);
  if (clientHead.length > 0) backend.write(clientHead);
  // The client may have gone while the backend was being asked.
  if (client.destroyed) backend.destroy();
  client.pipe(backend);
  backend.pipe(client);
  for (const [one, other] of [
    [client, backend],
    [backend, client],
  ] as const) {
    one.once('error', () => other.destroy());
    one.once('close', () => other.destroy());
  }
}
