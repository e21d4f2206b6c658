import { type corev1, parseQuantity } from '../../kube/index.ts';
import { isSidecar } from './pod-actions.ts';

/** Sums in milli-CPU and bytes. */
export interface Requests {
  cpu: number;
  memory: number;
  'ephemeral-storage': number;
}

const counted = ['cpu', 'memory', 'ephemeral-storage'] as const;

/**
 * What a pod reserves: the sum of its containers and sidecars, or the largest moment of its init containers
 * beside the sidecars started before them.
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
export function podRequests(pod: corev1.Pod): Requests {
  const total: Requests = { cpu: 0, memory: 0, 'ephemeral-storage': 0 };
  for (const name of counted) {
    let sidecars = 0;
    let largestInit = 0;
    for (const container of pod.spec.initContainers ?? []) {
      const request = requestOf(container, name);
      if (isSidecar(container)) sidecars += request;
      largestInit = Math.max(largestInit, sidecars + (isSidecar(container) ? 0 : request));
    }
    const regular = pod.spec.containers.reduce(
      (sum, container) => sum + requestOf(container, name),
      sidecars,
    );
    const overhead = pod.spec.overhead?.[name];
    total[name] = Math.max(regular, largestInit) + (overhead === undefined ? 0 : amount(name, overhead));
  }
  return total;
}

function requestOf(container: corev1.Container, name: keyof Requests): number {
  const request = container.resources?.requests?.[name] ?? container.resources?.limits?.[name];
  return request === undefined ? 0 : amount(name, request);
}

function amount(name: keyof Requests, quantity: string | number): number {
  const parsed = parseQuantity(quantity);
  return name === 'cpu' ? parsed.milliValue() : parsed.value();
}
