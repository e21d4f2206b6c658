import { type corev1, podRequests as requestsOf } from '../../kube/index.ts';

/** Sums in milli-CPU and bytes. */
export interface Requests {
  cpu: number;
  memory: number;
  'ephemeral-storage': number;
}

/** What a pod reserves of this node, as the scheduler counts it. */
export function podRequests(pod: corev1.Pod): Requests {
  const amounts = requestsOf(pod);
  return {
    cpu: amounts.cpu?.milliValue() ?? 0,
    memory: amounts.memory?.value() ?? 0,
    'ephemeral-storage': amounts['ephemeral-storage']?.value() ?? 0,
  };
}
