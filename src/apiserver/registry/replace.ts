import {
  applyDefaults,
  equalJson,
  type KubeObject,
  type metav1,
  type Resource,
  type SpecPart,
  semanticallyEqual,
  trackManagedFields,
  validateStatusUpdate,
  validateUpdate,
} from '../../kube/index.ts';
import { objectConflict, objectInvalid, qualifiedName } from '../errors.ts';
import type { StoredObject } from '../storage/object-storage.ts';
import { type ManagedFields, trackedIfItFits } from './create.ts';
import {
  admissionRequest,
  type ObjectAnswer,
  objectAnswer,
  type Registry,
  type ResourceRequest,
  unstored,
} from './registry.ts';
import { markWorkspace } from './workspaces.ts';
import type { WriteOptions } from './write-options.ts';

export interface Replacement {
  current: StoredObject;
  /** `current`, parsed, the caller's own. */
  old: KubeObject;
  /** What the client wants, decoded; changed here. */
  next: KubeObject;
  options: WriteOptions;
  warnings: readonly string[];
  managedFields: ManagedFields;
}

/**
 * The common end of PUT and PATCH: the server's fields, defaults, admission, validation, and the write, at the
 * revision that was read. Writes nothing when nothing changed. Deletes instead when the last finalizer of an ending
 * object went.
 *
 * Source: k8s.io/apiserver/pkg/registry/rest/update.go, registry/generic/registry/store.go Update.
 * @throws WriteRace when the object has changed since.
 */
export async function replaceStored(
  registry: Registry,
  request: ResourceRequest,
  replacement: Replacement,
): Promise<ObjectAnswer> {
  const { resource, subresource } = request;
  const { current, old, options, managedFields, warnings } = replacement;
  const now = new Date(registry.clock.now());
  let next = replacement.next;
  applyDefaults(resource, next);
  checkUid(resource, next, old);
  const part = subresource === undefined ? undefined : resource.statusParts?.[subresource];
  const isStatus = subresource === 'status' || part !== undefined;
  const specPart = subresource === undefined ? undefined : resource.specParts?.[subresource];
  if (isStatus) next = withStatusOf(resource, old, next);
  if (specPart !== undefined) next = withSpecPartOf(specPart, old, next);
  fillMetadata(next.metadata, old.metadata);
  if (subresource === undefined) resource.prepareForUpdate?.(next, old);
  else if (part !== undefined) part.prepareForUpdate(next, old, now);
  else if (isStatus) resource.prepareForStatusUpdate?.(next, old, now);
  if (managedFields === 'track')
    trackManagedFields({
      resource,
      old,
      object: next,
      manager: options.fieldManager,
      ...(subresource !== undefined && { subresource }),
      now,
    });
  markWorkspace(next.metadata, request.workspace);
  const admission = admissionRequest(request, 'UPDATE', old.metadata.name, {
    object: next,
    oldObject: old,
    dryRun: options.dryRun,
  });
  await registry.admission.mutate(admission);
  if (!isStatus) bumpGeneration(resource, next, old);
  const errors = isStatus
    ? validateStatusUpdate(resource, next, old, { part, now })
    : validateUpdate(resource, next, old, specPart);
  if (errors.length > 0) throw objectInvalid(resource, old.metadata.name, errors);
  for (const warning of resource.warningsOf?.(next, old) ?? []) request.warn?.(warning);
  await registry.admission.validate(admission);
  if (isSame(old, next) && current.isOutdated !== true) return objectAnswer(200, resource, current, warnings);
  const stored = await registry.admission.around(admission, () => {
    if (options.dryRun) return Promise.resolve(unstored(current.key, resource, next, current.revision));
    return isFinished(next)
      ? registry.storage.delete(resource, current.key, next, current.revision)
      : trackedIfItFits(next, managedFields, () =>
          registry.storage.update(resource, current.key, next, current.revision),
        );
  });
  return objectAnswer(200, resource, stored, warnings);
}

/** An ending object that nothing holds any more; rest.ShouldDeleteDuringUpdate. */
export function isFinished(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return (finalizers ?? []).length === 0 && namespaceFinalizers(object).length === 0;
}

