import { type corev1, decodeObject, validateNamespaceFinalize } from '../../kube/index.ts';
import { readBody } from '../encoding/body.ts';
import { objectConflict, objectInvalid } from '../errors.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { readNamed } from './get.ts';
import {
  type Answer,
  admissionRequest,
  objectAnswer,
  type Registry,
  type ResourceRequest,
  unstored,
} from './registry.ts';
import { isFinished } from './replace.ts';
import { checkNamed } from './update.ts';
import { readWriteOptions } from './write-options.ts';

/**
 * PUT of `namespaces/<name>/finalize`: only spec.finalizers change; when the last goes from an ending namespace, it
 * is deleted. Source: k8s.io/kubernetes/pkg/registry/core/namespace.
 */
export async function finalize(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const { resource } = request;
  const options = readWriteOptions(request.request, 'UpdateOptions');
  const body = await readBody(request.request);
  const { object, warnings } = decodeObject(resource, body, options.fieldValidation);
  checkNamed(request, object);
  const errors = validateNamespaceFinalize(object as corev1.Namespace);
  if (errors.length > 0) throw objectInvalid(resource, request.name!, errors);
  const wanted = object.metadata.resourceVersion;
  for (;;) {
    const current = await readNamed(registry, request);
    if (wanted && wanted !== String(current.revision)) throw objectConflict(resource, request.name!);
    const next = registry.storage.decode<corev1.Namespace>(resource, current.bytes);
    const finalizers = (object as corev1.Namespace).spec?.finalizers;
    next.spec = { ...next.spec };
    if (finalizers?.length) next.spec.finalizers = finalizers;
    else delete next.spec.finalizers;
    const admission = admissionRequest(request, 'UPDATE', request.name!, {
      object: next,
      oldObject: registry.storage.decode<corev1.Namespace>(resource, current.bytes),
      dryRun: options.dryRun,
    });
    await registry.admission.mutate(admission);
    await registry.admission.validate(admission);
    if (options.dryRun)
      return objectAnswer(200, resource, unstored(current.key, resource, next, current.revision), warnings);
    try {
      const stored = isFinished(next)
        ? await registry.storage.delete(resource, current.key, next, current.revision)
        : await registry.storage.update(resource, current.key, next, current.revision);
      return objectAnswer(200, resource, stored, warnings);
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
      if (wanted) throw objectConflict(resource, request.name!);
    }
  }
}
