import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { rawClient, type Send } from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// Logs and watches over WebSockets: what browsers, and upstream's test/e2e/common/node/pods.go, do.

let running: RunningServer;
let send: Send;
let tls: { ca: string; cert: string; key: string };
let kubelet: Server;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
  const admin = { commonName: 'orrery-admin', organizations: ['system:masters'] };
  const { certificate, key } = await running.pki.issueClientCertificate(admin);
  tls = { ca: running.pki.caCertificatePem, cert: certificate, key };
  const pair = await running.pki.issueCertificate({
    commonName: 'system:node:far',
    organizations: ['system:nodes'],
    hosts: ['127.0.0.1'],
    usages: ['server'],
  });
  kubelet = createServer({ cert: pair.certificate, key: pair.key }, (_, response) => {
    response.end('container is alive\n');
  });
  await new Promise<void>((resolve) => kubelet.listen(0, '127.0.0.1', resolve));
  const { port } = kubelet.address() as AddressInfo;
  await send('POST', '/api/v1/nodes', { metadata: { name: 'far' } });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await send(
    'PATCH',
    '/api/v1/nodes/far/status',
    { status },
    { 'content-type': 'application/merge-patch+json' },
  );
  await send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  const spec = { nodeName: 'far', containers: [{ name: 'main', image: 'i' }] };
  await send('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec });
});

afterAll(async () => {
  kubelet?.close();
  kubelet?.closeAllConnections();
  await running?.stop();
});

function open(path: string, protocols: string[] = []): WebSocket {
  return new WebSocket(`wss://127.0.0.1:${running.port}${path}`, protocols, tls);
}

/** All that comes until the server, or `enough` messages, end it. */
function messages(socket: WebSocket, enough = Number.POSITIVE_INFINITY): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const all: Buffer[] = [];
    socket.on('message', (data: Buffer) => {
      if (all.push(data) >= enough) socket.close();
    });
    socket.once('close', () => resolve(all));
    socket.once('error', reject);
  });
}

describe('a log', () => {
  const path = '/api/v1/namespaces/default/pods/p/log?container=main';

  test('comes as bytes, after a message that is empty', async () => {
    const socket = open(path, ['binary.k8s.io']);
    const all = await messages(socket);
    expect([socket.protocol, all[0]!.length]).toEqual(['binary.k8s.io', 0]);
    expect(Buffer.concat(all).toString()).toBe('container is alive\n');
  });

  test('comes in base64 for who asks for it', async () => {
    const all = await messages(open(path, ['base64.binary.k8s.io']));
    expect(Buffer.from(all.join(''), 'base64').toString()).toBe('container is alive\n');
  });

  test('of a pod that is not there is 404', async () => {
    const socket = open(path.replace('/p/', '/q/'), ['binary.k8s.io']);
    const failed = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(failed.message).toContain('404');
  });

  test('in another protocol is refused', async () => {
    const socket = open(path, ['v4.channel.k8s.io']);
    const failed = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(failed.message).toContain('400');
  });
});

test('a watch sends each event as a text, and ends with its client', async () => {
  const path = '/api/v1/namespaces/default/configmaps';
  const from = (await send('GET', path)).body.metadata.resourceVersion;
  const seen = messages(open(`${path}?watch=true&resourceVersion=${from}`), 2);
  for (const name of ['a', 'b']) await send('POST', path, { metadata: { name } });
  const events = (await seen).map((data) => JSON.parse(data.toString()));
  expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['ADDED a', 'ADDED b']);
});
