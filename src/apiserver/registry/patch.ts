import {
  decodeObject,
  jsonPatch,
  type KubeObject,
  mergePatch,
  type Resource,
  type Schema,
  serverSideApply,
  strategicMergePatch,
} from '../../kube/index.ts';
import { PATCH_TYPES, type PatchType, readPatch } from '../encoding/body.ts';
import { checkNesting } from '../encoding/nesting.ts';
import { objectConflict, objectInvalid, objectNotFound, unsupportedMediaType } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { createDecoded } from './create.ts';
import { type Answer, keyOf, type Registry, type ResourceRequest } from './registry.ts';
import { replaceStored } from './replace.ts';
import { checkNamed } from './update.ts';
import { readWriteOptions, type WriteOptions } from './write-options.ts';

/** A custom resource has no merge strategies. */
const CUSTOM_PATCH_TYPES = Object.keys(PATCH_TYPES).filter((type) => !type.includes('strategic'));

/** k8s.io/apiserver/pkg/endpoints/handlers MaxRetryWhenPatchConflicts. */
const TRIES = 5;

/** PATCH of an object or its status, in all four forms. Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go. */
export async function patch(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = readWriteOptions(request.request, 'PatchOptions');
  const { type, patch: content } = await readPatch(request.request);
  if (type === 'strategic' && request.resource.schema.custom !== undefined)
    throw unsupportedMediaType(CUSTOM_PATCH_TYPES);
  checkPatchOptions(type, options);
  const key = keyOf(registry, request, request.name!);
  for (let attempt = 1; ; attempt++) {
    const current = await registry.storage.get(key);
    if (current === undefined) {
      if (type !== 'apply' || request.subresource !== undefined)
        throw objectNotFound(request.resource, request.name!);
      return createApplied(registry, request, content, options);
    }
    const old = registry.storage.decode(request.resource, current.bytes);
    const { next, warnings } = patched(registry, request, { type, content, old, options });
    if (next.metadata.resourceVersion && next.metadata.resourceVersion !== String(current.revision))
      throw objectConflict(request.resource, request.name!);
    next.metadata.resourceVersion = String(current.revision);
    try {
      return await replaceStored(registry, request, {
        current,
        old,
        next,
        options,
        warnings,
        managedFields: type === 'apply' ? 'already applied' : 'track',
      });
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
      if (attempt === TRIES || namesRevision(content)) throw objectConflict(request.resource, request.name!);
    }
  }
}

export function applyPatch(schema: Schema, type: PatchType, current: unknown, content: unknown): unknown {
  if (type === 'json') {
    const patched = jsonPatch(current, content);
    // The only patch that can grow an object deeper than the deeper of the two.
    checkNesting(patched);
    return patched;
  }
  if (type === 'merge') return mergePatch(current, content);
  return strategicMergePatch(schema, current, content);
}

function patched(
  registry: Registry,
  request: ResourceRequest,
  input: { type: PatchType; content: unknown; old: KubeObject; options: WriteOptions },
): { next: KubeObject; warnings: readonly string[] } {
  const { resource, subresource } = request;
  const { type, content, old, options } = input;
  if (type === 'apply') {
    const applied = decodeApplied(request, content, options);
    const next = serverSideApply({
      resource,
      live: old,
      applied: applied.object,
      fieldManager: options.fieldManager,
      force: options.force ?? false,
      ...(subresource !== undefined && { subresource }),
      now: new Date(registry.clock.now()),
    });
    return { next: structuredClone(next), warnings: applied.warnings };
  }
  const result = applyPatch(resource.schema, type, structuredClone(old), content);
  const { object, warnings } = decodeObject(resource, result, options.fieldValidation);
  checkNamed(request, object);
  return { next: object, warnings };
}

/** Checked like any object, but only as given: defaults are nobody's intent. */
function decodeApplied(request: ResourceRequest, content: unknown, options: WriteOptions) {
  const applied = decodeObject(request.resource, structuredClone(content), options.fieldValidation);
  checkNamed(request, { ...applied.object, metadata: { ...applied.object.metadata } });
  return applied;
}

async function createApplied(
  registry: Registry,
  request: ResourceRequest,
  content: unknown,
  options: WriteOptions,
): Promise<Answer> {
  const { resource } = request;
  const { object: applied, warnings } = decodeApplied(request, content, options);
  if (applied.metadata.uid) throw uidGone(resource, request.name!, applied.metadata.uid);
  const object = serverSideApply({
    resource,
    applied,
    fieldManager: options.fieldManager,
    force: options.force ?? false,
    now: new Date(registry.clock.now()),
  });
  const fresh = structuredClone(object);
  delete (fresh.metadata as { resourceVersion?: string }).resourceVersion;
  return createDecoded(registry, request, fresh, options, warnings, 'already applied');
}

function uidGone(resource: Resource, name: string, uid: string) {
  return objectConflict(
    resource,
    name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
}

function checkPatchOptions(type: PatchType, options: WriteOptions): void {
  const kind = { group: 'meta.k8s.io', kind: 'PatchOptions' };
  if (type === 'apply' && !options.fieldManagerGiven)
    throw objectInvalid(kind, '', [
      {
        type: 'FieldValueRequired',
        field: 'fieldManager',
        message: 'Required value: is required for apply patch',
      },
    ]);
  if (type !== 'apply' && options.force !== undefined)
    throw objectInvalid(kind, '', [
      {
        type: 'FieldValueForbidden',
        field: 'force',
        message: 'Forbidden: may not be specified for non-apply patch',
      },
    ]);
}

/** The client bound the patch to one revision: trying again cannot help. */
function namesRevision(content: unknown): boolean {
  const metadata = (content as { metadata?: { resourceVersion?: unknown } } | null)?.metadata;
  return Boolean(metadata?.resourceVersion);
}
