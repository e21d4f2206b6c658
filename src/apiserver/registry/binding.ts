import { BadRequest } from '../../base/index.ts';
import { type corev1, decodeKind, observedSpecOf, validateBinding } from '../../kube/index.ts';
import { readBody } from '../encoding/body.ts';
import { objectConflict, objectInvalid } from '../errors.ts';
import { success } from '../status.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { readNamed } from './get.ts';
import { type Answer, admissionRequest, plain, type Registry, type ResourceRequest } from './registry.ts';
import { readWriteOptions } from './write-options.ts';

const BINDING = { group: '', version: 'v1', kind: 'Binding' };

/**
 * POST of `pods/<name>/binding`: gives the pod its node, once.
 * Source: k8s.io/kubernetes/pkg/registry/core/pod/storage BindingREST.
 */
export async function bind(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const options = readWriteOptions(request.request, 'CreateOptions');
  const body = await readBody(request.request);
  const binding = decodeKind<corev1.Binding>(
    BINDING,
    'core/v1.Binding',
    body,
    options.fieldValidation,
  ).object;
  const name = request.name ?? binding.metadata.name;
  if (binding.metadata.name && binding.metadata.name !== name)
    throw new BadRequest('name in URL does not match name in Binding object');
  const errors = validateBinding(binding);
  if (errors.length > 0) throw objectInvalid(BINDING, name, errors);
  const at = { ...request, name };
  const admission = admissionRequest(at, 'CREATE', name, { body: binding, dryRun: options.dryRun });
  await registry.admission.mutate(admission);
  await registry.admission.validate(admission);
  for (;;) {
    const stored = await readNamed(registry, at);
    const pod = registry.storage.decode<corev1.Pod>(request.resource, stored.bytes);
    assign(pod, binding, binding.target.name!, new Date(registry.clock.now()));
    if (options.dryRun) break;
    try {
      await registry.storage.update(request.resource, stored.key, pod, stored.revision);
      break;
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
    }
  }
  return plain(201, success());
}

function assign(pod: corev1.Pod, binding: corev1.Binding, node: string, now: Date): void {
  const { name, uid, deletionTimestamp } = pod.metadata;
  const conflict = (why: string) => objectConflict({ group: '', name: 'pods/binding' }, name, why);
  if (binding.metadata.uid && binding.metadata.uid !== uid)
    throw conflict(
      `Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${uid}`,
    );
  if (deletionTimestamp !== undefined)
    throw conflict(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec?.nodeName) throw conflict(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  if (pod.spec?.schedulingGates?.length) throw conflict(`pod ${name} has non-empty .spec.schedulingGates`);
  pod.spec = { ...pod.spec!, nodeName: node };
  if (binding.metadata.annotations !== undefined)
    pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
  if (binding.metadata.labels !== undefined)
    pod.metadata.labels = { ...binding.metadata.labels, ...pod.metadata.labels };
  pod.status ??= {} as corev1.PodStatus;
  const { status } = pod;
  // The pod has its place: nobody keeps another for it (KEP-5278).
  delete status.nominatedNodeName;
  const others = (status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  const before = status.conditions?.find(({ type }) => type === 'PodScheduled');
  const since = before?.status === 'True' ? before.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
  status.conditions = [
    ...others,
    {
      type: 'PodScheduled',
      ...observedSpecOf(pod),
      status: 'True',
      lastTransitionTime: since,
    } as corev1.PodCondition,
  ];
}
