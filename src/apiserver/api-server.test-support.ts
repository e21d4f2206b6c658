import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../base/index.ts';
import { openLmdbStore, type Store } from '../store/index.ts';
import { isWhole, joinedBody } from './http/messages.ts';
import { type ApiRequest, type ApiServer, createApiServer, ensurePki, type User } from './index.ts';
import type { ApiServerOptions } from './options.ts';

export const ADMIN: User = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Json;
}

/** Our whole server in memory over a real store in a temporary folder, without a port. */
export class TestServer {
  readonly api: ApiServer;
  readonly store: Store;
  readonly #directory: string;

  private constructor(api: ApiServer, store: Store, directory: string) {
    this.api = api;
    this.store = store;
    this.#directory = directory;
  }

  static async start(options: Pick<ApiServerOptions, 'admission' | 'audit'> = {}): Promise<TestServer> {
    const directory = await mkdtemp(join(tmpdir(), 'orrery-apiserver-'));
    const pki = await ensurePki(join(directory, 'pki'));
    const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
    const api = await createApiServer({
      store,
      pki: pki.paths,
      log: silentLog,
      productVersion: '0.1.0',
      serviceCidr: '10.43.0.0/28',
      nodePortRange: { first: 30000, last: 30009 },
      advertise: { address: '192.0.2.1', port: 6443 },
      ...options,
    });
    await api.bootstrap();
    return new TestServer(api, store, directory);
  }

  async stop(): Promise<void> {
    await this.api.close();
    await this.store.close();
    await rm(this.#directory, { recursive: true });
  }

  async send(
    method: ApiRequest['method'],
    url: string,
    body?: unknown,
    options: { user?: User; headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const [path = '', query] = url.split('?');
    const response = await this.api.handle(
      {
        method,
        path,
        headers: { 'content-type': 'application/json', ...options.headers },
        ...(query !== undefined && { query: new URLSearchParams(query) }),
        ...(body !== undefined && {
          body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
        }),
        ...(options.signal !== undefined && { signal: options.signal }),
      },
      options.user ?? ADMIN,
    );
    const { status, headers } = response;
    if (!isWhole(response.body)) return { status, headers, body: response.body };
    const text = Buffer.from(joinedBody(response.body)).toString();
    return { status, headers, body: headers['content-type']?.includes('json') ? JSON.parse(text) : text };
  }

  get = (url: string, user?: User) => this.send('GET', url, undefined, user && { user });
  post = (url: string, body: unknown) => this.send('POST', url, body);
  put = (url: string, body: unknown) => this.send('PUT', url, body);
  delete = (url: string, body?: unknown) => this.send('DELETE', url, body);
  patch = (url: string, body: unknown, type = 'merge-patch+json') =>
    this.send('PATCH', url, body, { headers: { 'content-type': `application/${type}` } });

  /** The next `count` events of a watch, as `[type, name]`; ends the watch. */
  async events(url: string, count: number, meanwhile?: () => Promise<unknown>): Promise<Json[]> {
    const ending = new AbortController();
    const { body } = await this.send('GET', url, undefined, { signal: ending.signal });
    const found: Json[] = [];
    const working = meanwhile?.();
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      for (const line of Buffer.from(chunk).toString().split('\n'))
        if (line !== '') found.push(JSON.parse(line));
      if (found.length >= count) break;
    }
    ending.abort();
    await working;
    return found;
  }
}

export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

export function configMap(name: string, more: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...more.metadata },
    data: { a: 'b', ...more.data },
  };
}

export function pod(name: string, spec: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'x' }], ...spec },
  };
}
