import type { KubeObject, Resource } from '../../kube/index.ts';
import { objectConflict, objectNotFound, qualifiedName } from '../errors.ts';
import { success } from '../status.ts';
import { type StoredObject, WriteRace } from '../storage/object-storage.ts';
import { returnsDeleted } from './catalog.ts';
import { type DeleteOptions, readDeleteOptions } from './delete-options.ts';
import { selectObjects } from './list.ts';
import {
  type Answer,
  admissionRequest,
  keyOf,
  objectAnswer,
  plain,
  type Registry,
  type ResourceRequest,
  unstored,
} from './registry.ts';
import { isFinished, namespaceFinalizers } from './replace.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
/** What leaves its dependents behind unless it is said otherwise; <resource>/strategy.go DefaultGarbageCollectionPolicy. */
const ORPHANS_BY_DEFAULT = new Set(['replicationcontrollers', 'jobs.batch']);
/** k8s.io/kubernetes/pkg/registry/batch/job/storage. */
const PODS_STAY =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning';

/** Of a collection so many go at once: their writes share the disk's round trips. */
const COLLECTION_WORKERS = 16;

/** DELETE of one object. Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go Delete, rest/delete.go. */
export async function deleteObject(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = await readDeleteOptions(request.request);
  warnOfOrphans(request, options);
  const { stored, gone, uid } = await deleteNamed(registry, request, request.name!, options);
  const { resource } = request;
  // Said for the one old way of asking alone, as upstream (handlers/delete.go).
  const status = !gone && options.orphanDependents === false ? 202 : 200;
  if (!gone || returnsDeleted(resource)) return objectAnswer(status, resource, stored);
  const details = {
    name: request.name!,
    ...(resource.group !== '' && { group: resource.group }),
    kind: resource.name,
    uid,
  };
  return plain(200, success(details));
}

function warnOfOrphans({ resource, warn }: ResourceRequest, { propagationPolicy }: DeleteOptions): void {
  if (qualifiedName(resource) === 'jobs.batch' && propagationPolicy === undefined) warn?.(PODS_STAY);
}

export interface Deletion {
  /** The object's last state, or its ending one. */
  stored: StoredObject;
  gone: boolean;
  uid: string;
}

/** Deletes at once, or marks as ending when grace, finalizers or dependents ask for it. */
export async function deleteNamed(
  registry: Registry,
  request: ResourceRequest,
  name: string,
  options: DeleteOptions,
): Promise<Deletion> {
  const key = keyOf(registry, request, name);
  for (;;) {
    const current = await registry.storage.get(key);
    if (current === undefined) throw objectNotFound(request.resource, name);
    try {
      return await deleteOnce(registry, request, current, options);
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
      if (options.preconditions?.resourceVersion !== undefined) throw objectConflict(request.resource, name);
    }
  }
}

async function deleteOnce(
  registry: Registry,
  request: ResourceRequest,
  current: StoredObject,
  options: DeleteOptions,
): Promise<Deletion> {
  const { resource } = request;
  const old: KubeObject = registry.storage.decode(resource, current.bytes);
  const { name, uid } = old.metadata;
  checkPreconditions(resource, old, options);
  const { dryRun, ...asked } = options;
  const admission = admissionRequest(request, 'DELETE', name, { oldObject: old, dryRun });
  admission.options = asked;
  await registry.admission.mutate(admission);
  await registry.admission.validate(admission);
  const next = structuredClone(old);
  const changed = markEnding(resource, next, options, registry.clock.now());
  resource.prepareForDelete?.(next);
  if (!isFinished(next)) {
    if (!changed) return { stored: current, gone: false, uid };
    const stored = options.dryRun
      ? unstored(current.key, resource, next, current.revision)
      : await registry.storage.update(resource, current.key, next, current.revision);
    return { stored, gone: false, uid };
  }
  const last = resource.deletionGraceSeconds === undefined ? old : next;
  const stored = await registry.admission.around(admission, () =>
    options.dryRun
      ? Promise.resolve(unstored(current.key, resource, last, current.revision))
      : registry.storage.delete(resource, current.key, last, current.revision),
  );
  return { stored, gone: true, uid };
}

