import { execFileSync } from 'node:child_process';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, startServer } from './running-server.ts';

/** An address of documentation (RFC 5737) on the loopback interface: the proxy rightly refuses 127.0.0.1. */
const POD_ADDRESS = '192.0.2.78';
const canAddAddress = addAddress('add');

function addAddress(verb: 'add' | 'del'): boolean {
  try {
    execFileSync('ip', ['address', verb, `${POD_ADDRESS}/32`, 'dev', 'lo'], { stdio: 'pipe' });
    return true;
  } catch (error) {
    // One run at a time gives the address; without the right to, the pods' tests are skipped by name.
    return String(error).includes('File exists');
  }
}

let running: RunningServer;
let identity: { cert: string; key: string };
let kubelet: Server;
let pod: Server | undefined;

beforeAll(async () => {
  running = await startServer();
  const { certificate, key } = await running.pki.issueClientCertificate({
    commonName: 'a',
    organizations: ['system:masters'],
  });
  identity = { cert: certificate, key };
  kubelet = await startKubelet();
  if (canAddAddress) pod = await listening(createServer(echo), POD_ADDRESS);
  pod?.on('upgrade', shout);
  await makeObjects();
});

afterAll(async () => {
  for (const server of [kubelet, pod]) {
    server?.closeAllConnections();
    server?.close();
  }
  if (canAddAddress) addAddress('del');
  await running?.stop();
});

const PAGE = '<a href="/x?y=1">ä</a><img src="pic.png"><script src="/s.js">"<a href=\'/no\'>"</script>';

/** Tells what it was asked. */
const echo: RequestListener = async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  if (request.url === '/odd') response.writeHead(700);
  else if (request.url === '/unasked') response.writeHead(101, { upgrade: 'x', connection: 'upgrade' });
  else if (request.url === '/page')
    return void response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  else if (request.url === '/moved') response.writeHead(302, { location: '/elsewhere?x=1' });
  else
    response.writeHead(request.url === '/teapot' ? 418 : 200, {
      'content-type': 'application/json',
      'x-own': 'yes',
    });
  const { method, url, headers } = request;
  response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
};

function shout(_request: IncomingMessage, socket: Duplex): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: shout\r\nconnection: Upgrade\r\n\r\n');
  socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  socket.on('error', () => socket.destroy());
}

async function startKubelet(): Promise<Server> {
  const { certificate, key } = await running.pki.issueCertificate({
    commonName: 'system:node:n1',
    organizations: ['system:nodes'],
    usages: ['server'],
    hosts: ['127.0.0.1'],
  });
  const ca = running.pki.caCertificatePem;
  return listening(
    createTlsServer(
      { cert: certificate, key, ca, requestCert: true, rejectUnauthorized: true },
      echo,
    ) as unknown as Server,
    '127.0.0.1',
  );
}

async function listening(server: Server, host: string): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}

const portOf = (server: Server | undefined) => (server?.address() as AddressInfo | undefined)?.port ?? 1;

async function makeObjects(): Promise<void> {
  const namespaced = '/api/v1/namespaces/default';
  const node = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: portOf(kubelet) } },
  };
  await made('/api/v1/nodes', { kind: 'Node', metadata: { name: 'n1' }, status: node });
  await made(`${namespaced}/serviceaccounts`, { kind: 'ServiceAccount', metadata: { name: 'default' } });
  for (const [name, podIP] of [
    ['web', POD_ADDRESS],
    ['loop', '127.0.0.1'],
  ] as const) {
    const containers = [{ name: 'c', image: 'x', ports: [{ containerPort: portOf(pod) }] }];
    await made(`${namespaced}/pods`, { kind: 'Pod', metadata: { name }, spec: { containers } });
    const status = { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }] } };
    await made(`${namespaced}/pods/${name}/status`, status, 'PATCH');
  }
  const ports = [{ name: 'http', port: 80 }];
  for (const name of ['web', 'empty', 'astray']) {
    await made(`${namespaced}/services`, {
      kind: 'Service',
      metadata: { name },
      spec: { ports, selector: { app: name } },
    });
    if (name === 'empty') continue;
    const targetRef = { kind: 'Pod', name: name === 'web' ? 'web' : 'loop', namespace: 'default' };
    const endpoint = { addresses: [POD_ADDRESS], conditions: { ready: true }, targetRef };
    await made('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [endpoint],
      ports: [{ name: 'http', port: portOf(pod), protocol: 'TCP' }],
    });
  }
}

async function made(path: string, object: object, method = 'POST'): Promise<void> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const { status, text } = await send(
    method,
    path,
    { 'content-type': type },
    JSON.stringify({ apiVersion: 'v1', ...object }),
  );
  expect(status, `${path}: ${text}`).toBeLessThan(300);
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever was answered.
  json(): any;
}

function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port: running.port,
        ca: running.pki.caCertificatePem,
        agent: false,
        ...identity,
        method,
        path,
        headers,
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            text,
            json: () => JSON.parse(text),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

