import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../src/apiserver/pki/certificates.ts';
import { eventually } from '../harness/cloud.ts';
import { BASE, ExtensionServer, GROUP } from '../harness/extension-server.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { type RunningServer, startServer } from './running-server.ts';

const NAME = `v1alpha1.${GROUP}`;
const SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const FLUNDERS = `${BASE}/namespaces/default/flunders`;
const SERVICE = { namespace: 'wardle', name: 'api' };

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is answered.
type Json = any;

interface Identity {
  cert?: string;
  key?: string;
}

let running: RunningServer;
let admin: Identity;
let extension: ExtensionServer;

beforeAll(async () => {
  running = await startServer();
  admin = await identity('admin', ['system:masters']);
  extension = await startExtension();
  await send('POST', '/api/v1/namespaces', namespace('wardle'));
  expect((await send('POST', '/api/v1/namespaces/wardle/services', extension.serviceObject)).status).toBe(
    201,
  );
  expect((await send('POST', SERVICES, extension.apiService())).status).toBe(201);
  await condition(NAME, 'Passed');
});

afterAll(async () => {
  await extension?.stop();
  await running?.stop();
});

async function startExtension(more: object = {}): Promise<ExtensionServer> {
  const requestHeaderCa = await readFile(running.pki.paths.frontProxyCaCertificate, 'utf8');
  return ExtensionServer.start({ service: SERVICE, requestHeaderCa, ...more });
}

async function identity(commonName: string, organizations: string[] = []): Promise<Identity> {
  const { certificate, key } = await running.pki.issueClientCertificate({ commonName, organizations });
  return { cert: certificate, key };
}

function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function flunder(name: string, spec: object = {}): object {
  return { apiVersion: `${GROUP}/v1alpha1`, kind: 'Flunder', metadata: { name }, spec };
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  body: Json;
}

function open(
  method: string,
  path: string,
  options: { as?: Identity; headers?: Record<string, string | string[]> } = {},
) {
  return httpsRequest({
    host: '127.0.0.1',
    port: running.port,
    ca: running.pki.caCertificatePem,
    agent: false,
    method,
    path,
    ...(options.as ?? admin),
    headers: { 'content-type': 'application/json', ...options.headers },
  });
}

function send(
  method: string,
  path: string,
  body?: unknown,
  options: { as?: Identity; headers?: Record<string, string | string[]>; chunked?: boolean } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = open(method, path, options);
    request.once('error', reject);
    request.once('response', async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      const isJson = response.headers['content-type']?.includes('json');
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        text,
        body: isJson ? JSON.parse(text) : text,
      });
    });
    const text = body === undefined ? undefined : JSON.stringify(body);
    if (options.chunked && text !== undefined)
      for (let at = 0; at < text.length; at += 100_000) request.write(text.slice(at, at + 100_000));
    request.end(options.chunked ? undefined : text);
  });
}

const get = (path: string, headers?: Record<string, string>) =>
  send('GET', path, undefined, headers === undefined ? {} : { headers });

const merge = (path: string, body: object) =>
  send('PATCH', path, body, { headers: { 'content-type': 'application/merge-patch+json' } });

/** The Available condition, once its reason is this one. */
function condition(name: string, reason: string): Promise<Json> {
  return eventually(`${name} says ${reason}`, async () => {
    const conditions = (await get(`${SERVICES}/${name}`)).body.status?.conditions ?? [];
    const found = conditions.find((one: Json) => one.type === 'Available');
    return found?.reason === reason ? found : undefined;
  });
}

/** A change of the service has its APIServices checked again at once. */
let touches = 0;
const touch = () =>
  merge(`/api/v1/namespaces/wardle/services/api`, {
    metadata: { annotations: { touched: String(++touches) } },
  });

const AGGREGATED = (version: string) => ({
  accept: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
});

async function discoveredVersion(version = 'v2'): Promise<Json> {
  const { body } = await get('/apis', AGGREGATED(version));
  return body.items.find((one: Json) => one.metadata.name === GROUP)?.versions[0];
}