/** `spec.finalizers`, which only Namespaces have. */
export function namespaceFinalizers(object: KubeObject): readonly string[] {
  if (object.kind !== 'Namespace') return [];
  return (object as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? [];
}

function checkUid(resource: Resource, next: KubeObject, old: KubeObject): void {
  const { uid } = next.metadata;
  if (!uid || uid === old.metadata.uid) return;
  throw objectConflict(
    resource,
    old.metadata.name,
    `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
  );
}

/** What a status strategy keeps of the old metadata; the rest of it may change with the status. */
const KEPT_THROUGH_STATUS: Readonly<Record<string, readonly (keyof metav1.ObjectMeta)[]>> = {
  namespaces: [],
  nodes: [],
  persistentvolumeclaims: [],
  persistentvolumes: [],
  replicationcontrollers: [],
  resourcequotas: [],
  services: [],
  'daemonsets.apps': [],
  'replicasets.apps': [],
  'statefulsets.apps': [],
  'horizontalpodautoscalers.autoscaling': [],
  'cronjobs.batch': [],
  'jobs.batch': [],
  'certificatesigningrequests.certificates.k8s.io': [],
  'ingresses.networking.k8s.io': [],
  'poddisruptionbudgets.policy': [],
  'deployments.apps': ['labels'],
  // Old kubelets spoil them.
  pods: ['ownerReferences'],
};
/** k8s.io/apimachinery/pkg/apis/meta/v1 ResetObjectMetaForStatus: what every newer kind keeps. */
const KEPT_BY_DEFAULT = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

/**
 * Through `status` the spec stays, and of the metadata what the kind's own strategy says.
 *
 * Source: k8s.io/kubernetes/pkg/registry/<group>/<resource>/strategy.go, statusStrategy.PrepareForUpdate.
 */
function withStatusOf(resource: Resource, old: KubeObject, next: KubeObject): KubeObject {
  const { name, namespace } = old.metadata;
  const metadata: metav1.ObjectMeta = { ...next.metadata, name: name!, ...(namespace && { namespace }) };
  for (const field of KEPT_THROUGH_STATUS[qualifiedName(resource)] ?? KEPT_BY_DEFAULT) {
    if (old.metadata[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: old.metadata[field] });
  }
  const merged = { ...old, metadata, status: (next as { status?: unknown }).status };
  if (merged.status === undefined) delete (merged as { status?: unknown }).status;
  return merged;
}

/** Through a part of the spec everything else stays, the metadata as with the status of newer kinds. */
function withSpecPartOf(part: SpecPart, old: KubeObject, next: KubeObject): KubeObject {
  const metadata: metav1.ObjectMeta = { ...next.metadata };
  for (const field of KEPT_BY_DEFAULT) {
    if (old.metadata[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: old.metadata[field] });
  }
  // A copy: admission may change it, and `old` is still compared with.
  return structuredClone({ ...old, metadata, spec: part.specOf(next, old) });
}

/** What the server owns stays as it was; rest.BeforeUpdate, ValidateObjectMetaUpdate. */
function fillMetadata(next: metav1.ObjectMeta, old: metav1.ObjectMeta): void {
  next.uid ||= old.uid;
  next.creationTimestamp ||= old.creationTimestamp;
  if (old.generateName !== undefined) next.generateName ??= old.generateName;
  if (old.deletionTimestamp !== undefined) next.deletionTimestamp ??= old.deletionTimestamp;
  if (old.deletionTimestamp === undefined) delete next.deletionTimestamp;
  if (old.deletionGracePeriodSeconds === undefined) delete next.deletionGracePeriodSeconds;
  else next.deletionGracePeriodSeconds ??= old.deletionGracePeriodSeconds;
  if (old.generation === undefined) delete next.generation;
  else next.generation = old.generation;
  delete next.selfLink;
}

function bumpGeneration(resource: Resource, next: KubeObject, old: KubeObject): void {
  if (!resource.hasGeneration) return;
  const specOf = resource.generationOf ?? ((object: KubeObject) => (object as { spec?: unknown }).spec);
  // A Deployment's annotations are copied down to its ReplicaSets, so they count (apps/deployment/strategy.go).
  const annotationsCount = resource.group === 'apps' && resource.name === 'deployments';
  const changed =
    !semanticallyEqual(specOf(old), specOf(next)) ||
    (annotationsCount && !semanticallyEqual(old.metadata.annotations, next.metadata.annotations));
  if (changed) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

/** Nothing but the times in managedFields differs: then those stay too, and nothing is written. */
function isSame(old: KubeObject, next: KubeObject): boolean {
  const bare = (object: KubeObject) => {
    const { resourceVersion: _, managedFields, ...metadata } = object.metadata;
    return {
      ...object,
      metadata: { ...metadata, managedFields: managedFields?.map(({ time: __, ...entry }) => entry) },
    };
  };
  return equalJson(bare(old), bare(next));
}
