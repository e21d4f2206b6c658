import { BadRequest, type Clock, messageOf, OrreryError, systemClock } from '../base/index.ts';
import { type Draft, type KubeObject, type metav1, ROOT_WORKSPACE } from '../kube/index.ts';
import type {
  Client,
  DeleteRequest,
  DiscoveredResource,
  Discovery,
  ListOf,
  ListRequest,
  Patch,
  ResourceClient,
  ResourceRef,
  StoredContent,
  WatchEvent,
  WatchRequest,
  WriteRequest,
} from './client.ts';
import { decodeJsonLines } from './json-lines.ts';
import { withoutClusterAnnotation } from './object-key.ts';
import { apiVersionOf } from './resource-refs.ts';
import { errorFromAnswer, errorFromStatus, Unreachable } from './status-error.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

export interface ClientOptions {
  /** `orrery-controllers/0.1.0`; becomes the default field manager as well (the part before the slash). */
  userAgent: string;
  clock?: Clock;
}

const PATCH_TYPES: Record<Patch['type'], string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** How often a request that was told "429, come back in n seconds" comes back; as client-go. */
const MAX_RETRIES = 10;

export function createClient(transport: Transport, options: ClientOptions): Client {
  const connection = new Connection(transport, options.userAgent, options.clock ?? systemClock);
  return new WorkspaceClient(connection, ROOT_WORKSPACE);
}

class WorkspaceClient implements Client {
  readonly #connection: Connection;
  readonly #workspace: string;

  constructor(connection: Connection, workspace: string) {
    this.#connection = connection;
    this.#workspace = workspace;
  }

  in(workspace: string): Client {
    return workspace === this.#workspace ? this : new WorkspaceClient(this.#connection, workspace);
  }

  resource<T extends KubeObject>(ref: ResourceRef): ResourceClient<T> {
    return new HttpResourceClient<T>(this.#connection, this.#workspace, ref);
  }

  async discover(): Promise<Discovery> {
    const prefix = workspacePrefix(this.#workspace);
    const groups = await this.#connection.json<metav1.APIGroupList>({
      method: 'GET',
      path: `${prefix}/apis`,
    });
    const found: DiscoveredResource[] = [];
    const failures: Discovery['failures'] = [];
    const seen = new Set<string>();
    const preferredFirst = (groups.groups ?? []).flatMap((group) => {
      const preferred = group.preferredVersion?.groupVersion;
      return group.versions
        .map((version) => version.groupVersion)
        .sort((a, b) => Number(b === preferred) - Number(a === preferred));
    });
    const lists = await Promise.all(
      ['v1', ...preferredFirst].map(async (groupVersion) => {
        const path = `${prefix}${groupVersion === 'v1' ? '/api' : '/apis'}/${groupVersion}`;
        try {
          return await this.#connection.json<metav1.APIResourceList>({ method: 'GET', path });
        } catch (error) {
          failures.push({ groupVersion, error: staleOr(error, groupVersion) });
          return undefined;
        }
      }),
    );
    for (const list of lists) {
      for (const resource of list === undefined ? [] : resourcesOf(list)) {
        const id = `${resource.group}/${resource.resource}`;
        if (!seen.has(id)) found.push(resource);
        seen.add(id);
      }
    }
    return { resources: found, failures };
  }

  async contents(namespace?: string): Promise<StoredContent[]> {
    const { contents } = await this.#connection.json<{ contents: StoredContent[] }>({
      method: 'GET',
      path: `${workspacePrefix(this.#workspace)}/contents`,
      ...(namespace !== undefined && { query: new URLSearchParams({ namespace }) }),
    });
    return contents;
  }
}

/** client-go's word for a group version whose server does not answer: ErrStaleGroupVersion. */
function staleOr(error: unknown, groupVersion: string): unknown {
  if (!(error instanceof OrreryError) || error.code !== 'ServiceUnavailable') return error;
  return new OrreryError(error.code, `stale GroupVersion discovery: ${groupVersion}`, { cause: error });
}

function resourcesOf(list: metav1.APIResourceList): DiscoveredResource[] {
  const [group, version] = list.groupVersion.includes('/')
    ? (list.groupVersion.split('/') as [string, string])
    : ['', list.groupVersion];
  return (list.resources ?? [])
    .filter((resource) => !resource.name.includes('/'))
    .map((resource) => ({
      group,
      version,
      resource: resource.name,
      kind: resource.kind,
      namespaced: resource.namespaced,
      verbs: resource.verbs,
    }));
}