describe('an extension API server', () => {
  test('is available, and its objects are made, read, changed, watched and deleted through us', async () => {
    expect(await condition(NAME, 'Passed')).toMatchObject({
      type: 'Available',
      status: 'True',
      message: 'all checks passed',
    });
    expect((await send('POST', FLUNDERS, flunder('one'))).status).toBe(201);
    expect((await get(`${FLUNDERS}/one`)).body.metadata.name).toBe('one');
    expect((await merge(`${FLUNDERS}/one`, { spec: { reference: 'x' } })).body.spec).toEqual({
      reference: 'x',
    });
    expect((await send('PUT', `${FLUNDERS}/one`, flunder('one'))).status).toBe(200);
    expect((await get(`${BASE}/flunders`)).body.items).toHaveLength(1);

    const events: string[] = [];
    const watch = open('GET', `${FLUNDERS}?watch=true`);
    const ended = new Promise<void>((resolve, reject) => {
      watch.once('error', reject);
      watch.once('response', (response) => {
        response.on('data', (chunk: Buffer) => {
          for (const line of chunk.toString().split('\n').filter(Boolean)) {
            const { type, object } = JSON.parse(line);
            events.push(`${type} ${object.metadata.name}`);
          }
          if (events.length === 2) resolve();
        });
        void send('POST', FLUNDERS, flunder('two')).then(() => send('DELETE', `${FLUNDERS}/two`));
      });
    });
    watch.end();
    await ended;
    watch.destroy();
    expect(events).toEqual(['ADDED two', 'DELETED two']);

    expect((await send('DELETE', FLUNDERS)).body.status).toBe('Success');
    expect((await get(FLUNDERS)).body.items).toEqual([]);
  });

  test('hears whom a request is for from us alone', async () => {
    const spoofed = {
      'x-remote-user': 'system:admin',
      'x-remote-group': 'system:masters',
      'x-remote-extra-scopes': 'all',
      'x-remote-uid': '0',
      X_Remote_User: 'root',
      authorization: 'Bearer nothing',
      'impersonate-user': 'jürgen',
      'impersonate-uid': '42',
      'impersonate-group': ['fishers', 'system:masters'],
      'impersonate-extra-where%2fsea': ['north', 'baltic'],
      connection: 'x-private',
      'x-private': 'hop',
    };
    expect(
      (await send('GET', `${FLUNDERS}?limit=5&labelSelector=a%3Db`, undefined, { headers: spoofed })).status,
    ).toBe(200);
    const { headers, headersDistinct, url } = extension.requests.at(-1)!;
    expect(url).toBe(`${FLUNDERS}?limit=5&labelSelector=a%3Db`);
    expect(Buffer.from(headers['x-remote-user'] as string, 'latin1').toString()).toBe('jürgen');
    expect(headers['x-remote-uid']).toBe('42');
    expect(headersDistinct['x-remote-group']).toEqual(['fishers', 'system:masters', 'system:authenticated']);
    expect(headersDistinct['x-remote-extra-where%2Fsea'.toLowerCase()]).toEqual(['north', 'baltic']);
    for (const name of [
      'authorization',
      'x-remote-extra-scopes',
      'x_remote_user',
      'impersonate-user',
      'x-private',
    ])
      expect(headers).not.toHaveProperty(name);
    expect(headers).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });
  });

  test('is not asked for those who may not', async () => {
    const before = extension.requests.length;
    const nobody = await identity('nobody');
    const refused = await send('GET', FLUNDERS, undefined, { as: nobody });
    expect([refused.status, refused.body.message]).toEqual([
      403,
      `flunders.${GROUP} is forbidden: User "nobody" cannot list resource "flunders" in API group "${GROUP}" in the namespace "default"`,
    ]);
    expect((await send('GET', FLUNDERS, undefined, { as: {} })).status).toBe(401);
    expect((await get(`${FLUNDERS}/x/proxy/../../../fischers`)).status).toBe(400);
    expect((await get(`${FLUNDERS}/x/proxy/%2e%2E/fischers`)).status).toBe(400);
    expect(extension.requests.length).toBe(before);
  });

  test('takes bodies of any length as they come, and switches protocols', async () => {
    const reference = 'x'.repeat(5_000_000);
    const made = await send('POST', FLUNDERS, flunder('long', { reference }), { chunked: true });
    expect([made.status, made.body.spec.reference.length]).toEqual([201, 5_000_000]);
    expect((await send('DELETE', `${FLUNDERS}/long`)).status).toBe(200);

    const headers = { connection: 'Upgrade', upgrade: 'shout/1' };
    const switched = await new Promise<Duplex>((resolve, reject) => {
      const request = open('GET', `${FLUNDERS}/one/shout`, { headers });
      request.once('error', reject);
      request.once('upgrade', (_response, socket, head) => {
        socket.unshift(head);
        resolve(socket);
      });
      request.end();
    });
    const heard = new Promise<string>((resolve) => {
      let text = '';
      switched.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.endsWith('there\n')) resolve(text);
      });
    });
    switched.write('there\n');
    expect(await heard).toBe('hello admin\nthere\n');
    switched.destroy();
  });

  test.each(['GET', 'DELETE'])('the body of a %s is no request of its own', async (method) => {
    const before = extension.requests.length;
    const smuggled = [
      `POST ${FLUNDERS} HTTP/1.1`,
      'host: x',
      'x-remote-user: eve',
      'x-remote-group: system:masters',
      'content-length: 0',
      '',
      '',
    ].join('\r\n');
    const framings: Record<string, string>[] = [
      { 'transfer-encoding': 'chunked' },
      { 'content-length': String(smuggled.length) },
    ];
    for (const headers of framings) {
      const request = open(method, `${FLUNDERS}/nothing`, { headers });
      const answered = once(request, 'response');
      request.end(smuggled);
      const [response] = (await answered) as [IncomingMessage];
      expect(response.statusCode).toBe(404);
      await response.resume().toArray();
    }
    // On the same connection, were it one.
    await get(`${FLUNDERS}/nothing`);
    expect(
      extension.requests.slice(before).map((one) => `${one.method} ${one.headers['x-remote-user']}`),
    ).toEqual([`${method} admin`, `${method} admin`, 'GET admin']);
  });

  test('cannot send clients elsewhere', async () => {
    const { status, text } = await get(`${BASE}/redirect`);
    expect([status, text]).toEqual([
      502,
      'the backend attempted to redirect this request, which is not permitted',
    ]);
  });
});

