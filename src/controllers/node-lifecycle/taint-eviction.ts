import type { corev1 } from '../../kube/index.ts';

/**
 * How long a pod may stay on a node with these NoExecute taints: undefined for ever, 0 not at all, else
 * milliseconds from when the first of the taints was put on.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
 */
export function toleratedMs(
  taints: readonly corev1.Taint[],
  tolerations: readonly corev1.Toleration[],
): number | undefined {
  let shortest: number | undefined;
  for (const taint of taints) {
    const matching = tolerations.filter((toleration) => toleratesExecution(toleration, taint));
    if (matching.length === 0) return 0;
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds === undefined) continue;
      const ms = Math.max(0, tolerationSeconds) * 1000;
      shortest = Math.min(shortest ?? Number.POSITIVE_INFINITY, ms);
    }
  }
  return shortest;
}

/**
 * When a pod has to go, in milliseconds since the epoch; undefined: never.
 *
 * @param noticedMs when the taints were first seen, for those that do not say it
 */
export function evictionTimeMs(
  taints: readonly corev1.Taint[],
  tolerations: readonly corev1.Toleration[],
  noticedMs: number,
): number | undefined {
  const execute = taints.filter((taint) => taint.effect === 'NoExecute');
  if (execute.length === 0) return undefined;
  const allowedMs = toleratedMs(execute, tolerations);
  if (allowedMs === undefined) return undefined;
  const added = execute.map((taint) =>
    taint.timeAdded === undefined ? noticedMs : Date.parse(taint.timeAdded),
  );
  return Math.min(...added) + allowedMs;
}

function toleratesExecution(toleration: corev1.Toleration, taint: corev1.Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
}
