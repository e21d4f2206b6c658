import { BadRequest } from '../../base/index.ts';
import { CLUSTER_ANNOTATION, type corev1, parseQuantity } from '../../kube/index.ts';

/** What a pod's fields cannot tell about themselves. */
export interface DownwardFacts {
  podIPs: readonly string[];
  hostIPs: readonly string[];
  /** Stands in for a limit that a container does not set. */
  allocatable: Readonly<Record<string, string>>;
}

/**
 * The value of a `fieldRef`, as text.
 *
 * @throws BadRequest for a path Kubernetes does not support
 * @see https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#available-fields
 */
export function fieldValue(pod: corev1.Pod, fieldPath: string, facts: DownwardFacts): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript !== null)
    return pod.metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return pod.metadata.name ?? '';
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(pod.metadata.labels);
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations);
    case 'spec.nodeName':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    default:
      throw new BadRequest(`unsupported fieldPath: ${fieldPath}`);
  }
}

function formatMap(map: Record<string, string> | undefined): string {
  return Object.keys(map ?? {})
    .filter((key) => key !== CLUSTER_ANNOTATION)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map![key])}`)
    .join('\n');
}

/**
 * The value of a `resourceFieldRef`: a count of divisors, rounded up. A limit that is not set is what the
 * node has to give, a request that is not set is 0.
 *
 * @throws BadRequest for an unknown resource
 */
export function resourceFieldValue(
  container: corev1.Container,
  ref: corev1.ResourceFieldSelector,
  facts: DownwardFacts,
): string {
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(ref.resource);
  if (match === null) throw new BadRequest(`unsupported container resource : ${ref.resource}`);
  const [, kind, name] = match as unknown as [string, 'limits' | 'requests', string];
  const set = container.resources?.[kind]?.[name];
  const quantity = parseQuantity(set ?? (kind === 'limits' ? (facts.allocatable[name] ?? '0') : '0'));
  const divisorText = ref.divisor === undefined || String(ref.divisor) === '0' ? '1' : ref.divisor;
  const divisor = parseQuantity(divisorText);
  if (name === 'cpu') return String(Math.ceil(quantity.milliValue() / divisor.milliValue()));
  return String(Math.ceil(quantity.value() / divisor.value()));
}