describe('what an extension API server serves', () => {
  test('stands in every form of discovery, in the order of its priorities', async () => {
    const groups = (await get('/apis')).body.groups.map((one: Json) => one.name);
    expect(groups[0]).toBe('apiregistration.k8s.io');
    // kcp's groups rank as definitions do, below.
    const others = groups.filter((name: string) => !name.endsWith('.kcp.io'));
    expect(others.slice(-2)).toEqual([GROUP, 'metrics.k8s.io']);
    expect((await get(`/apis/${GROUP}`)).body).toMatchObject({
      kind: 'APIGroup',
      name: GROUP,
      versions: [{ groupVersion: `${GROUP}/v1alpha1`, version: 'v1alpha1' }],
      preferredVersion: { version: 'v1alpha1' },
    });
    expect((await get(BASE)).body.resources.map((one: Json) => one.name)).toEqual(['flunders', 'fischers']);
    for (const version of ['v2', 'v2beta1'])
      expect(await discoveredVersion(version)).toMatchObject({
        version: 'v1alpha1',
        freshness: 'Current',
        resources: [
          { resource: 'flunders', scope: 'Namespaced', responseKind: { group: GROUP, kind: 'Flunder' } },
          { resource: 'fischers', scope: 'Cluster' },
        ],
      });
    expect((await get('/')).body.paths).toContain(BASE);
    await merge(`${SERVICES}/${NAME}`, { spec: { groupPriorityMinimum: 19_000 } });
    await eventually('the group moves up', async () => {
      const { items } = (await get('/apis', AGGREGATED('v2'))).body;
      return items[1].metadata.name === GROUP || undefined;
    });
  });

  test('stands in OpenAPI, with definitions of the same name told apart', async () => {
    const v2 = (await get('/openapi/v2')).body;
    expect(v2.paths).toHaveProperty([`${BASE}/flunders`]);
    expect(v2.definitions).toHaveProperty(['com.example.wardle.v1alpha1.Flunder']);
    const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
    expect(v2.definitions['com.example.wardle.v1alpha1.Flunder'].properties.metadata.$ref).toBe(
      `#/definitions/${meta}_v2`,
    );
    expect(v2.definitions[meta].properties).toHaveProperty('managedFields');
    const path = `apis/${GROUP}/v1alpha1`;
    const { serverRelativeURL } = (await get('/openapi/v3')).body.paths[path];
    expect(serverRelativeURL).toBe(`/openapi/v3${BASE}?hash=A1`);
    expect((await get(serverRelativeURL)).body.components.schemas).toHaveProperty([
      'com.example.wardle.v1alpha1.Flunder',
    ]);
  });

  test('is read of a server that has neither aggregated discovery nor OpenAPI 3 as well', async () => {
    await extension.stop();
    const { port, authority } = extension;
    extension = await startExtension({
      port,
      authority,
      speaksAggregatedDiscovery: false,
      speaksOpenApi3: false,
    });
    // Another backend, so all of it is read anew.
    await merge(`${SERVICES}/${NAME}`, { spec: { caBundle: null, insecureSkipTLSVerify: true } });
    await eventually('discovery is read', async () => {
      const last = extension.requests.map(({ url }) => url);
      return last.includes('/apis') && last.includes(BASE) ? true : undefined;
    });
    expect(await discoveredVersion()).toMatchObject({
      freshness: 'Current',
      resources: [{ resource: 'flunders' }, { resource: 'fischers', shortNames: ['fi'] }],
    });
    const path = `apis/${GROUP}/v1alpha1`;
    const converted = await eventually('OpenAPI 3 is made of OpenAPI 2', async () => {
      const { serverRelativeURL } = (await get('/openapi/v3')).body.paths[path];
      return serverRelativeURL.endsWith('hash=A1') ? undefined : (serverRelativeURL as string);
    });
    const { paths, components } = (await get(converted)).body;
    expect(Object.keys(paths)).toEqual([`${BASE}/flunders`]);
    expect(components.schemas).toHaveProperty(['com.example.wardle.v1alpha1.Flunder']);
    await merge(`${SERVICES}/${NAME}`, extension.apiService({ insecureSkipTLSVerify: null }));
  });

  describe.each(findKubectls())('under $name', ({ path }) => {
    test('is explained, listed, got and deleted', async () => {
      const kubeconfig = await running.kubeconfig({ commonName: 'k', organizations: ['system:masters'] });
      const kubectl = await Kubectl.create(path, kubeconfig, 'default');
      try {
        expect(await kubectl.ok('api-resources', '--api-group', GROUP)).toMatch(/flunders +fl +wardle/);
        expect(await kubectl.ok('get', 'apiservice', NAME)).toMatch(/wardle\/api +True/);
        await kubectl.with(JSON.stringify(flunder('kube')), 'create', '-f', '-');
        expect(await kubectl.ok('get', 'fl')).toMatch(/NAME +REFERENCE\nkube +<none>/);
        expect(await kubectl.ok('explain', 'flunders.spec')).toContain('Whom it points at.');
        expect(await kubectl.ok('get', '--raw', `${FLUNDERS}/kube`)).toContain('"name":"kube"');
        expect(await kubectl.ok('delete', 'flunder', 'kube')).toContain('deleted');
      } finally {
        await kubectl.dispose();
      }
    });
  });
});