function checkPreconditions(resource: Resource, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = object;
  const why =
    uid !== undefined && uid !== metadata.uid
      ? `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`
      : resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion
        ? `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`
        : undefined;
  if (why !== undefined) throw objectConflict(resource, metadata.name, why);
}

/** Sets what says "ending" on the object; true when that changed it. */
function markEnding(resource: Resource, object: KubeObject, options: DeleteOptions, nowMs: number): boolean {
  const { metadata } = object;
  const finalizersChanged = setDependentsFinalizer(resource, object, options);
  const before = metadata.deletionGracePeriodSeconds;
  const grace = resource.deletionGraceSeconds?.(object, options.gracePeriodSeconds) ?? 0;
  if (metadata.deletionTimestamp !== undefined) {
    // Only ever sooner, as upstream.
    if (before === undefined || grace >= before) return finalizersChanged;
    metadata.deletionGracePeriodSeconds = grace;
    metadata.deletionTimestamp = shorten(metadata.deletionTimestamp, before - grace);
    return true;
  }
  metadata.deletionTimestamp = timestamp(nowMs + grace * 1000);
  metadata.deletionGracePeriodSeconds = grace;
  if (metadata.generation !== undefined && metadata.generation > 0) metadata.generation += 1;
  if (object.kind === 'Namespace' && namespaceFinalizers(object).length > 0) {
    const namespace = object as { status?: { phase?: string } };
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  }
  return true;
}

/** The garbage collector's finalizers, by propagation policy; registry/store.go deletionFinalizersForGarbageCollection. */
function setDependentsFinalizer(resource: Resource, object: KubeObject, options: DeleteOptions): boolean {
  const before = object.metadata.finalizers ?? [];
  const usual = ORPHANS_BY_DEFAULT.has(qualifiedName(resource)) ? 'Orphan' : 'Background';
  const policy =
    options.propagationPolicy ??
    (before.includes(ORPHAN) ? 'Orphan' : before.includes(FOREGROUND) ? 'Foreground' : usual);
  const wanted = policy === 'Orphan' ? ORPHAN : policy === 'Foreground' ? FOREGROUND : undefined;
  const after = before.filter((one) => one === wanted || (one !== ORPHAN && one !== FOREGROUND));
  if (wanted !== undefined && !after.includes(wanted)) after.push(wanted);
  if (after.length === before.length && after.every((one, index) => one === before[index])) return false;
  if (after.length === 0) delete object.metadata.finalizers;
  else object.metadata.finalizers = after;
  return true;
}

function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function shorten(time: string, seconds: number): string {
  return timestamp(Date.parse(time) - seconds * 1000);
}

/** DELETE of a collection: everything the selectors match; answers with the list of what was there. */
export async function deleteCollection(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = await readDeleteOptions(request.request);
  warnOfOrphans(request, options);
  const selected = await selectObjects(registry, request);
  const left = [...selected.items].reverse();
  const work = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop())
      try {
        await deleteSelected(registry, request, item, options);
      } catch (error) {
        left.length = 0;
        throw error;
      }
  };
  const done = await Promise.allSettled(Array.from({ length: COLLECTION_WORKERS }, work));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
  return { type: 'list', resource: request.resource, ...selected };
}

async function deleteSelected(
  registry: Registry,
  request: ResourceRequest,
  { key, revision, bytes }: StoredObject,
  options: DeleteOptions,
): Promise<void> {
  const { metadata } = registry.storage.shared(request.resource, key, revision, bytes);
  const at = { ...request, name: metadata.name };
  if (metadata.namespace !== undefined) at.namespace = metadata.namespace;
  try {
    const preconditions = { uid: metadata.uid, ...options.preconditions };
    await deleteNamed(registry, at, metadata.name, { ...options, preconditions });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Somebody else deleted it first, or it is another object by now: what was asked for is so. */
function isGone(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'NotFound' || code === 'Conflict';
}