/** `root` is what a path without prefix means, so the client of one workspace works on any Kubernetes. */
function workspacePrefix(workspace: string): string {
  return workspace === ROOT_WORKSPACE ? '' : `/clusters/${workspace}`;
}

class HttpResourceClient<T extends KubeObject> implements ResourceClient<T> {
  readonly #connection: Connection;
  readonly #workspace: string;
  readonly #ref: ResourceRef;

  constructor(connection: Connection, workspace: string, ref: ResourceRef) {
    this.#connection = connection;
    this.#workspace = workspace;
    this.#ref = ref;
  }

  get(name: string, namespace?: string): Promise<T> {
    return this.#connection.json({ method: 'GET', path: this.#objectPath(name, namespace) });
  }

  async list(options: ListRequest = {}): Promise<ListOf<T>> {
    const list = await this.#connection.json<ListOf<T>>({
      method: 'GET',
      path: this.#collectionPath(options.namespace),
      query: listQuery(options),
    });
    const apiVersion = apiVersionOf(this.#ref);
    list.items ??= [];
    for (const item of list.items) {
      item.apiVersion ??= apiVersion;
      item.kind ??= this.#ref.kind;
    }
    return list;
  }

  async *watch(options: WatchRequest): AsyncGenerator<WatchEvent<T>> {
    const query = listQuery(options);
    query.set('watch', 'true');
    if (options.allowBookmarks) query.set('allowWatchBookmarks', 'true');
    const response = await this.#connection.send({
      method: 'GET',
      path: this.#collectionPath(options.namespace),
      query,
      signal: options.signal,
    });
    for await (const line of decodeJsonLines(chunksOf(response.body))) {
      const event = line as { type: string; object: T };
      if (event.type === 'ERROR') throw errorFromStatus(event.object as unknown as metav1.Status, 500);
      yield event as WatchEvent<T>;
    }
  }

  create(object: Draft<T>, options: WriteRequest = {}): Promise<T> {
    return this.#connection.json({
      method: 'POST',
      path: this.#collectionPath(this.#namespaceToWrite(object.metadata.namespace)),
      query: writeQuery(options),
      body: this.#encode(object),
    });
  }

  update(object: T, options: WriteRequest = {}): Promise<T> {
    return this.#connection.json({
      method: 'PUT',
      path: this.#objectPath(object.metadata.name, object.metadata.namespace),
      query: writeQuery(options),
      body: this.#encode(object),
    });
  }

  updateStatus(object: T): Promise<T> {
    return this.updateSubresource(object, 'status');
  }

  getSubresource<B extends KubeObject>(name: string, subresource: string, namespace?: string): Promise<B> {
    return this.#connection.json({
      method: 'GET',
      path: `${this.#objectPath(name, namespace)}/${subresource}`,
    });
  }

  updateSubresource<B extends KubeObject>(object: B, subresource: string): Promise<B> {
    return this.#connection.json({
      method: 'PUT',
      path: `${this.#objectPath(object.metadata.name, object.metadata.namespace)}/${subresource}`,
      body: this.#encode(object),
    });
  }

  patch(
    name: string,
    patch: Patch,
    options: { namespace?: string; subresource?: string; fieldManager?: string; force?: boolean } = {},
  ): Promise<T> {
    const query = new URLSearchParams();
    if (options.fieldManager !== undefined) query.set('fieldManager', options.fieldManager);
    if (options.force) query.set('force', 'true');
    const path = this.#objectPath(name, options.namespace);
    return this.#connection.json({
      method: 'PATCH',
      path: options.subresource === undefined ? path : `${path}/${options.subresource}`,
      query,
      headers: { 'content-type': PATCH_TYPES[patch.type] },
      body: Buffer.from(JSON.stringify(patch.body)),
    });
  }

  async delete(name: string, options: DeleteRequest = {}): Promise<void> {
    await this.#connection.json({
      method: 'DELETE',
      path: this.#objectPath(name, options.namespace),
      ...deleteBody(options),
    });
  }

  async deleteCollection(
    options: DeleteRequest & Pick<ListRequest, 'labelSelector' | 'fieldSelector'>,
  ): Promise<void> {
    await this.#connection.json({
      method: 'DELETE',
      path: this.#collectionPath(this.#namespaceToWrite(options.namespace)),
      query: listQuery(options),
      ...deleteBody(options),
    });
  }

  createSubresource<R>(name: string, subresource: string, body: object, namespace?: string): Promise<R> {
    return this.#connection.json({
      method: 'POST',
      path: `${this.#objectPath(name, namespace)}/${subresource}`,
      body: Buffer.from(JSON.stringify(body)),
    });
  }

  #encode(object: { apiVersion?: string; kind?: string; metadata: Partial<metav1.ObjectMeta> }): Uint8Array {
    const whole = { apiVersion: apiVersionOf(this.#ref), kind: this.#ref.kind, ...object };
    return Buffer.from(JSON.stringify(withoutClusterAnnotation(whole)));
  }

  #namespaceToWrite(namespace: string | undefined): string | undefined {
    if (this.#workspace === '*')
      throw new BadRequest('the wildcard workspace can only be listed and watched');
    if (!this.#ref.namespaced) return undefined;
    if (!namespace) throw new BadRequest(`${this.#ref.resource} live in a namespace, none was given`);
    return namespace;
  }

  #objectPath(name: string, namespace: string | undefined): string {
    if (name === '') throw new BadRequest(`a name of ${this.#ref.resource} is needed`);
    return `${this.#collectionPath(this.#namespaceToWrite(namespace))}/${encodeURIComponent(name)}`;
  }

  #collectionPath(namespace: string | undefined): string {
    const { group, version, resource, namespaced } = this.#ref;
    const api = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const scope = namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
    return `${workspacePrefix(this.#workspace)}${api}${scope}/${resource}`;
  }
}

