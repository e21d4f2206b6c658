import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { BadRequest, messageOf, NotFound, type OrreryError } from '../../base/index.ts';
import { type corev1, validatePodLogOptions } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { internalError, objectInvalid, serviceUnavailable } from '../errors.ts';
import type { ApiResponse } from '../http/messages.ts';
import type { Answer, ResourceRequest } from '../registry/registry.ts';
import { DEFAULT_WORKSPACE, isTrue } from '../request-info/request-info.ts';
import { joinStreams } from './joined-streams.ts';
import { addressOfNode, chooseContainer, type NodeAddress, readPod } from './node-address.ts';
import { ObjectProxy } from './object-proxy.ts';

/** How we show ourselves to nodes and tell theirs from others, PEM. */
export interface NodeCredentials {
  ca: string;
  certificate: string;
  key: string;
}

const DIAL_TIMEOUT_MS = 10_000;
const ERROR_LIMIT_BYTES = 16 * 1024;
const LOG_OPTIONS = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
];
/** kubectl's word → the kubelet's. */
const STREAM_OPTIONS = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };
/** Not for the node: hop by hop, or the client's secrets. */
const WITHHELD_HEADERS = new Set(['host', 'authorization', 'cookie', 'content-length', 'transfer-encoding']);

/**
 * Carries log, exec, attach and port-forward of a pod to the server of its node, and the `proxy` subresources. An upgraded connection is piped
 * through byte for byte: SPDY/3.1 and WebSocket both end in the node.
 */
export class NodeProxy {
  readonly #objects: StoredObjects;
  readonly #credentials: () => Promise<NodeCredentials>;
  readonly #proxy: ObjectProxy;

  constructor(objects: StoredObjects, credentials: () => Promise<NodeCredentials>) {
    this.#objects = objects;
    this.#credentials = credentials;
    this.#proxy = new ObjectProxy(objects, (node) => this.#tlsOptions(node));
  }

  async connect(request: ResourceRequest): Promise<Answer> {
    return { type: 'response', response: await this.#response(request) };
  }

  /** What a path of the node's own server answers, as JSON. @throws as addressOfNode; what the node answered instead */
  async read(node: string, path: string): Promise<unknown> {
    const address = await addressOfNode(this.#objects, DEFAULT_WORKSPACE, node);
    const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS);
    const { response } = await this.#dial(address, { method: 'GET', path }, signal);
    if (response.statusCode !== 200) throw await answeredError(response);
    return JSON.parse(await text(response)) as unknown;
  }

  #response(request: ResourceRequest): Promise<ApiResponse> {
    if (request.subresource === 'proxy') return this.#proxy.serve(request);
    return request.subresource === 'log' ? this.#log(request) : this.#stream(request);
  }

  async #log(request: ResourceRequest): Promise<ApiResponse> {
    const pod = await readPod(this.#objects, request);
    const query = request.request.query ?? new URLSearchParams();
    const container = chooseContainer(pod, query.get('container') ?? '');
    checkLogOptions(query, request.name!);
    const nodeName = pod.spec?.nodeName;
    // A pod without a node has said nothing yet.
    if (!nodeName) return logResponse(emptyBody());
    const address = await addressOfNode(this.#objects, request.workspace, nodeName);
    const wanted = new URLSearchParams();
    for (const name of LOG_OPTIONS) {
      const value = query.get(name);
      if (value) wanted.set(name, value);
    }
    const { namespace, name } = request;
    const path = `/containerLogs/${namespace}/${name}/${container}?${wanted}`;
    const dialed = await this.#dial(address, { method: 'GET', path }, request.request.signal);
    const { response } = dialed;
    if (response.statusCode !== 200) throw await answeredError(response);
    return logResponse(response);
  }

  async #stream(request: ResourceRequest): Promise<ApiResponse> {
    const { upgrade } = request;
    if (upgrade === undefined) throw new BadRequest('Upgrade request required');
    const pod = await readPod(this.#objects, request);
    const query = request.request.query ?? new URLSearchParams();
    const path = streamPath(request, query, (wanted) => chooseContainer(pod, wanted));
    const phase = pod.status?.phase;
    if (request.subresource === 'exec' && (phase === 'Succeeded' || phase === 'Failed'))
      throw new BadRequest(`cannot exec into a container in a completed pod; current phase is ${phase}`);
    const nodeName = pod.spec?.nodeName;
    if (!nodeName) throw new BadRequest(`pod ${request.name} does not have a host assigned`);
    const address = await addressOfNode(this.#objects, request.workspace, nodeName);
    const headers = nodeHeaders(request.request.headers ?? {});
    const options = { method: request.request.method, path, headers };
    const dialed = await this.#dial(address, options, undefined);
    if (dialed.socket === undefined) throw await answeredError(dialed.response);
    joinStreams(upgrade, dialed.socket, dialed.head, dialed.response);
    return { status: 101, headers: {}, body: new Uint8Array() };
  }

  async #tlsOptions({ nodeName }: NodeAddress): Promise<RequestOptions> {
    const { ca, certificate: cert, key } = await this.#credentials();
    return {
      checkServerIdentity: (name, shown) => checkServerIdentity(name, shown) ?? checkNode(nodeName, shown),
      ca,
      cert,
      key,
      minVersion: 'TLSv1.2',
    };
  }

  async #dial(
    node: NodeAddress,
    options: RequestOptions,
    signal: AbortSignal | undefined,
  ): Promise<{ response: IncomingMessage; socket?: Duplex; head: Uint8Array }> {
    const tls = await this.#tlsOptions(node);
    return new Promise((resolve, reject) => {
      const request: ClientRequest = httpsRequest({
        ...options,
        ...tls,
        host: node.host,
        port: node.port,
        agent: false,
        ...(signal !== undefined && { signal }),
      });
      const timer = setTimeout(() => request.destroy(new Error('i/o timeout')), DIAL_TIMEOUT_MS);
      request.once('error', (cause) => {
        clearTimeout(timer);
        reject(serviceUnavailable(`error dialing backend: ${messageOf(cause)}`, cause));
      });
      request.once('response', (response) => {
        clearTimeout(timer);
        resolve({ response, head: new Uint8Array() });
      });
      request.once('upgrade', (response, socket, head) => {
        clearTimeout(timer);
        resolve({ response, socket, head });
      });
      request.end();
    });
  }
}

