import { BadRequest } from '../../base/index.ts';
import { decodeKind, type policyv1 } from '../../kube/index.ts';
import { readBody } from '../encoding/body.ts';
import { success } from '../status.ts';
import { deleteNamed } from './delete.ts';
import { checked } from './delete-options.ts';
import { type Answer, plain, type Registry, type ResourceRequest } from './registry.ts';
import { readWriteOptions } from './write-options.ts';

const EVICTION = { group: 'policy', version: 'v1', kind: 'Eviction' };

/**
 * POST of `pods/<name>/eviction`. PodDisruptionBudgets are not served yet, so nothing holds a pod.
 * Source: k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go.
 */
export async function evict(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const write = readWriteOptions(request.request, 'CreateOptions');
  const body = await readBody(request.request);
  const { object: eviction } = decodeKind<policyv1.Eviction>(
    EVICTION,
    'policy/v1.Eviction',
    body,
    write.fieldValidation,
  );
  if (eviction.metadata.name && eviction.metadata.name !== request.name)
    throw new BadRequest('name in URL does not match name in Eviction object');
  const options = checked(eviction.deleteOptions ?? {});
  await deleteNamed(registry, request, request.name!, { ...options, dryRun: options.dryRun || write.dryRun });
  return plain(201, success());
}
