import { BadRequest, type FieldError } from '../base/index.ts';
import {
  applyDefaults,
  type appsv1,
  builtinResources,
  type corev1,
  invalidError,
  type KubeObject,
  type Resource,
  validateCreate,
} from '../kube/index.ts';
import type { KubeDocument } from './documents.ts';
import { unsupportedField } from './unsupported-fields.ts';

/** One pod to be made. */
export interface PlayedPod {
  /** With Kubernetes' defaults. */
  pod: corev1.Pod;
  /** As it was written: what the defaults have filled in is not there. */
  given: corev1.Pod;
}

const LONGEST_ANNOTATION = 63;

/**
 * The pods that a document stands for: itself, or as many as a Deployment wants.
 *
 * @param annotations added to those it has
 * @throws BadRequest Invalid in Kubernetes' words; BadRequest for a field that cannot be honoured, by name
 */
export function playedPods(document: KubeDocument, annotations: Record<string, string>): PlayedPod[] {
  if (document.kind === 'Pod') return [playedPod(document.object as unknown as corev1.Pod, annotations)];
  const deployment = document.object as unknown as appsv1.Deployment;
  const { name } = deployment.metadata;
  if (!name) throw new BadRequest('deployment does not have a name');
  const { template } = deployment.spec;
  return Array.from({ length: deployment.spec.replicas ?? 1 }, (_, index) =>
    playedPod(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          ...template.metadata,
          name: `${name}-pod-${index}`,
          annotations: { ...deployment.metadata.annotations, ...template.metadata?.annotations },
        },
        spec: structuredClone(template.spec),
      } as corev1.Pod,
      annotations,
    ),
  );
}

function playedPod(written: corev1.Pod, annotations: Record<string, string>): PlayedPod {
  const given = structuredClone(written);
  if (!given.metadata?.name) throw new BadRequest('pod does not have a name');
  const { name } = given.metadata;
  for (const [key, value] of Object.entries(given.metadata.annotations ?? {}))
    if (value.length > LONGEST_ANNOTATION)
      throw new BadRequest(
        `invalid annotation ${JSON.stringify(key)}=${JSON.stringify(value)} value length exceeds Kubernetetes max ${LONGEST_ANNOTATION}`,
      );
  given.metadata = {
    ...given.metadata,
    namespace: given.metadata.namespace ?? 'default',
    annotations: { ...given.metadata.annotations, ...annotations },
  };
  refuseRepeatedNames(name, given);
  const pod = structuredClone(given);
  const resource = builtinResources.find((one) => one.kind === 'Pod' && one.group === '')!;
  applyDefaults(resource, pod as unknown as KubeObject);
  const errors = validateCreate(resource, pod as unknown as KubeObject).filter((one) => !isLenient(one));
  if (errors.length > 0) throw refusal(resource, name, errors);
  const field = unsupportedField(given);
  if (field !== undefined) throw new BadRequest(`pod ${JSON.stringify(name)}: ${field} is not supported`);
  return { pod, given };
}

function refuseRepeatedNames(podName: string, pod: corev1.Pod): void {
  const seen = new Set<string>();
  for (const { name } of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    if (seen.has(name))
      throw new BadRequest(
        `the pod ${JSON.stringify(podName)} is invalid; duplicate container name ${JSON.stringify(name)} detected`,
      );
    seen.add(name);
  }
}

/**
 * Rules of a cluster's that do not bind here: names of containers and pods may be all that the tool's own may
 * be, and a mount's path may be followed by options (`/data:z`), as `kube generate` writes them.
 */
function isLenient({ field, type }: FieldError): boolean {
  if (type !== 'FieldValueInvalid') return false;
  return (
    field === 'metadata.name' ||
    /^spec\.(?:initContainers|containers)\[\d+\]\.name$/.test(field) ||
    /\.volumeMounts\[\d+\]\.(?:mountPath|name)$/.test(field) ||
    /^spec\.volumes\[\d+\]\.name$/.test(field) ||
    field === 'spec.hostname'
  );
}

function refusal(resource: Resource, name: string, errors: FieldError[]): Error {
  return invalidError({ group: resource.group, kind: resource.kind, name }, errors);
}