function listQuery(options: Omit<ListRequest, 'namespace'>): URLSearchParams {
  const query = new URLSearchParams();
  if (options.labelSelector) query.set('labelSelector', options.labelSelector);
  if (options.fieldSelector) query.set('fieldSelector', options.fieldSelector);
  if (options.limit !== undefined) query.set('limit', String(options.limit));
  if (options.continue) query.set('continue', options.continue);
  if (options.resourceVersion !== undefined) query.set('resourceVersion', options.resourceVersion);
  return query;
}

function writeQuery(options: WriteRequest): URLSearchParams {
  const query = new URLSearchParams();
  if (options.fieldManager !== undefined) query.set('fieldManager', options.fieldManager);
  if (options.dryRun) query.set('dryRun', 'All');
  return query;
}

function deleteBody(options: DeleteRequest): { body?: Uint8Array } {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  if (gracePeriodSeconds === undefined && propagationPolicy === undefined && preconditions === undefined)
    return {};
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds,
    propagationPolicy,
    preconditions,
  };
  return { body: Buffer.from(JSON.stringify(body)) };
}

/** One transport and the habits every request shares: headers, JSON, errors, "come back later". */
class Connection {
  readonly #transport: Transport;
  readonly #headers: Record<string, string>;
  readonly #clock: Clock;

  constructor(transport: Transport, userAgent: string, clock: Clock) {
    this.#transport = transport;
    this.#headers = { accept: 'application/json', 'user-agent': userAgent };
    this.#clock = clock;
  }

  async json<R>(request: ApiRequest): Promise<R> {
    const response = await this.send(request);
    const text = await textOf(response);
    if (text === '') return undefined as R;
    try {
      return JSON.parse(text) as R;
    } catch (cause) {
      throw new OrreryError('InternalError', `${request.method} ${request.path}: the answer is not JSON`, {
        cause,
      });
    }
  }

  /** @throws the error that a status of 400 or more stands for. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    const headers = { ...this.#headers, ...request.headers };
    if (request.body !== undefined) headers['content-type'] ??= 'application/json';
    for (let attempt = 0; ; attempt++) {
      const response = await this.#transport.request({ ...request, headers });
      if (response.status < 400) return response;
      const error = errorFromAnswer(response.status, await textOf(response));
      const retryAfter = Number(response.headers['retry-after']);
      if (response.status !== 429 || !(retryAfter >= 0) || attempt >= MAX_RETRIES) throw error;
      await this.#clock.sleep(retryAfter * 1000, request.signal);
    }
  }
}

async function textOf(response: ApiResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  try {
    for await (const chunk of chunksOf(response.body)) parts.push(chunk);
  } catch (cause) {
    throw new Unreachable(`the answer broke off: ${messageOf(cause)}`, cause);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function* chunksOf(body: ApiResponse['body']): AsyncIterable<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
}
