import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { probeGrpc } from './grpc-probe.ts';

let server: Http2Server | undefined;
afterEach(() => server?.close());

/** A health service that answers with a serving status, or refuses with a gRPC status. */
async function healthServer(answer: { serving?: number; grpcStatus?: string }): Promise<number> {
  server = createServer();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': answer.grpcStatus ?? '0' }));
    if (answer.serving !== undefined) stream.write(Buffer.from([0, 0, 0, 0, 2, 0x08, answer.serving]));
    stream.resume();
    stream.end();
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function probe(port: number) {
  return probeGrpc({ host: '127.0.0.1', port, service: 'shop', timeoutMs: 1000 });
}

test('SERVING is healthy, NOT_SERVING is not', async () => {
  expect(await probe(await healthServer({ serving: 1 }))).toMatchObject({ result: 'success' });
  server!.close();
  expect(await probe(await healthServer({ serving: 2 }))).toEqual({
    result: 'failure',
    output: 'service unhealthy (responded with "NOT_SERVING")',
  });
});

test('a server without the health service says so', async () => {
  const outcome = await probe(await healthServer({ grpcStatus: '12' }));
  expect(outcome.output).toContain('does not implement the grpc health protocol');
});

test('nobody there', async () => {
  const port = await healthServer({ serving: 1 });
  await new Promise<void>((resolve) => server!.close(() => resolve()));
  expect(await probe(port)).toMatchObject({ result: 'failure' });
});