describe('availability', () => {
  test('a backend that has gone is told of at once, is stale in discovery, and comes back', async () => {
    const { port, authority } = extension;
    await extension.stop();
    const gone = await get(FLUNDERS);
    expect([gone.status, gone.headers['content-type'], gone.text]).toEqual([
      503,
      'text/plain; charset=utf-8',
      `error trying to reach service: dial tcp localhost:${port}: connect: connection refused\n`,
    ]);
    await touch();
    const failed = await condition(NAME, 'FailedDiscoveryCheck');
    expect(failed).toMatchObject({
      status: 'False',
      message: `failing or missing response from https://localhost:${port}${BASE}: Get "https://localhost:${port}${BASE}": dial tcp localhost:${port}: connect: connection refused`,
    });
    expect((await get(FLUNDERS)).text).toBe('service unavailable\n');
    expect(await discoveredVersion()).toMatchObject({ freshness: 'Stale', resources: [{}, {}] });
    const metrics = (await get('/metrics')).text;
    expect(metrics).toContain(`aggregator_unavailable_apiservice{name="${NAME}"} 1`);
    expect(metrics).toMatch(
      new RegExp(
        `aggregator_unavailable_apiservice_total\\{name="${NAME}",reason="FailedDiscoveryCheck"\\} \\d`,
      ),
    );
    extension = await startExtension({ port, authority });
    await touch();
    const { lastTransitionTime } = await condition(NAME, 'Passed');
    expect(Date.parse(lastTransitionTime)).toBeGreaterThanOrEqual(Date.parse(failed.lastTransitionTime));
    expect((await get(FLUNDERS)).status).toBe(200);
    await eventually('discovery is fresh', async () =>
      (await discoveredVersion()).freshness === 'Current' ? true : undefined,
    );
    expect((await get('/metrics')).text).toContain(`aggregator_unavailable_apiservice{name="${NAME}"} 0`);
  });

  test('a backend whose certificate another authority signed is not believed', async () => {
    const caBundle = Buffer.from(running.pki.caCertificatePem).toString('base64');
    await merge(`${SERVICES}/${NAME}`, { spec: { caBundle } });
    expect((await condition(NAME, 'FailedDiscoveryCheck')).message).toContain(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
    await merge(`${SERVICES}/${NAME}`, {
      spec: { caBundle: Buffer.from(extension.authority.certificate).toString('base64') },
    });
    await condition(NAME, 'Passed');
  });

  test('a slow backend costs its callers nothing but their own time', async () => {
    extension.delayMs = 500;
    try {
      const late = await get(`${FLUNDERS}?timeout=100ms`);
      expect([late.status, late.body.reason]).toEqual([504, 'Timeout']);
      const slow = get(FLUNDERS);
      const started = performance.now();
      expect((await get('/apis')).status).toBe(200);
      expect((await get('/api/v1/namespaces/default')).status).toBe(200);
      expect(performance.now() - started).toBeLessThan(400);
      expect((await slow).status).toBe(200);
    } finally {
      extension.delayMs = 0;
    }
  });

  test('what is wrong with the service is told by reason', async () => {
    const name = 'v1.broken.example.com';
    const spec = {
      group: 'broken.example.com',
      version: 'v1',
      groupPriorityMinimum: 10,
      versionPriority: 10,
    };
    const service = { namespace: 'wardle', name: 'broken' };
    const body = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name } };
    await send('POST', SERVICES, { ...body, spec: { ...spec, service, insecureSkipTLSVerify: true } });
    expect((await condition(name, 'ServiceNotFound')).message).toBe(
      'service/broken in "wardle" is not present',
    );
    const services = '/api/v1/namespaces/wardle/services';
    const ports = (port: number) => ({ ports: [{ port, name: 'https' }] });
    await send('POST', services, { metadata: { name: 'broken' }, spec: ports(8443) });
    expect((await condition(name, 'ServicePortError')).message).toBe(
      'service/broken in "wardle" is not listening on port 443',
    );
    await merge(`${services}/broken`, { spec: ports(443) });
    expect((await condition(name, 'EndpointsNotFound')).message).toBe(
      'cannot find endpointslices for service/broken in "wardle"',
    );
    await send('POST', '/apis/discovery.k8s.io/v1/namespaces/wardle/endpointslices', {
      metadata: { name: 'broken', labels: { 'kubernetes.io/service-name': 'broken' } },
      addressType: 'IPv4',
      endpoints: [],
      ports: [{ name: 'https', port: 443 }],
    });
    expect(await condition(name, 'MissingEndpoints')).toMatchObject({
      status: 'False',
      message: 'endpointslices for service/broken in "wardle" have no addresses with port name "https"',
    });
    expect((await get('/apis/broken.example.com/v1')).text).toBe('service unavailable\n');
    expect((await send('DELETE', `${SERVICES}/${name}`)).status).toBe(200);
    await eventually('it has gone', async () =>
      (await get('/apis/broken.example.com/v1')).status === 404 ? true : undefined,
    );
  });
});