/**
 * A node says itself where its server is. Were any certificate of the cluster good enough, it could send the
 * API server, which everybody obeys, to another node or back to itself.
 */
function checkNode(name: string, { subject }: PeerCertificate): Error | undefined {
  const wanted = `system:node:${name}`;
  return subject.CN === wanted
    ? undefined
    : new Error(`the certificate shown is for ${JSON.stringify(subject.CN)}, not ${JSON.stringify(wanted)}`);
}

function logResponse(body: AsyncIterable<Uint8Array>): ApiResponse {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body };
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {
  // Nothing.
}

/** @throws BadRequest for what is no number, Invalid for one that makes no sense. */
function checkLogOptions(query: URLSearchParams, name: string): void {
  const options: Record<string, unknown> = {};
  for (const field of ['tailLines', 'sinceSeconds', 'limitBytes']) {
    const value = query.get(field);
    if (value === null) continue;
    if (!/^-?\d+$/.test(value))
      throw new BadRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    options[field] = Number(value);
  }
  const since = query.get('sinceTime');
  if (since !== null) options.sinceTime = since;
  const errors = validatePodLogOptions(options as unknown as corev1.PodLogOptions);
  if (errors.length > 0) throw objectInvalid({ group: '', kind: 'PodLogOptions' }, name, errors);
}

function streamPath(
  request: ResourceRequest,
  query: URLSearchParams,
  choose: (wanted: string) => string,
): string {
  const { namespace, name, subresource } = request;
  const wanted = new URLSearchParams();
  if (subresource === 'portforward') {
    for (const ports of query.getAll('ports'))
      for (const port of ports.split(',')) wanted.append('port', port);
    return `/portForward/${namespace}/${name}?${wanted}`;
  }
  for (const [theirs, nodes] of Object.entries(STREAM_OPTIONS))
    if (isTrue(query.get(theirs))) wanted.set(nodes, '1');
  for (const command of query.getAll('command')) wanted.append('command', command);
  if (subresource === 'exec' && !wanted.has('command'))
    throw new BadRequest('you must specify at least 1 command for the container');
  return `/${subresource}/${namespace}/${name}/${choose(query.get('container') ?? '')}?${wanted}`;
}

const WEBSOCKET_TOKEN = 'base64url.bearer.authorization.k8s.io.';

function nodeHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !WITHHELD_HEADERS.has(name));
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      name === 'sec-websocket-protocol'
        ? value
            .split(',')
            .filter((protocol) => !protocol.trim().startsWith(WEBSOCKET_TOKEN))
            .join(',')
        : value,
    ]),
  );
}

/** What the node said instead; k8s.io/apiserver/pkg/registry/generic/rest GenericHttpResponseChecker. */
async function answeredError(response: IncomingMessage): Promise<OrreryError> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > ERROR_LIMIT_BYTES) break;
  }
  const message = Buffer.concat(chunks).toString().trim();
  if (response.statusCode === 400) return new BadRequest(message);
  if (response.statusCode === 404) return new NotFound(message);
  return internalError(message || `the node answered ${response.statusCode}`);
}
