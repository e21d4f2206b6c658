import type { corev1 } from '../types/index.generated.ts';

/** The condition of this type, when the pod has one. */
export function podCondition(pod: corev1.Pod, type: string): corev1.PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** Which spec a condition that is written now speaks of, to be spread into it (KEP-5067). */
export function observedSpecOf({ metadata }: corev1.Pod): { observedGeneration?: number } {
  return metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
}

/** Whether the pod's Ready condition is True: its endpoints may get traffic. */
export function isPodReady(pod: corev1.Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Whether the pod has been Ready for at least `minReadySeconds` (k8s.io/kubernetes/pkg/api/v1/pod). */
export function isPodAvailable(pod: corev1.Pod, minReadySeconds: number, now: Date): boolean {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  if (ready.lastTransitionTime === undefined) return false;
  return Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 <= now.getTime();
}

/** All containers have ended for good. */
export function isPodTerminal(pod: corev1.Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Counts towards a controller's replicas: not ended, not being deleted. */
export function isPodActive(pod: corev1.Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** An init container that runs along with the pod (a sidecar). */
export function isRestartableInitContainer(container: corev1.Container | undefined): boolean {
  return container?.restartPolicy === 'Always';
}
