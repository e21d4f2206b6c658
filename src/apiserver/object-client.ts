import type { KubeObject } from '../kube/index.ts';

/**
 * Our own API, as any client has it. Paths are of collections; `replace` sends the whole object. Another server may do
 * the same at the same moment: what is there already, or gone already, is no error.
 */
export interface ObjectClient {
  list(collection: string): Promise<readonly KubeObject[]>;
  create(collection: string, object: object): Promise<unknown>;
  /** Creates unless there; what is there is its owner's. */
  ensure(collection: string, object: SentObject): Promise<unknown>;
  replace(collection: string, object: KubeObject): Promise<unknown>;
  /** Creates, or puts these fields among those that are there. */
  merge(collection: string, object: SentObject): Promise<unknown>;
  delete(collection: string, name: string): Promise<unknown>;
}

export interface SentObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [field: string]: unknown;
}
