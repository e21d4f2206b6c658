import { setTimeout as delay } from 'node:timers/promises';
import {
  type Collection,
  Cut,
  type Json,
  NAMESPACES,
  pathOf,
  Refused,
  type State,
  type States,
  stateOf,
  type World,
} from './world.ts';

export interface FollowerOptions {
  collection: Collection;
  /** Left out: all namespaces. */
  namespace?: string;
  selection: Selection;
  view: 'object' | 'metadata' | 'table' | 'table-object';
  /** How it comes to its first state. */
  start: 'pages' | 'whole' | 'any' | 'stream' | 'watch-from-zero';
  pageSize: number;
  bookmarks: boolean;
  /** How long it thinks about an event: who is slow is told later. */
  slownessMs: number;
}

export interface Selection {
  query: string;
  matches(key: string, state: State): boolean;
}

export const SELECTIONS: readonly Selection[] = [
  { query: '', matches: () => true },
  { query: 'labelSelector=odd%3D1', matches: (_, { labels }) => labels.odd === '1' },
  {
    query: 'labelSelector=odd+in+(0,1),!rare',
    matches: (_, { labels }) => 'odd' in labels && !('rare' in labels),
  },
  { query: 'labelSelector=odd%21%3D1', matches: (_, { labels }) => labels.odd !== '1' },
  { query: 'fieldSelector=metadata.name%3Dm3', matches: (key) => key.endsWith('/m3') },
  { query: 'fieldSelector=metadata.name%21%3Dm3', matches: (key) => !key.endsWith('/m3') },
  {
    query: `fieldSelector=metadata.namespace%3D${NAMESPACES[0]}`,
    matches: (key) => key.startsWith(`${NAMESPACES[0]}/`),
  },
];
export const COLOR_SELECTION: Selection = {
  query: 'fieldSelector=spec.color%3Dred',
  matches: (_, { content }) => content.color === 'red',
};

