import type { Clock, Log } from '../../base/index.ts';
import type { KubeObject, metav1, Resource } from '../../kube/index.ts';
import type { AdmissionChain, AdmissionRequest, Operation } from '../admission/admission.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { ApiRequest, ApiResponse, UpgradeRequest, User } from '../http/messages.ts';
import type { ObjectStorage, StoredObject } from '../storage/object-storage.ts';
import type { ResourceCatalog } from './catalog.ts';

/** What every verb of the registry works with. */
export interface Registry {
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  admission: AdmissionChain;
  /** For what only turns out on the way: an update that creates. */
  authorizer: Authorizer;
  clock: Clock;
  log: Log;
  /** kube-apiserver's --min-request-timeout: a watch without a timeout of its own ends after one to two of these. */
  minRequestTimeoutMs?: number;
}

/** One request to a resource, past authorization. */
export interface ResourceRequest {
  resource: Resource;
  subresource?: string;
  /** Never `*` for a write. */
  workspace: string;
  namespace?: string;
  name?: string;
  user: User;
  request: ApiRequest;
  /** The connection, when the client asked to switch protocols. */
  upgrade?: Pick<UpgradeRequest, 'socket' | 'head'>;
  /** Tells the client something beside the answer: a Warning header, also on an error. */
  warn?(text: string): void;
  /** Writes something about what is decided into the audit log. */
  annotate?(key: string, value: string): void;
}

/** What a verb answers; `encoding` writes it in the form the client asked for. */
export type Answer =
  | ObjectAnswer
  | ListAnswer
  | WatchAnswer
  /** A kind that is not stored: Status, Scale, a review. */
  | { type: 'plain'; status: number; body: object; warnings?: readonly string[] }
  | { type: 'response'; response: ApiResponse };

export interface ObjectAnswer {
  type: 'object';
  status: number;
  resource: Resource;
  stored: StoredObject;
  warnings?: readonly string[];
}

export interface ListAnswer {
  type: 'list';
  resource: Resource;
  items: StoredObject[];
  metadata: metav1.ListMeta;
  /** Of a long list what comes after `items`, read while it is sent. */
  rest?: AsyncIterable<StoredObject[]>;
}

export interface WatchAnswer {
  type: 'watch';
  resource: Resource;
  events: AsyncIterable<readonly WatchItem[]>;
}

export type WatchItem =
  /** `isLive`: a change as it happens, whose bytes every watcher is handed. */
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; stored: StoredObject; isLive?: true }
  | { type: 'BOOKMARK'; revision: number; initialEventsEnd: boolean }
  | { type: 'ERROR'; status: metav1.Status };

export function plain(status: number, body: object, warnings?: readonly string[]): Answer {
  return { type: 'plain', status, body, ...(warnings !== undefined && { warnings }) };
}

export function objectAnswer(
  status: number,
  resource: Resource,
  stored: StoredObject,
  warnings: readonly string[] = [],
): ObjectAnswer {
  return { type: 'object', status, resource, stored, warnings };
}

/** Where the request's object lies. */
export function keyOf(registry: Registry, request: ResourceRequest, name: string): string {
  const { resource, workspace, namespace } = request;
  return registry.storage.keyOf(resource, {
    workspace,
    ...(resource.namespaced && { namespace: namespace ?? '' }),
    name,
  });
}

export function admissionRequest(
  request: ResourceRequest,
  operation: Operation,
  name: string,
  objects: { object?: KubeObject; oldObject?: Readonly<KubeObject>; body?: unknown; dryRun: boolean },
): AdmissionRequest {
  const { resource, subresource, workspace, namespace, user, warn, annotate } = request;
  const { query } = request.request;
  const [fieldManager, fieldValidation] = [query?.get('fieldManager'), query?.get('fieldValidation')];
  return {
    operation,
    resource,
    workspace,
    name,
    user,
    options: { ...(fieldManager && { fieldManager }), ...(fieldValidation && { fieldValidation }) },
    ...(warn !== undefined && { warn }),
    ...(annotate !== undefined && { annotate }),
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...objects,
  };
}

/** Bytes as they would have been stored, of a write that is not made (dry run, nothing changed). */
export function unstored(
  key: string,
  resource: Resource,
  object: KubeObject,
  revision: number,
): StoredObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const ordered = { kind: kind ?? resource.kind, apiVersion, metadata, ...rest };
  return { key, bytes: Buffer.from(JSON.stringify(ordered)), revision, rewritten: true };
}
