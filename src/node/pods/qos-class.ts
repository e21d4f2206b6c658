import { type corev1, parseQuantity } from '../../kube/index.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
export function qosClass(pod: corev1.Pod): QosClass {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  let anything = false;
  let guaranteed = true;
  for (const { resources } of containers) {
    for (const name of counted) {
      const limit = amount(resources?.limits?.[name]);
      const request = amount(resources?.requests?.[name]) ?? limit;
      if (limit !== undefined || request !== undefined) anything = true;
      if (limit === undefined || request !== limit) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(quantity: string | number | undefined): number | undefined {
  if (quantity === undefined) return undefined;
  const milli = parseQuantity(quantity).milliValue();
  return milli === 0 ? undefined : milli;
}
