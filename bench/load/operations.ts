import type { WireRequest } from './wire.ts';

/** What a client asks for, by its number in its process; undefined when there is nothing left to do. */
export type Operation = (sequence: number, context: OperationContext) => WireRequest | undefined;

export interface OperationContext {
  /** Of the generator process: names what only it makes. */
  processId: number;
  /** Objects that were there before. */
  objects: number;
  /** How many this process has made with `create` and not yet deleted. */
  made: number;
}

export const NAMESPACE = '/api/v1/namespaces/default';
export const COLLECTION = `${NAMESPACE}/configmaps`;
/** Of 10,000 objects 500 carry one of these. */
const BUCKETS = 20;
const JSON_BODY = { 'content-type': 'application/json' };

/** 1.5 KB as JSON. */
export function configMap(name: string, bucket = 0, more: Record<string, string> = {}): Buffer {
  const data = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`key-${index}`, 'x'.repeat(110)]),
  );
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels: { app: 'bench', bucket: `b-${bucket % BUCKETS}` } },
      data: { ...data, ...more },
    }),
  );
}

export function seedName(sequence: number): string {
  return `seed-${String(sequence).padStart(6, '0')}`;
}

function seeded(sequence: number, { objects, processId }: OperationContext): string {
  // Processes walk the same objects, far from each other.
  return seedName((sequence + processId * 4999) % objects);
}

function patching(type: string, query: string, make: (sequence: number, name: string) => object): Operation {
  return (sequence, context) => {
    const name = seeded(sequence, context);
    return {
      method: 'PATCH',
      path: `${COLLECTION}/${name}${query}`,
      headers: { 'content-type': type },
      body: Buffer.from(JSON.stringify(make(sequence, name))),
    };
  };
}

const reading =
  (path: string): Operation =>
  () => ({ method: 'GET', path });

export const OPERATIONS = {
  get: (sequence, context) => ({ method: 'GET', path: `${COLLECTION}/${seeded(sequence, context)}` }),
  'list of 500': reading(`${COLLECTION}?limit=500`),
  'list of all': reading(COLLECTION),
  'list by label': reading(`${COLLECTION}?labelSelector=bucket%3Db-7`),
  create: (sequence, { processId }) => ({
    method: 'POST',
    path: COLLECTION,
    headers: JSON_BODY,
    body: configMap(`made-${processId}-${sequence}`, sequence),
  }),
  update: (sequence, context) => {
    const name = seeded(sequence, context);
    return {
      method: 'PUT',
      path: `${COLLECTION}/${name}`,
      headers: JSON_BODY,
      body: configMap(name, sequence, { changed: String(sequence) }),
    };
  },
  'merge patch': patching('application/merge-patch+json', '', (sequence) => ({
    data: { 'key-0': `v-${sequence}` },
  })),
  'server-side apply': patching(
    'application/apply-patch+yaml',
    '?fieldManager=bench-apply&force=true',
    (sequence, name) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { applied: `a-${sequence}` },
    }),
  ),
  delete: (sequence, { processId, made }) =>
    sequence < made ? { method: 'DELETE', path: `${COLLECTION}/made-${processId}-${sequence}` } : undefined,
} satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