describe('an APIService', () => {
  test('its status is patched and replaced on its own, and set right again', async () => {
    const extra = { type: 'Noted', status: 'True', reason: 'e2e', message: 'Set from e2e test' };
    const patched = await merge(`${SERVICES}/${NAME}/status`, {
      metadata: { annotations: { patched: 'true' } },
      status: { conditions: [extra] },
    });
    expect(patched.status).toBe(200);
    await eventually('both conditions stand', async () => {
      const { conditions } = (await get(`${SERVICES}/${NAME}`)).body.status;
      return conditions.map((one: Json) => one.type).join() === 'Noted,Available' ? true : undefined;
    });
    const { body } = await get(`${SERVICES}/${NAME}/status`);
    const replaced = await send('PUT', `${SERVICES}/${NAME}/status`, {
      ...body,
      spec: { ...body.spec, groupPriorityMinimum: 1 },
    });
    expect(replaced.body.spec.groupPriorityMinimum).toBe(body.spec.groupPriorityMinimum);
    await condition(NAME, 'Passed');
  });

  test('takes over a built-in group version as long as it is there', async () => {
    const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
    const name = 'v1.scheduling.k8s.io';
    expect((await get(classes)).status).toBe(200);
    await merge(`${SERVICES}/${name}`, {
      spec: { service: { namespace: 'wardle', name: 'nowhere' }, insecureSkipTLSVerify: true },
    });
    await condition(name, 'ServiceNotFound');
    expect((await get(classes)).text).toBe('service unavailable\n');
    await send('DELETE', `${SERVICES}/${name}`);
    await eventually('it is ours again', async () =>
      (await get(classes)).status === 200 ? true : undefined,
    );
  });

  test('takes over from a definition of its group version, which is served again after it', async () => {
    const group = 'both.example.com';
    const names = { plural: 'things', kind: 'Thing' };
    const schema = { openAPIV3Schema: { type: 'object' } };
    await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: `things.${group}` },
      spec: {
        group,
        scope: 'Cluster',
        names,
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const things = `/apis/${group}/v1/things`;
    await eventually('served', async () => ((await get(things)).status === 200 ? true : undefined));
    const spec = { group, version: 'v1', groupPriorityMinimum: 10, versionPriority: 10 };
    const service = { namespace: 'wardle', name: 'nowhere' };
    await send('POST', SERVICES, {
      metadata: { name: `v1.${group}` },
      spec: { ...spec, service, insecureSkipTLSVerify: true },
    });
    await eventually('taken over', async () => ((await get(things)).status === 503 ? true : undefined));
    await send('DELETE', `${SERVICES}/v1.${group}`);
    await eventually('served again', async () => ((await get(things)).status === 200 ? true : undefined));
  });
});

