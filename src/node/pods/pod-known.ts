import type { corev1 } from '../../kube/index.ts';
import type { ProbeResults } from './pod-actions.ts';

/**
 * What the pod's last status says of this very incarnation of a container: an adopted container that was
 * ready stays ready until a probe says otherwise.
 */
export function knownProbeResults(status: corev1.PodStatus | undefined, id: string): ProbeResults {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const shown = all.find(({ containerID }) => containerID === `orrery://${id}`);
  if (shown?.state?.running === undefined) return {};
  return {
    ...(shown.started && { startup: 'success' as const }),
    ...(shown.ready && { readiness: 'success' as const }),
  };
}
