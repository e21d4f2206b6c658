import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWhole, joinedBody } from '../../src/apiserver/http/messages.ts';
import {
  type ApiServer,
  createApiServer,
  ensurePki,
  type Pki,
  type User,
} from '../../src/apiserver/index.ts';
import { silentLog } from '../../src/base/index.ts';
import { openLmdbStore, type Store, type StoreEvent } from '../../src/store/index.ts';
import {
  COLLECTIONS,
  COMPACTION,
  type Collection,
  Cut,
  contentType,
  fastClock,
  furnish,
  isLeaving,
  type Json,
  jsonLines,
  Refused,
  type States,
  stateOf,
  type World,
} from './world.ts';

const ADMIN: User = { name: 'model', groups: ['system:masters', 'system:authenticated'] };

/** Every change of a collection, in order, read from the store below the server. */
interface History {
  events: StoreEvent[];
  revision: number;
  waiting: (() => void)[];
  failure?: unknown;
}

/** Our server over a real store, without a port: fast, and the truth is at hand. It dies only in order. */
export class MemoryWorld implements World {
  readonly #directory: string;
  readonly #pki: Pki;
  readonly #histories = new Map<string, History>();
  #api!: ApiServer;
  #store!: Store;
  #ending = new AbortController();
  #cutting = new AbortController();
  #ready: Promise<void> = Promise.resolve();

  private constructor(directory: string, pki: Pki) {
    this.#directory = directory;
    this.#pki = pki;
  }

  static async start(): Promise<MemoryWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'orrery-model-'));
    const world = new MemoryWorld(directory, await ensurePki(join(directory, 'pki')));
    await world.#open();
    await furnish(world);
    return world;
  }

  async send(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, options: Json = {}) {
    const { status, body } = await this.#answer(method, url, options);
    if (!isWhole(body)) throw new TypeError('an answer, not a stream, was asked for');
    const answer = JSON.parse(Buffer.from(joinedBody(body)).toString());
    if (isLeaving(status, answer)) throw new Cut('the server goes');
    return { status, body: answer };
  }

  async *watch(url: string, accept: string, signal: AbortSignal) {
    const ending = AbortSignal.any([signal, this.#cutting.signal]);
    const { status, body } = await this.#answer('GET', url, { accept, signal: ending });
    if (isWhole(body)) {
      const answer = JSON.parse(Buffer.from(joinedBody(body)).toString());
      throw isLeaving(status, answer) ? new Cut('the server goes') : new Refused(status, answer);
    }
    for await (const event of jsonLines(body)) {
      yield event;
      if (ending.aborted) break;
    }
    if (ending.aborted) throw new Cut('the connection was cut');
  }

  async truth({ group, resource }: Collection, revision: number | 'now'): Promise<States> {
    const history = this.#histories.get(resource)!;
    const until = revision === 'now' ? this.#store.revision() : revision;
    while (history.revision < until) {
      if (history.failure !== undefined) throw history.failure;
      await new Promise<void>((resolve) => history.waiting.push(resolve));
    }
    const states: States = new Map();
    const depth = `/${group === '' ? 'core' : group}/${resource}/root/`.length;
    for (const event of history.events) {
      if (event.revision > until) break;
      const key = event.key.slice(depth);
      if (event.type === 'delete') states.delete(key);
      else states.set(key, stateOf(JSON.parse(Buffer.from(event.value).toString())));
    }
    return states;
  }

  async restart(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ready = promise;
    await this.#close();
    await this.#open();
    resolve();
  }

  cut(): void {
    this.#cutting.abort();
    this.#cutting = new AbortController();
  }

  async compact(back: number): Promise<void> {
    const known = Math.min(...[...this.#histories.values()].map(({ revision }) => revision));
    const floor = Math.min(this.#store.revision() - back, known);
    if (floor > this.#store.compactedRevision()) await this.#store.compact(floor);
  }

  async close(): Promise<void> {
    await this.#close();
    await rm(this.#directory, { recursive: true });
  }

  async #answer(method: Json, url: string, options: Json) {
    await this.#ready;
    const [path = '', query] = url.split('?');
    return this.#api.handle(
      {
        method,
        path,
        headers: {
          'content-type': contentType(method, options.body),
          ...(options.accept && { accept: options.accept }),
        },
        ...(query !== undefined && { query: new URLSearchParams(query) }),
        ...(options.body !== undefined && { body: Buffer.from(JSON.stringify(options.body)) }),
        ...(options.signal && { signal: options.signal }),
      },
      ADMIN,
    );
  }

  async #open(): Promise<void> {
    this.#ending = new AbortController();
    this.#store = await openLmdbStore({
      directory: join(this.#directory, 'store'),
      log: silentLog,
      clock: fastClock,
      compaction: COMPACTION,
    });
    this.#api = await createApiServer({
      store: this.#store,
      pki: this.#pki.paths,
      log: silentLog,
      productVersion: '0.1.0',
      advertise: { address: '192.0.2.1', port: 6443 },
    });
    for (const collection of COLLECTIONS) this.#keep(collection);
    await this.#api.bootstrap();
  }

  /** The model's own watch; a Gone means that it did not keep up, and fails the scenario. */
  #keep({ group, resource }: Collection): void {
    const prefix = `/${group === '' ? 'core' : group}/${resource}/root/`;
    const history = this.#histories.get(resource) ?? { events: [], revision: 0, waiting: [] };
    this.#histories.set(resource, history);
    const { signal } = this.#ending;
    const after = history.revision || this.#store.compactedRevision();
    const watching = this.#store.watch({ prefix, after, signal, progressMs: 100 });
    const keeping = async () => {
      for await (const { events, revision } of watching) {
        for (const event of events) history.events.push({ ...event, value: Buffer.from(event.value) });
        history.revision = revision;
        for (const resolve of history.waiting.splice(0)) resolve();
      }
    };
    keeping().catch((error: unknown) => {
      history.failure = error;
      for (const resolve of history.waiting.splice(0)) resolve();
    });
  }

  async #close(): Promise<void> {
    await this.#api.close();
    this.#ending.abort();
    await this.#store.close();
  }
}
