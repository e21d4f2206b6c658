import type { ContainerResources } from '../../engine/index.ts';
import { type corev1, parseQuantity, podQosClass } from '../../kube/index.ts';

const cpuPeriodUs = 100_000;
const minimalQuotaUs = 1_000;
const minimalShares = 2;

/**
 * The cgroup values of a container, as the kubelet computes them: shares from the request (the limit stands
 * in for a missing one), quota and memory limit from the limits, oom_score_adj from the quality of service.
 * https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run
 */
export function containerResources(
  pod: corev1.Pod,
  container: corev1.Container,
  nodeMemoryBytes: number,
): ContainerResources {
  const { limits, requests } = container.resources ?? {};
  const cpuLimitMilli = milli(limits?.cpu);
  const cpuRequestMilli = requests?.cpu === undefined ? cpuLimitMilli : milli(requests.cpu);
  const memoryLimitBytes = limits?.memory === undefined ? 0 : parseQuantity(limits.memory).value();
  return {
    cpuShares: Math.max(minimalShares, Math.floor((cpuRequestMilli * 1024) / 1000)),
    ...(cpuLimitMilli > 0 && {
      cpuPeriodUs,
      cpuQuotaUs: Math.max(minimalQuotaUs, Math.floor((cpuLimitMilli * cpuPeriodUs) / 1000)),
    }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
    oomScoreAdj: oomScoreAdj(pod, container, nodeMemoryBytes),
  };
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior */
function oomScoreAdj(pod: corev1.Pod, container: corev1.Container, nodeMemoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= 2_000_000_000) return -997;
  const qos = podQosClass(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const { requests, limits } = container.resources ?? {};
  const request = requests?.memory ?? limits?.memory;
  const requestBytes = request === undefined ? 0 : parseQuantity(request).value();
  const adjustment = Math.floor(1000 - (1000 * requestBytes) / nodeMemoryBytes);
  return Math.min(999, Math.max(3, adjustment));
}

function milli(quantity: string | number | undefined): number {
  return quantity === undefined ? 0 : parseQuantity(quantity).milliValue();
}
