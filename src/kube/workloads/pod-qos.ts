import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';

export type PodQosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COMPUTE_RESOURCES = ['cpu', 'memory'] as const;

/**
 * The quality-of-service class the API server puts in status.qosClass on create
 * (k8s.io/kubernetes/pkg/apis/core/helper/qos.ComputePodQOS).
 */
export function podQosClass(pod: corev1.Pod): PodQosClass {
  const containers =
    pod.spec.resources === undefined
      ? [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
      : [{ resources: pod.spec.resources }];
  const requests = new Map<string, Quantity>();
  const limits = new Map<string, Quantity>();
  let everyLimitSet = true;
  for (const container of containers) {
    addCompute(requests, container.resources?.requests);
    const limited = addCompute(limits, container.resources?.limits);
    if (limited < COMPUTE_RESOURCES.length) everyLimitSet = false;
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const same =
    requests.size === limits.size &&
    [...requests].every(([name, request]) => limits.get(name)?.compare(request) === 0);
  return everyLimitSet && same ? 'Guaranteed' : 'Burstable';
}

/** Adds a container's cpu and memory to the totals; tells how many of them it sets above zero. */
function addCompute(
  totals: Map<string, Quantity>,
  list: Record<string, string | number> | undefined,
): number {
  let count = 0;
  for (const name of COMPUTE_RESOURCES) {
    const text = list?.[name];
    if (text === undefined) continue;
    const quantity = parseQuantity(text);
    if (quantity.value() <= 0) continue;
    count++;
    totals.set(name, totals.get(name)?.add(quantity) ?? quantity);
  }
  return count;
}
