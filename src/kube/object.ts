import type { metav1 } from './types/index.generated.ts';

/** Any Kubernetes object as JSON. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: metav1.ObjectMeta;
}

/** What a client sends to create: the server fills the rest of the metadata in. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata'> & { metadata: Partial<metav1.ObjectMeta> };

export interface GroupVersionResource {
  group: string;
  version: string;
  resource: string;
}

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

/** The logical cluster an object lives in, put on every object that is read through `/clusters/*` (as kcp). */
export const CLUSTER_ANNOTATION = 'kcp.io/cluster';
/** The one workspace of the first day. */
export const ROOT_WORKSPACE = 'root';