const ACCEPT = {
  object: ['application/json', 'application/json'],
  metadata: [
    'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  ],
  table: Array(2).fill('application/json;as=Table;g=meta.k8s.io;v=v1'),
  'table-object': Array(2).fill('application/json;as=Table;g=meta.k8s.io;v=v1'),
} as const;

/** The server said what no sequence of changes can explain. */
export class Divergence extends Error {}

/** A client as they all are: a list, then a watch from it, again and again, and what it knows from that. */
export class Follower {
  readonly options: FollowerOptions;
  readonly known: States = new Map();
  /** What it knows is of this revision. */
  revision = 0;
  /** 'whole': what it knows is what was there at `revision`. A watch from zero does not say when it is. */
  phase: 'nothing' | 'filling' | 'whole' = 'nothing';
  counts = { lists: 0, watches: 0, events: 0, gone: 0, cuts: 0, bookmarks: 0 };
  failure: unknown;
  readonly #world: World;
  readonly #path: string;
  /** Asked now and then whether what it knows is true. */
  readonly #check: (follower: Follower) => Promise<void>;
  #seen = 0;

  constructor(world: World, options: FollowerOptions, check: (follower: Follower) => Promise<void>) {
    this.#world = world;
    this.options = options;
    this.#check = check;
    this.#path = pathOf(options.collection, options.namespace);
  }

  /** Follows until aborted; rejects with what must not happen. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.phase === 'nothing') await this.#begin();
        await this.#watch(signal);
      } catch (error) {
        if (error instanceof Refused && error.status === 410) {
          this.counts.gone++;
          this.phase = 'nothing';
        } else if (error instanceof Cut) {
          this.counts.cuts++;
          if (this.phase === 'filling') this.phase = 'nothing';
          await delay(2);
        } else if (!signal.aborted) {
          this.failure = error;
          return;
        }
      }
    }
  }

  async #begin(): Promise<void> {
    const { start } = this.options;
    if (start === 'stream' || start === 'watch-from-zero') {
      this.phase = 'filling';
      return;
    }
    this.counts.lists++;
    const found: States = new Map();
    let next = '';
    let revision = 0;
    do {
      const paging = start === 'pages' ? `&limit=${this.options.pageSize}` : '';
      const any = start === 'any' ? '&resourceVersion=0' : '';
      const url = `${this.#path}?${this.#query()}${paging}${any}${next && `&continue=${next}`}`;
      const { status, body } = await this.#world.send('GET', url, { accept: ACCEPT[this.options.view][0]! });
      if (status !== 200) throw new Refused(status, body);
      for (const item of body.items ?? body.rows.map((row: Json) => row.object)) {
        if (found.has(keyOf(item))) throw new Divergence(`${keyOf(item)} is in a list twice: ${url}`);
        found.set(keyOf(item), stateOf(item));
      }
      if (revision !== 0 && revision !== Number(body.metadata.resourceVersion))
        throw new Divergence(`pages of one list are of ${revision} and ${body.metadata.resourceVersion}`);
      revision = Number(body.metadata.resourceVersion);
      next = body.metadata.continue ?? '';
    } while (next !== '');
    if (revision < this.revision && start !== 'any')
      throw new Divergence(`a list went back from ${this.revision} to ${revision}`);
    this.known.clear();
    for (const [key, state] of found) this.known.set(key, state);
    this.revision = revision;
    this.phase = 'whole';
    await this.#check(this);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { start, bookmarks, slownessMs, view } = this.options;
    this.counts.watches++;
    const isFilling = this.phase === 'filling';
    let url = `${this.#path}?watch=1&${this.#query()}`;
    if (isFilling) {
      this.known.clear();
      if (start === 'stream')
        url += '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
      else url += '&resourceVersion=0';
    } else url += `&resourceVersion=${this.revision}`;
    if (bookmarks && !(isFilling && start === 'stream')) url += '&allowWatchBookmarks=true';
    for await (const event of this.#world.watch(url, ACCEPT[view][1]!, signal)) {
      if (signal.aborted) return;
      if (event.type === 'ERROR') throw new Refused(event.object.code, event.object);
      await this.#take(event);
      if (slownessMs > 0 && this.counts.events % 5 === 0) await delay(slownessMs);
    }
  }

  async #take({ type, object: sent }: { type: string; object: Json }): Promise<void> {
    this.counts.events++;
    const isTable = this.options.view.startsWith('table');
    const object = isTable && type !== 'BOOKMARK' ? sent.rows[0].object : sent;
    const revision = Number(object.metadata.resourceVersion);
    if (type === 'BOOKMARK') {
      this.counts.bookmarks++;
      const ended = (isTable ? sent.rows?.[0]?.object : sent)?.metadata?.annotations;
      if (this.phase === 'filling' && ended?.['k8s.io/initial-events-end'] === 'true') this.phase = 'whole';
      if (this.phase === 'whole') {
        if (revision < this.revision) throw new Divergence(`a bookmark went back to ${revision}`);
        this.revision = revision;
        await this.#check(this);
      }
      return;
    }
    const key = keyOf(object);
    if (this.phase === 'whole') {
      if (revision <= this.revision)
        throw new Divergence(`${type} ${key} of ${revision} came after ${this.revision}`);
      if (type === 'ADDED' && this.known.has(key)) throw new Divergence(`${key} was added twice`);
      if (type !== 'ADDED' && !this.known.has(key)) throw new Divergence(`${type} of unknown ${key}`);
      this.revision = revision;
    }
    if (type === 'DELETED') this.known.delete(key);
    else this.known.set(key, stateOf(object));
    if (this.phase === 'whole' && this.#seen++ % 7 === 0) await this.#check(this);
  }

  #query(): string {
    const included = this.options.view === 'table-object' ? '&includeObject=Object' : '';
    return `${this.options.selection.query}${included}`;
  }

  /** How what it knows differs from the states of its collection; undefined when it does not. */
  difference(truth: States): string | undefined {
    const { namespace, selection, view } = this.options;
    const wanted = new Map<string, string>();
    for (const [key, state] of truth)
      if ((namespace === undefined || key.startsWith(`${namespace}/`)) && selection.matches(key, state))
        wanted.set(key, shown(state, view));
    for (const [key, state] of this.known) {
      const there = wanted.get(key);
      const here = shown(state, view);
      if (there !== here) return `${key}: follower ${here}, truth ${there}`;
      wanted.delete(key);
    }
    for (const [key, there] of wanted) return `${key}: follower has none, truth ${there}`;
    return undefined;
  }
}

function shown({ revision, labels, content }: State, view: FollowerOptions['view']): string {
  const all = [revision, Object.entries(labels).sort()];
  if (view === 'object' || view === 'table-object') all.push(content);
  return JSON.stringify(all);
}

function keyOf({ metadata }: Json): string {
  return `${metadata.namespace}/${metadata.name}`;
}
