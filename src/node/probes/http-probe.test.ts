import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { probeHttp } from './http-probe.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function portOf(listener: RequestListener): Promise<number> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function probe(port: number, action: object = {}, timeoutMs = 1000) {
  return probeHttp({
    host: '127.0.0.1',
    port,
    action: { port, ...action },
    timeoutMs,
    userAgent: 'kube-probe/1.36',
  });
}

test('200 to 399 is healthy, anything else is told with its status', async () => {
  const port = await portOf((request, response) => {
    response.statusCode = Number(request.url!.slice(1));
    response.end('body');
  });
  expect(await probe(port, { path: '/204' })).toMatchObject({ result: 'success' });
  expect(await probe(port, { path: '399' })).toMatchObject({ result: 'success' });
  expect(await probe(port, { path: '/500' })).toEqual({
    result: 'failure',
    output: 'HTTP probe failed with statuscode: 500',
  });
});

test('sends its headers, the Host one too', async () => {
  let seen: Record<string, unknown> = {};
  const port = await portOf((request, response) => {
    seen = request.headers;
    response.end();
  });
  await probe(port, {
    httpHeaders: [
      { name: 'Host', value: 'shop.example' },
      { name: 'X-A', value: '1' },
    ],
  });
  expect(seen).toMatchObject({
    host: 'shop.example',
    'x-a': '1',
    'user-agent': 'kube-probe/1.36',
    accept: '*/*',
  });
});

test('follows a redirect at home and stops at one to elsewhere', async () => {
  const port = await portOf((request, response) => {
    if (request.url === '/home') response.writeHead(302, { location: '/end' });
    else if (request.url === '/away') response.writeHead(302, { location: 'http://192.0.2.1/' });
    else response.statusCode = 503;
    response.end();
  });
  expect(await probe(port, { path: '/home' })).toMatchObject({ result: 'failure' });
  expect(await probe(port, { path: '/away' })).toMatchObject({ result: 'success' });
});

test('a refused connection and a slow answer read as from the kubelet', async () => {
  const port = await portOf(() => undefined);
  expect(await probe(port, { path: '/slow' }, 30)).toEqual({
    result: 'failure',
    output: `Get "http://127.0.0.1:${port}/slow": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
  server!.closeAllConnections();
  await new Promise((resolve) => server!.close(resolve));
  expect(await probe(port, { path: '/x' })).toEqual({
    result: 'failure',
    output: `Get "http://127.0.0.1:${port}/x": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
});
