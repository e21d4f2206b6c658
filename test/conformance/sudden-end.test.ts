import { once } from 'node:events';
import { connect } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { type RunningServer, startServer } from './running-server.ts';

let running: RunningServer;
const errors: unknown[] = [];

beforeAll(async () => {
  running = await startServer({
    log: { ...silentLog, error: (message: string, fields?: object) => errors.push({ message, ...fields }) },
  });
});

afterAll(() => running?.stop());

/** The connection ends while its requests are under way. */
async function askAndGo(headers: Record<string, string>, goAfterMs: number): Promise<void> {
  const { port, pki } = running;
  const socket = connectTls({ host: '127.0.0.1', port, ca: pki.caCertificatePem, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const session = connect(`https://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  for (let count = 0; count < 50; count++)
    session
      .request({ ':path': '/version', ...headers })
      .on('error', () => undefined)
      .end();
  setTimeout(() => socket.destroy(), goAfterMs);
  await once(socket, 'close');
}

// A request that is still being judged when its HTTP/2 connection ends once ended the whole server.
test.each([
  ['nobody', {}],
  ['a wrong token', { authorization: 'Bearer a.b.c' }],
])('clients that go in the middle of their requests, as %s, harm nobody', async (_who, headers) => {
  for (let turn = 0; turn < 48; turn++) await askAndGo(headers as Record<string, string>, turn % 6);
  const answer = await fetchVersion();
  expect(answer).toBe(200);
  expect(errors).toEqual([]);
});

async function fetchVersion(): Promise<number> {
  const session = connect(`https://127.0.0.1:${running.port}`, { ca: running.pki.caCertificatePem });
  try {
    const [headers] = await once(session.request({ ':path': '/version' }), 'response');
    return headers[':status'];
  } finally {
    session.destroy();
  }
}
