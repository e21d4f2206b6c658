import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type KeyPair, makeAuthority, makeCertificate } from '../../src/apiserver/pki/certificates.ts';

export const GROUP = 'wardle.example.com';
export const VERSION = 'v1alpha1';
export const BASE = `/apis/${GROUP}/${VERSION}`;

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind are stored as they come.
type Json = any;

export interface ExtensionServerOptions {
  service: { namespace: string; name: string };
  /** PEM of who signs the front proxy's certificate. */
  requestHeaderCa: string;
  /** False: discovery as before Kubernetes 1.26. Default true. */
  speaksAggregatedDiscovery?: boolean;
  /** False: no OpenAPI 3, as before Kubernetes 1.24. Default true. */
  speaksOpenApi3?: boolean;
  port?: number;
  /** The authority of an earlier server of this service. */
  authority?: KeyPair;
}

const RESOURCES = [
  { name: 'flunders', singularName: 'flunder', kind: 'Flunder', namespaced: true },
  { name: 'fischers', singularName: 'fischer', kind: 'Fischer', namespaced: false },
];
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/**
 * An extension API server as upstream's sample-apiserver is one: a real HTTPS server that takes a user's name only from a
 * front proxy whose certificate it knows, and serves flunders and fischers from memory.
 */
export class ExtensionServer {
  readonly authority: KeyPair;
  readonly port: number;
  /** Every request that came, newest last. */
  readonly requests: IncomingMessage[] = [];
  /** Milliseconds before anything is answered. */
  delayMs = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #objects = new Map<string, Json>();
  readonly #watchers = new Set<{ prefix: string; response: ServerResponse }>();
  readonly #options: ExtensionServerOptions;
  #revision = 1;

