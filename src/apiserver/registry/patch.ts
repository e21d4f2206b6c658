import { BadRequest } from '../../base/index.ts';
import {
  CannotDecode,
  type Decoded,
  decodeObject,
  invalid,
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
import { repeatedInYaml } from '../encoding/yaml.ts';
import { objectConflict, objectInvalid, objectNotFound, unsupportedMediaType } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { createDecoded } from './create.ts';
import { goText } from './go-text.ts';
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
  const { type, patch: content, repeated } = await readPatch(request.request, options.fieldValidation);
  if (type === 'strategic' && request.resource.schema.custom !== undefined)
    throw unsupportedMediaType(CUSTOM_PATCH_TYPES);
  checkPatchOptions(type, options);
  const key = keyOf(registry, request, request.name!);
  for (let attempt = 1; ; attempt++) {
    const current = await registry.storage.get(key);
    if (current === undefined) {
      if (type !== 'apply' || request.subresource !== undefined)
        throw objectNotFound(request.resource, request.name!);
      return createApplied(registry, request, { content, repeated, options });
    }
    const old = registry.storage.decode(request.resource, current.bytes);
    const { next, warnings } = patched(registry, request, { type, content, repeated, old, options });
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
  input: ReadContent & { type: PatchType; old: KubeObject },
): { next: KubeObject; warnings: readonly string[] } {
  const { resource, subresource } = request;
  const { type, content, old, options } = input;
  if (type === 'apply') {
    checkApplied(request, content, old);
    const next = serverSideApply({
      resource,
      live: old,
      applied: content,
      fieldManager: options.fieldManager,
      force: options.force ?? false,
      ...(subresource !== undefined && { subresource }),
      now: new Date(registry.clock.now()),
    });
    return { next: structuredClone(next), warnings: warningsOfApply(input) };
  }
  const make = () => applyPatch(resource.schema, type, structuredClone(old), content);
  const { object, warnings } = decodePatched(resource, make, input);
  checkNamed(request, object);
  return { next: object, warnings };
}

interface ReadContent {
  content: unknown;
  /** What the text of the patch says twice. */
  repeated: readonly string[];
  options: WriteOptions;
}

/** That a patch makes no object is the patch's fault; patch.go applyPatchToCurrentObject. */
function decodePatched(
  resource: Resource,
  make: () => unknown,
  { type, content, repeated, options }: ReadContent & { type: PatchType },
): Decoded<KubeObject> {
  try {
    return decodeObject(resource, make(), options.fieldValidation, { repeated });
  } catch (error) {
    if (!(error instanceof CannotDecode)) throw error;
    const value = type === 'strategic' ? goText(content) : JSON.stringify(make());
    throw objectInvalid({ group: '', kind: '' }, '', [invalid('patch', value, error.why)]);
  }
}

/** An apply is for the object of the URL, and says so, unless there is one already; patch.go applyPatch. */
export function checkApplied(request: ResourceRequest, content: unknown, live?: KubeObject): void {
  const { metadata } = (content ?? {}) as { metadata?: Record<string, unknown> };
  const { name = live?.metadata.name, namespace } = metadata ?? {};
  const isText = (value: unknown) => value === undefined || value === null || typeof value === 'string';
  // What is of another type, the apply refuses in its own words.
  if (isText(name) && isText(namespace)) checkNamed(request, { metadata: { name, namespace } } as KubeObject);
}

/** @throws BadRequest in strict mode, for what stands twice. */
function warningsOfApply({ repeated, options }: ReadContent): readonly string[] {
  if (repeated.length === 0 || options.fieldValidation !== 'Strict') return repeated;
  throw new BadRequest(
    `error strict decoding YAML: error converting YAML to JSON: ${repeatedInYaml(repeated)}`,
  );
}

async function createApplied(
  registry: Registry,
  request: ResourceRequest,
  read: ReadContent,
): Promise<Answer> {
  const { resource } = request;
  const { content, options } = read;
  checkApplied(request, content);
  const { uid } = ((content ?? {}) as Partial<KubeObject>).metadata ?? {};
  if (uid) throw uidGone(resource, request.name!, uid);
  const object = serverSideApply({
    resource,
    applied: content,
    fieldManager: options.fieldManager,
    force: options.force ?? false,
    now: new Date(registry.clock.now()),
  });
  const fresh = structuredClone(object);
  delete (fresh.metadata as { resourceVersion?: string }).resourceVersion;
  return createDecoded(registry, request, fresh, options, warningsOfApply(read), 'already applied');
}

function uidGone(resource: Resource, name: string, uid: string) {
  return objectConflict(
    resource,
    name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
}

/** @throws Invalid for an apply by nobody, and for the force of what is none */
export function checkPatchOptions(type: PatchType, options: WriteOptions): void {
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
