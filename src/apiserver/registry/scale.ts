import {
  applyScale,
  applyToScale,
  type autoscalingv1,
  decodeKind,
  type KubeObject,
  scaleOf,
  setManagedFields,
  validateScale,
} from '../../kube/index.ts';
import { readBody, readPatch } from '../encoding/body.ts';
import { objectConflict, objectInvalid } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { readNamed } from './get.ts';
import { applyPatch, checkApplied, checkPatchOptions } from './patch.ts';
import { type Answer, plain, type Registry, type ResourceRequest } from './registry.ts';
import { replaceStored } from './replace.ts';
import { readWriteOptions, type WriteOptions } from './write-options.ts';

const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
const SCALE_REF = 'autoscaling/v1.Scale';
const TRIES = 5;

type Scale = autoscalingv1.Scale;

/** GET, PUT and PATCH of `…/scale`, an autoscaling/v1 Scale. Source: k8s.io/kubernetes/pkg/registry/apps/deployment/storage. */
export async function getScale(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const stored = await readNamed(registry, request);
  return plain(200, scaleOf(request.resource, registry.storage.decode(request.resource, stored.bytes)));
}

export async function updateScale(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = readWriteOptions(request.request, 'UpdateOptions');
  const body = await readBody(request.request);
  const { object, warnings } = decodeKind<Scale>(SCALE, SCALE_REF, body, options.fieldValidation);
  return writeScale(registry, request, 'UpdateOptions', () => ({ scale: object, warnings }));
}

export async function patchScale(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = readWriteOptions(request.request, 'PatchOptions');
  const { type, patch } = await readPatch(request.request);
  checkPatchOptions(type, options);
  return writeScale(registry, request, 'PatchOptions', (old) => {
    if (type === 'apply') {
      checkApplied(request, patch);
      return applied(registry, request, { old, patch, options });
    }
    const patched = applyPatch({ ref: SCALE_REF }, type, scaleOf(request.resource, old), patch);
    const { object, warnings } = decodeKind<Scale>(SCALE, SCALE_REF, patched, options.fieldValidation);
    return { scale: object, warnings };
  });
}

function applied(
  registry: Registry,
  { resource }: ResourceRequest,
  { old, patch, options }: { old: KubeObject; patch: unknown; options: WriteOptions },
): ChangedScale {
  const { fieldManager, force = false } = options;
  const now = new Date(registry.clock.now());
  const changed = applyToScale({ resource, live: old, applied: patch, fieldManager, force, now });
  return { ...changed, warnings: [] };
}

interface ChangedScale {
  scale: Scale;
  warnings: readonly string[];
  /** Those of the object after an apply, which has tracked them already. */
  managedFields?: KubeObject['metadata']['managedFields'];
}

async function writeScale(
  registry: Registry,
  request: ResourceRequest,
  kind: 'UpdateOptions' | 'PatchOptions',
  change: (old: KubeObject) => ChangedScale,
): Promise<Answer> {
  const { resource } = request;
  const options = readWriteOptions(request.request, kind);
  for (let attempt = 1; ; attempt++) {
    const current = await readNamed(registry, request);
    const old = registry.storage.decode<KubeObject>(resource, current.bytes);
    const changed = change(old);
    const { scale, warnings } = changed;
    const wanted = scale.metadata.resourceVersion;
    if (wanted && wanted !== String(current.revision)) throw objectConflict(resource, request.name!);
    const errors = validateScale(scale);
    if (errors.length > 0) throw objectInvalid(SCALE, request.name!, errors);
    const next = applyScale(resource, structuredClone(old), scale);
    const isApplied = 'managedFields' in changed;
    if (isApplied) setManagedFields(next, changed.managedFields);
    try {
      const answer = await replaceStored(
        registry,
        { ...request, subresource: 'scale' },
        {
          current,
          old,
          next,
          options,
          warnings,
          managedFields: isApplied ? 'already applied' : 'track',
        },
      );
      return plain(200, scaleOf(resource, registry.storage.decode(resource, answer.stored.bytes)), warnings);
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
      if (attempt === TRIES) throw objectConflict(resource, request.name!);
    }
  }
}
