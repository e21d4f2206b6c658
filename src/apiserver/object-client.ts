import type { KubeObject } from '../kube/index.ts';

/** Our own API, as any client has it. Paths are of collections; `replace` sends the whole object. */
export interface ObjectClient {
  list(collection: string): Promise<readonly KubeObject[]>;
  create(collection: string, object: object): Promise<unknown>;
  replace(collection: string, object: KubeObject): Promise<unknown>;
  delete(collection: string, name: string): Promise<unknown>;
}
