import type { Clock } from '../../src/base/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever the server answers.
export type Json = any;

/** What an object is to a follower: enough to tell two states apart. */
export interface State {
  revision: number;
  labels: Record<string, string>;
  /** `data` or `spec`. */
  content: Json;
}

/** `namespace/name` → state. */
export type States = Map<string, State>;

/** The connection was cut, or the server is not there: a client comes back. */
export class Cut extends Error {}

/** A server that goes says so to whoever comes too late. */
export function isLeaving(status: number, body: Json): boolean {
  return status === 503 && /closed|shutting down/.test(body?.message ?? '');
}

/** PATCH merges, or applies what says its version. */
export function contentType(method: string, body: Json): string {
  if (method !== 'PATCH') return 'application/json';
  return body.apiVersion === undefined ? 'application/merge-patch+json' : 'application/apply-patch+yaml';
}

/** A server that scenarios are played on. */
export interface World {
  /** @throws Cut */
  send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    options?: { body?: unknown; accept?: string },
  ): Promise<{ status: number; body: Json }>;
  /** The events of a watch; ends with the watch. @throws Cut, and Refused with the Status of a refusal. */
  watch(url: string, accept: string, signal: AbortSignal): AsyncIterable<{ type: string; object: Json }>;
  /** How the collection looked, as far as that can still be known; 'now' always can. */
  truth(collection: Collection, revision: number | 'now'): Promise<States | undefined>;
  restart(how: 'clean' | 'kill'): Promise<void>;
  /** Every open connection breaks. */
  cut(): void;
  /** Forgets history but the last `back` revisions. */
  compact(back: number): Promise<void>;
  close(): Promise<void>;
}

export class Refused extends Error {
  readonly status: number;
  constructor(status: number, body: Json) {
    super(`${status} ${JSON.stringify(body)?.slice(0, 300)}`);
    this.status = status;
  }
}

export interface Collection {
  group: string;
  version: string;
  resource: string;
  kind: string;
}

export const COLLECTIONS: readonly Collection[] = [
  { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap' },
  { group: 'model.example.com', version: 'v1', resource: 'things', kind: 'Thing' },
];
/** The other version of the custom kind, which is not the stored one. */
export const OTHER_VERSION = 'v2';
export const NAMESPACES = ['model-a', 'model-b'];

export function pathOf({ group, version, resource }: Collection, namespace?: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${resource}` : `${root}/namespaces/${namespace}/${resource}`;
}

export function stateOf(object: Json): State {
  const { metadata, data, spec } = object;
  return {
    revision: Number(metadata.resourceVersion),
    labels: metadata.labels ?? {},
    content: spec ?? data ?? {},
  };
}

/** The definition that the custom kind comes from; `note` changes nothing but the schema's words. */
export function definition(note: string): Json {
  const { group, resource, kind } = COLLECTIONS[1]!;
  const version = (name: string) => ({
    name,
    served: true,
    storage: name === 'v1',
    selectableFields: [{ jsonPath: '.spec.color' }],
    schema: {
      openAPIV3Schema: {
        type: 'object',
        description: note,
        properties: {
          spec: {
            type: 'object',
            properties: { color: { type: 'string' }, n: { type: 'string' } },
          },
        },
      },
    },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: resource, singular: 'thing', kind, listKind: `${kind}List` },
      versions: [version('v1'), version(OTHER_VERSION)],
    },
  };
}

/** What every scenario stands on. */
export async function furnish(world: World): Promise<void> {
  const made = async (url: string, body: Json) => {
    const { status, body: answer } = await world.send('POST', url, { body });
    if (status >= 300 && status !== 409) throw new Refused(status, answer);
  };
  for (const name of NAMESPACES) await made('/api/v1/namespaces', { metadata: { name } });
  await made('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('first'));
  const path = pathOf(COLLECTIONS[1]!);
  for (let tries = 0; (await world.send('GET', path)).status !== 200; tries++) {
    if (tries > 500) throw new Error('the custom kind is not served');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A hundred times as fast as time: bookmarks and compaction come while one looks. */
export const fastClock: Clock = {
  now: () => Date.now() * 100,
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs / 100);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
/** In the clock's time: half a second. */
export const COMPACTION = { windowMs: 50_000, maxEntries: 2000 };

/** Lines of JSON. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Json> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== '') yield JSON.parse(line);
  }
}