describe('a front proxy before us', () => {
  const REVIEWS = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

  async function proxyIdentity(commonName: string): Promise<Identity> {
    const { frontProxyCaCertificate, frontProxyCaKey } = running.pki.paths;
    const [certificate, key] = await Promise.all(
      [frontProxyCaCertificate, frontProxyCaKey].map((path) => readFile(path, 'utf8')),
    );
    const authority = { certificate: certificate!, key: key! };
    const made = await makeCertificate(
      authority,
      { commonName, usages: ['client'], validDays: 1 },
      Date.now(),
    );
    return { cert: made.certificate, key: made.key };
  }

  const headers = {
    'X-Remote-User': 'ann',
    'X-Remote-Uid': '7',
    'X-Remote-Group': ['dev', 'ops'],
    'X-Remote-Extra-Scopes': 'read',
  };

  test('says who asks, when its certificate is the right one', async () => {
    const as = await proxyIdentity('front-proxy-client');
    const { userInfo } = (await send('POST', REVIEWS, review, { as, headers })).body.status;
    expect(userInfo).toEqual({
      username: 'ann',
      uid: '7',
      groups: ['dev', 'ops', 'system:authenticated'],
      extra: { scopes: ['read'] },
    });
  });

  test('is nobody itself, and others are not heard', async () => {
    const as = await proxyIdentity('front-proxy-client');
    expect((await send('POST', REVIEWS, review, { as })).status).toBe(401);
    const other = await proxyIdentity('admin');
    expect((await send('POST', REVIEWS, review, { as: other, headers })).status).toBe(401);
    const user = await identity('bob', ['system:masters']);
    const { userInfo } = (await send('POST', REVIEWS, review, { as: user, headers })).body.status;
    expect(userInfo.username).toBe('bob');
    const ours = await identity('front-proxy-client');
    expect((await send('POST', REVIEWS, review, { as: ours, headers })).body.status.userInfo.username).toBe(
      'front-proxy-client',
    );
  });

  test('is known to extension API servers by a ConfigMap', async () => {
    const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    const { data } = (await get(path)).body;
    expect(data).toEqual({
      'client-ca-file': running.pki.caCertificatePem,
      'requestheader-client-ca-file': await readFile(running.pki.paths.frontProxyCaCertificate, 'utf8'),
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-username-headers': '["X-Remote-User"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    });
  });
});