describe('nodes/proxy', () => {
  test('reaches the node with our own certificate, not with what the client showed us', async () => {
    const { status, json } = await send('GET', '/api/v1/nodes/n1/proxy/metrics?a=1', {
      'x-remote-user': 'root',
      'x-own': 'kept',
    });
    expect(status).toBe(200);
    const { headers, url } = json();
    expect(url).toBe('/metrics?a=1');
    expect(headers).toMatchObject({ 'x-own': 'kept', 'x-forwarded-uri': '/api/v1/nodes/n1/proxy/metrics' });
    expect(headers).not.toHaveProperty('x-remote-user');
  });

  test('impersonation ends here', async () => {
    const { json } = await send('GET', '/api/v1/nodes/n1/proxy/x', {
      'impersonate-user': 'b',
      'impersonate-group': 'system:masters',
    });
    expect(Object.keys(json().headers).filter((name) => name.startsWith('impersonate-'))).toEqual([]);
  });

  test('no other port of this host is reached through a node that says it is here', async () => {
    const { status, json } = await send('GET', `/api/v1/nodes/n1:${running.port}/proxy/`);
    expect(status).toBe(400);
    expect(json()).toMatchObject({ reason: 'BadRequest', message: 'address not allowed' });
  });

  test('an unknown node is not found', async () => {
    expect((await send('GET', '/api/v1/nodes/nope/proxy/')).json().message).toBe('nodes "nope" not found');
  });
});

describe('refusals', () => {
  const services = '/api/v1/namespaces/default/services';

  test.each([
    ['GET', '/api/v1/namespaces/default/pods/loop/proxy/', 400, 'address not allowed'],
    ['GET', '/api/v1/namespaces/default/pods/ftp:web:1/proxy/', 400, 'invalid pod request "ftp:web:1"'],
    ['GET', `${services}/nope/proxy/`, 404, 'services "nope" not found'],
    ['POST', `${services}/empty:http/proxy/`, 503, 'no endpoints available for service "empty:http"'],
    ['GET', `${services}/web:81/proxy/`, 503, 'no service port 81 found for service "web"'],
    // Its endpoint names a pod that has another address.
    ['GET', `${services}/astray:http/proxy/`, 503, 'no endpoints available for service "astray:http"'],
  ])('%s %s: %d %s', async (method, path, code, message) => {
    expect((await send(method, path)).json()).toMatchObject({ code, message });
  });
});

describe.skipIf(!canAddAddress)('pods/proxy and services/proxy (needs the right to add an address)', () => {
  const web = '/api/v1/namespaces/default/services/http:web:80/proxy';

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('%s with its body reaches the pod', async (method) => {
    const body = method === 'GET' ? undefined : 'hello';
    for (const base of ['/api/v1/namespaces/default/pods/web/proxy', web]) {
      const { status, headers, json } = await send(
        method,
        `${base}/a%2Fb//c?q=1&q=2`,
        { accept: 'text/html', 'content-length': String(body?.length ?? 0) },
        body,
      );
      expect([status, headers['x-own']]).toEqual([200, 'yes']);
      expect(json()).toMatchObject({ method, url: '/a%2Fb//c?q=1&q=2', body: body ?? '' });
    }
  });

  test('HEAD and OPTIONS reach the pod as they are, and are no methods of our own paths', async () => {
    const options = await send('OPTIONS', `${web}/x`);
    expect(options.json()).toMatchObject({ method: 'OPTIONS' });
    const head = await send('HEAD', `${web}/teapot`);
    expect([head.status, head.headers['x-own']]).toEqual([418, 'yes']);
    expect((await send('HEAD', web)).status).toBe(301);
    expect((await send('OPTIONS', '/api/v1/pods')).json()).toMatchObject({ code: 405 });
  });

  test('the status and the redirection of the pod are the answer', async () => {
    expect((await send('GET', `${web}/teapot`)).status).toBe(418);
    const moved = await send('GET', `${web}/moved`);
    expect([moved.status, moved.headers.location]).toEqual([302, `${web}/elsewhere?x=1`]);
    const root = await send('GET', web);
    expect([root.status, root.headers.location]).toEqual([301, `${web}/`]);
  });

  test('links of a page lead to the same proxy', async () => {
    const { text } = await send('GET', `${web}/page`);
    expect(text).toBe(
      `<a href="${web}/x?y=1">ä</a><img src="pic.png"><script src="${web}/s.js">"<a href='/no'>"</script>`,
    );
  });

  test('nobody there', async () => {
    const { json } = await send('GET', '/api/v1/namespaces/default/pods/web:1/proxy/');
    expect(json()).toMatchObject({
      code: 503,
      reason: 'ServiceUnavailable',
      message: `error trying to reach service: dial tcp ${POD_ADDRESS}:1: connect: connection refused`,
    });
  });

  test.each(['/odd', '/unasked'])(
    'an answer that HTTP has no place for is not passed on: %s',
    async (path) => {
      expect((await send('GET', `${web}${path}`)).json()).toMatchObject({ code: 503 });
      expect((await send('GET', '/readyz')).status).toBe(200);
    },
  );

  test('an upgraded connection is piped both ways', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'shout' };
    const said = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: running.port,
        ca: running.pki.caCertificatePem,
        agent: false,
        ...identity,
        path: `${web}/shout`,
        headers,
      });
      request.on('upgrade', (_response, socket) => {
        socket.once('data', (chunk: Buffer) => {
          resolve(chunk.toString());
          socket.destroy();
        });
        socket.write('hello');
      });
      request.on('response', (response) => reject(new Error(`answered ${response.statusCode}`)));
      request.on('error', reject);
      request.end();
    });
    expect(said).toBe('HELLO');
  });
});
