import {
  applyScale,
  type autoscalingv1,
  decodeKind,
  type KubeObject,
  scaleOf,
  validateScale,
} from '../../kube/index.ts';
import { readBody, readPatch } from '../encoding/body.ts';
import { objectConflict, objectInvalid, unsupportedMediaType } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { readNamed } from './get.ts';
import { applyPatch } from './patch.ts';
import { type Answer, plain, type Registry, type ResourceRequest } from './registry.ts';
import { replaceStored } from './replace.ts';
import { readWriteOptions } from './write-options.ts';

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
  if (type === 'apply')
    throw unsupportedMediaType([
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
    ]);
  return writeScale(registry, request, 'PatchOptions', (current) => {
    const patched = applyPatch({ ref: SCALE_REF }, type, current, patch);
    const { object, warnings } = decodeKind<Scale>(SCALE, SCALE_REF, patched, options.fieldValidation);
    return { scale: object, warnings };
  });
}

async function writeScale(
  registry: Registry,
  request: ResourceRequest,
  kind: 'UpdateOptions' | 'PatchOptions',
  change: (current: Scale) => { scale: Scale; warnings: readonly string[] },
): Promise<Answer> {
  const { resource } = request;
  const options = readWriteOptions(request.request, kind);
  for (let attempt = 1; ; attempt++) {
    const current = await readNamed(registry, request);
    const old = registry.storage.decode<KubeObject>(resource, current.bytes);
    const { scale, warnings } = change(scaleOf(resource, old));
    const wanted = scale.metadata.resourceVersion;
    if (wanted && wanted !== String(current.revision)) throw objectConflict(resource, request.name!);
    const errors = validateScale(scale);
    if (errors.length > 0) throw objectInvalid(SCALE, request.name!, errors);
    const next = applyScale(resource, structuredClone(old), scale);
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
          managedFields: 'track',
        },
      );
      return plain(200, scaleOf(resource, registry.storage.decode(resource, answer.stored.bytes)), warnings);
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
      if (attempt === TRIES) throw objectConflict(resource, request.name!);
    }
  }
}