  private constructor(server: Server, authority: KeyPair, options: ExtensionServerOptions) {
    this.#server = server;
    this.authority = authority;
    this.#options = options;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (request, response) => void this.#serve(request, response));
    server.on('upgrade', (request: IncomingMessage, socket: TLSSocket, head: Buffer) => {
      this.requests.push(request);
      if (!isProxy(socket)) return socket.destroy();
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`,
      );
      socket.write(`hello ${request.headers['x-remote-user']}\n`);
      if (head.length > 0) socket.write(head);
      return socket.pipe(socket);
    });
  }

  static async start(options: ExtensionServerOptions): Promise<ExtensionServer> {
    const now = Date.now();
    const authority = options.authority ?? (await makeAuthority('wardle-ca', now, 1));
    const { namespace, name } = options.service;
    const host = `${name}.${namespace}.svc`;
    const pair = await makeCertificate(
      authority,
      { commonName: host, hosts: [host], usages: ['server'], validDays: 1 },
      now,
    );
    const server = createServer({
      cert: pair.certificate,
      key: pair.key,
      ca: options.requestHeaderCa,
      requestCert: true,
      rejectUnauthorized: false,
    });
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
    return new ExtensionServer(server, authority, options);
  }

  /** How many objects there are. */
  get count(): number {
    return this.#objects.size;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The APIService that registers this server, by way of an ExternalName service that is this host. */
  apiService(more: object = {}): object {
    return {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${VERSION}.${GROUP}` },
      spec: {
        group: GROUP,
        version: VERSION,
        groupPriorityMinimum: 2000,
        versionPriority: 200,
        service: { ...this.#options.service, port: this.port },
        caBundle: Buffer.from(this.authority.certificate).toString('base64'),
        ...more,
      },
    };
  }

  get serviceObject(): object {
    const { namespace, name } = this.#options.service;
    const spec = { type: 'ExternalName', externalName: 'localhost' };
    return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(request);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    // Whoever asked has not waited.
    if (request.socket.destroyed) return;
    if (!isProxy(request.socket as TLSSocket)) return answer(response, 401, status(401, 'Unauthorized'));
    const url = new URL(request.url!, 'https://x');
    const document = this.#document(url.pathname, request.headers.accept ?? '');
    if (document !== undefined) return answer(response, 200, document.body, document.type);
    if (url.pathname === `${BASE}/redirect`) return response.writeHead(302, { location: '/' }).end() as never;
    if (url.pathname.startsWith(`${BASE}/`)) return this.#resource(request, response, url);
    return answer(response, 404, status(404, 'NotFound'));
  }

  #document(path: string, accept: string): { body: object; type?: string } | undefined {
    const groupVersion = `${GROUP}/${VERSION}`;
    const asAggregated = /v=(v2(?:beta1)?);as=APIGroupDiscoveryList/.exec(accept);
    if (path === '/apis' && asAggregated !== null && this.#options.speaksAggregatedDiscovery !== false)
      return {
        body: aggregatedDiscovery(asAggregated[1]!),
        type: `application/json;g=apidiscovery.k8s.io;v=${asAggregated[1]};as=APIGroupDiscoveryList`,
      };
    if (path === '/apis') return { body: { kind: 'APIGroupList', apiVersion: 'v1', groups: [] } };
    if (path === BASE) {
      const resources = RESOURCES.map((one) => ({
        ...one,
        verbs: VERBS,
        shortNames: [one.name.slice(0, 2)],
      }));
      return { body: { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources } };
    }
    if (path.startsWith('/openapi/v3') && this.#options.speaksOpenApi3 === false) return undefined;
    if (path === '/openapi/v3')
      return {
        body: { paths: { [`apis/${groupVersion}`]: { serverRelativeURL: `/openapi/v3${BASE}?hash=A1` } } },
      };
    if (path === `/openapi/v3${BASE}`) return { body: openApi3() };
    if (path === '/openapi/v2') return { body: openApi2() };
    return undefined;
  }

  async #resource(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const parts = url.pathname.slice(BASE.length + 1).split('/');
    const namespace = parts[0] === 'namespaces' ? parts[1]! : '';
    const [resource = '', name] = namespace === '' ? parts : parts.slice(2);
    const kind = RESOURCES.find((one) => one.name === resource)?.kind;
    if (kind === undefined) return answer(response, 404, status(404, 'NotFound'));
    const prefix = `${resource}/${namespace === '' ? '' : `${namespace}/`}`;
    const placed = (object: Json) => ({
      ...object,
      metadata: { ...object.metadata, ...(namespace && { namespace }) },
    });
    const key = (object: string) => `${resource}/${namespace}/${object}`;
    const body = request.method === 'GET' ? undefined : await readJson(request);
    const gone = () =>
      answer(response, 404, status(404, 'NotFound', `${resource}.${GROUP} "${name}" not found`));
    switch (`${request.method}${name === undefined ? '' : ' one'}`) {
      case 'GET':
        if (url.searchParams.get('watch') === 'true' || url.searchParams.get('watch') === '1')
          return this.#watch(prefix, response);
        return answer(
          response,
          200,
          listOf(kind, this.#matching(prefix), this.#revision, request.headers.accept),
        );
      case 'GET one': {
        const found = this.#objects.get(key(name!));
        return found === undefined ? gone() : answer(response, 200, found);
      }
      case 'POST': {
        if (this.#objects.has(key(body.metadata.name)))
          return answer(response, 409, status(409, 'AlreadyExists'));
        const made = placed({ ...body, kind });
        made.metadata.uid = `uid-${this.#revision}`;
        return answer(response, 201, this.#put('ADDED', key(made.metadata.name), made));
      }
      case 'PUT one':
        if (!this.#objects.has(key(name!))) return gone();
        return answer(response, 200, this.#put('MODIFIED', key(name!), placed(body)));
      case 'PATCH one': {
        const old = this.#objects.get(key(name!));
        if (old === undefined) return gone();
        const metadata = { ...old.metadata, ...body.metadata };
        return answer(response, 200, this.#put('MODIFIED', key(name!), { ...old, ...body, metadata }));
      }
      case 'DELETE one':
        return this.#remove(key(name!)) ? answer(response, 200, status(200, '')) : gone();
      case 'DELETE':
        for (const one of this.#matching(prefix))
          this.#remove(`${resource}/${one.metadata.namespace ?? ''}/${one.metadata.name}`);
        return answer(response, 200, status(200, ''));
      default:
        return answer(response, 405, status(405, 'MethodNotAllowed'));
    }
  }

  #matching(prefix: string): Json[] {
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
  }

  #put(type: string, key: string, object: Json): Json {
    const metadata = { creationTimestamp: '2026-01-01T00:00:00Z', ...object.metadata };
    metadata.resourceVersion = String(++this.#revision);
    const stored = { ...object, apiVersion: `${GROUP}/${VERSION}`, metadata };
    this.#objects.set(key, stored);
    this.#tell(type, key, stored);
    return stored;
  }

  #remove(key: string): boolean {
    const object = this.#objects.get(key);
    if (object === undefined) return false;
    this.#objects.delete(key);
    this.#revision++;
    this.#tell('DELETED', key, object);
    return true;
  }

  #tell(type: string, key: string, object: Json): void {
    for (const { prefix, response } of this.#watchers)
      if (key.startsWith(prefix)) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #watch(prefix: string, response: ServerResponse): void {
    const watcher = { prefix, response };
    this.#watchers.add(watcher);
    response.once('close', () => this.#watchers.delete(watcher));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
  }
}

function isProxy(socket: TLSSocket): boolean {
  return socket.authorized && socket.getPeerCertificate().subject.CN === 'front-proxy-client';
}

function answer(response: ServerResponse, code: number, body: object, type = 'application/json'): void {
  response.writeHead(code, { 'content-type': type }).end(JSON.stringify(body));
}

function status(code: number, reason: string, message = reason): object {
  const outcome = code < 300 ? 'Success' : 'Failure';
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: outcome, reason, message, code };
}

async function readJson(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text.startsWith('{') ? JSON.parse(text) : {};
}

/** A table of names for those who ask for one, as kubectl does. */
function listOf(kind: string, items: Json[], revision: number, accept = ''): object {
  const metadata = { resourceVersion: String(revision) };
  if (accept.includes('as=Table')) {
    const columnDefinitions = [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      { name: 'Reference', type: 'string', format: '', description: '', priority: 0 },
    ];
    const rows = items.map((object) => ({
      cells: [object.metadata.name, object.spec?.reference ?? '<none>'],
      object,
    }));
    return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions, rows };
  }
  return { kind: `${kind}List`, apiVersion: `${GROUP}/${VERSION}`, metadata, items };
}

function aggregatedDiscovery(version: string): object {
  const resources = RESOURCES.map((one) => ({
    resource: one.name,
    responseKind: { group: GROUP, version: VERSION, kind: one.kind },
    scope: one.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: one.singularName,
    verbs: VERBS,
    shortNames: [one.name.slice(0, 2)],
  }));
  const versions = [{ version: VERSION, resources, freshness: 'Current' }];
  const items = [{ metadata: { name: GROUP }, versions }];
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

const FLUNDER = 'com.example.wardle.v1alpha1.Flunder';

function schemas(reference: string): Json {
  const gvk = [{ group: GROUP, version: VERSION, kind: 'Flunder' }];
  const spec = {
    type: 'object',
    properties: { reference: { type: 'string', description: 'Whom it points at.' } },
  };
  const meta = { $ref: `${reference}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta` };
  return {
    [FLUNDER]: {
      type: 'object',
      description: 'A Flunder is a fish.',
      properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: meta, spec },
      'x-kubernetes-group-version-kind': gvk,
    },
    'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': {
      type: 'object',
      description: 'Its metadata.',
      properties: { name: { type: 'string' } },
    },
  };
}

function openApi2(): object {
  const get = {
    operationId: 'listFlunder',
    produces: ['application/json'],
    responses: { '200': { description: 'OK', schema: { $ref: `#/definitions/${FLUNDER}` } } },
    'x-kubernetes-action': 'list',
    'x-kubernetes-group-version-kind': { group: GROUP, version: VERSION, kind: 'Flunder' },
  };
  const paths = { [`${BASE}/flunders`]: { get }, '/version': { get: { responses: {} } } };
  const info = { title: 'wardle', version: 'v1' };
  return { swagger: '2.0', info, paths, definitions: schemas('#/definitions/') };
}

function openApi3(): object {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${FLUNDER}` } } };
  const get = {
    responses: { '200': { description: 'OK', content } },
    'x-kubernetes-action': 'list',
    'x-kubernetes-group-version-kind': { group: GROUP, version: VERSION, kind: 'Flunder' },
  };
  const info = { title: 'wardle', version: 'v1' };
  const components = { schemas: schemas('#/components/schemas/') };
  return { openapi: '3.0.0', info, paths: { [`${BASE}/flunders`]: { get } }, components };
}
