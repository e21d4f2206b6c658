import { BadRequest } from '../../base/index.ts';
import { decodeObject, type KubeObject } from '../../kube/index.ts';
import { readObject } from '../encoding/body.ts';
import { objectConflict, objectNotFound } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { allowsCreateOnUpdate, allowsUnconditionalUpdate } from './catalog.ts';
import { createDecoded } from './create.ts';
import { type Answer, keyOf, type Registry, type ResourceRequest } from './registry.ts';
import { replaceStored } from './replace.ts';
import { readWriteOptions, type WriteOptions } from './write-options.ts';

/** PUT of an object or of its status. Source: k8s.io/apiserver/pkg/endpoints/handlers/update.go. */
export async function update(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = readWriteOptions(request.request, 'UpdateOptions');
  const { body, found } = await readObject(request.request, options.fieldValidation);
  const { object, warnings } = decodeObject(request.resource, body, options.fieldValidation, found);
  checkNamed(request, object);
  return updateDecoded(registry, request, object, options, warnings);
}

async function updateDecoded(
  registry: Registry,
  request: ResourceRequest,
  object: KubeObject,
  options: WriteOptions,
  warnings: readonly string[],
): Promise<Answer> {
  const { resource } = request;
  const name = request.name!;
  const key = keyOf(registry, request, name);
  const wanted = object.metadata.resourceVersion;
  for (;;) {
    const current = await registry.storage.get(key);
    if (current === undefined) {
      if (request.subresource === undefined && allowsCreateOnUpdate(resource) && !object.metadata.uid)
        return createDecoded(registry, request, object, options, warnings);
      throw objectNotFound(resource, name);
    }
    if (wanted && wanted !== String(current.revision)) throw objectConflict(resource, name);
    const next = wanted ? object : structuredClone(object);
    if (!wanted && allowsUnconditionalUpdate(resource))
      next.metadata.resourceVersion = String(current.revision);
    try {
      return await replaceStored(registry, request, {
        current,
        old: registry.storage.decode(resource, current.bytes),
        next,
        options,
        warnings,
        managedFields: 'track',
      });
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
      if (wanted) throw objectConflict(resource, name);
    }
  }
}

/** The object is the one the URL names; handlers/rest.go checkName. */
export function checkNamed(request: ResourceRequest, object: KubeObject): void {
  const { metadata } = object;
  if (!metadata.name)
    throw new BadRequest(
      `the name of the object (${request.name} based on URL) was undeterminable: name must be provided`,
    );
  if (metadata.name !== request.name)
    throw new BadRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${request.name})`,
    );
  if (!request.resource.namespaced) {
    if (metadata.namespace) throw new BadRequest('namespace is not allowed on this type');
    delete metadata.namespace;
    return;
  }
  if (metadata.namespace && metadata.namespace !== request.namespace)
    throw new BadRequest(
      `the namespace of the object (${metadata.namespace}) does not match the namespace on the request (${request.namespace})`,
    );
  metadata.namespace = request.namespace!;
}
