import { randomUUID } from 'node:crypto';
import { BadRequest, OrreryError } from '../../base/index.ts';
import {
  applyDefaults,
  decodeObject,
  type KubeObject,
  type Resource,
  trackManagedFields,
  validateCreate,
} from '../../kube/index.ts';
import { randomSuffix } from '../admission/service-account.ts';
import { authorizeCreate } from '../authorization/create-on-update.ts';
import { readObject } from '../encoding/body.ts';
import { objectExists, objectInvalid } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import {
  type Answer,
  admissionRequest,
  keyOf,
  objectAnswer,
  type Registry,
  type ResourceRequest,
  unstored,
} from './registry.ts';
import { markWorkspace } from './workspaces.ts';
import { readWriteOptions, type WriteOptions } from './write-options.ts';

/** POST to a collection. Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go, pkg/registry/rest/create.go. */
export async function create(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = readWriteOptions(request.request, 'CreateOptions');
  const { body, found } = await readObject(request.request, options.fieldValidation);
  const { object, warnings } = decodeObject(request.resource, body, options.fieldValidation, found);
  return createDecoded(registry, request, object, options, warnings);
}

export type ManagedFields = 'track' | 'already applied';

/** The rest of a create, also of a PUT or apply that makes the object. */
export async function createDecoded(
  registry: Registry,
  request: ResourceRequest,
  object: KubeObject,
  options: WriteOptions,
  warnings: readonly string[],
  managedFields: ManagedFields = 'track',
): Promise<Answer> {
  if (request.name !== undefined) await authorizeCreate(registry.authorizer, request);
  checkPlace(request, object);
  if (object.metadata.resourceVersion)
    throw new BadRequest('resourceVersion should not be set on objects to be created');
  const generated = object.metadata.name ? undefined : object.metadata.generateName;
  for (let attempt = 1; ; attempt++) {
    try {
      return await createOnce(registry, request, structuredCloneIf(generated, object), options, {
        warnings,
        managedFields,
      });
    } catch (error) {
      if (!(error instanceof NameTaken)) throw error;
      // Upstream too tries eight random names before it gives up.
      if (generated === undefined || attempt === 8) throw objectExists(request.resource, error.objectName);
    }
  }
}

class NameTaken extends Error {
  readonly objectName: string;
  constructor(objectName: string) {
    super('the name is taken');
    this.name = 'NameTaken';
    this.objectName = objectName;
  }
}

async function createOnce(
  registry: Registry,
  request: ResourceRequest,
  object: KubeObject,
  options: WriteOptions,
  more: { warnings: readonly string[]; managedFields: ManagedFields },
): Promise<Answer> {
  const { resource } = request;
  const now = new Date(registry.clock.now());
  applyDefaults(resource, object);
  // Before admission: what the server adds is nobody's, so that nobody's apply takes it away (as upstream).
  if (more.managedFields === 'track')
    trackManagedFields({ resource, object, manager: options.fieldManager, now });
  markWorkspace(object.metadata, request.workspace);
  const admission = admissionRequest(request, 'CREATE', object.metadata.name ?? '', {
    object,
    dryRun: options.dryRun,
  });
  await registry.admission.mutate(admission);
  prepare(resource, object, now);
  const errors = validateCreate(resource, object);
  if (errors.length > 0) throw objectInvalid(resource, object.metadata.name, errors);
  for (const warning of resource.warningsOf?.(object) ?? []) request.warn?.(warning);
  await registry.admission.validate(admission);
  const { name } = object.metadata;
  const key = keyOf(registry, request, name);
  const stored = await registry.admission.around(admission, async () => {
    if (options.dryRun) {
      if ((await registry.storage.get(key)) !== undefined) throw new NameTaken(name);
      return unstored(key, resource, object, 0);
    }
    try {
      return await trackedIfItFits(object, more.managedFields, () =>
        registry.storage.create(resource, key, object),
      );
    } catch (error) {
      if (error instanceof WriteRace) throw new NameTaken(name);
      throw error;
    }
  });
  return objectAnswer(201, resource, stored, more.warnings);
}

/**
 * Who owns which field may be what makes an object too large to be stored: then it is stored without.
 * Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go, update.go, patch.go, isTooLargeError.
 */
export async function trackedIfItFits<T>(
  object: KubeObject,
  managedFields: ManagedFields,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const isTooLarge = error instanceof OrreryError && error.code === 'RequestEntityTooLarge';
    if (!isTooLarge || managedFields !== 'track' || object.metadata.managedFields === undefined) throw error;
    delete object.metadata.managedFields;
    return write();
  }
}

/** What the server owns in the metadata of a new object; rest.BeforeCreate and FillObjectMetaSystemFields. */
function prepare(resource: Resource, object: KubeObject, now: Date): void {
  const { metadata } = object;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  if (!metadata.name && metadata.generateName) {
    // The whole name fits a label: 63 characters, as upstream.
    metadata.name = `${metadata.generateName.slice(0, 58)}${randomSuffix()}`;
  }
  metadata.uid = randomUUID();
  metadata.creationTimestamp = `${now.toISOString().slice(0, 19)}Z`;
  resource.prepareForCreate?.(object);
  if (resource.hasGeneration) metadata.generation = 1;
  else delete metadata.generation;
}

/** The namespace of the URL is the object's; rest.EnsureObjectNamespaceMatchesRequestNamespace. */
export function checkPlace(request: ResourceRequest, object: KubeObject): void {
  const { metadata } = object;
  if (!request.resource.namespaced) {
    if (metadata.namespace) throw new BadRequest('namespace is not allowed on this type');
    delete metadata.namespace;
    return;
  }
  if (metadata.namespace && metadata.namespace !== request.namespace)
    throw new BadRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  if (request.namespace === undefined)
    throw new BadRequest('an empty namespace may not be set during creation');
  metadata.namespace = request.namespace;
}

/** A generated name may be tried again, and what a try fills in must not stay. */
function structuredCloneIf(condition: unknown, object: KubeObject): KubeObject {
  return condition === undefined ? object : structuredClone(object);
}
