import type { ContainerLimits, ContainerResources } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';

/** What it takes to give a running container the resources of its spec. */
export type ResizeNeed =
  | { kind: 'none' }
  | { kind: 'update'; limits: ContainerLimits }
  /** The container's own resizePolicy wants it so. */
  | { kind: 'restart' };

/**
 * Compares what the engine gave a container with what it shall have (pure). Of an older engine's container
 * nothing is known: it stays as it is.
 * https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
 */
export function resizeNeed(
  container: corev1.Container,
  given: ContainerResources | undefined,
  wanted: ContainerResources,
): ResizeNeed {
  if (given === undefined) return { kind: 'none' };
  const cpu = given.cpuShares !== wanted.cpuShares || given.cpuQuotaUs !== wanted.cpuQuotaUs;
  const memory = given.memoryLimitBytes !== wanted.memoryLimitBytes;
  if (!cpu && !memory) return { kind: 'none' };
  const restarts = (resource: string) =>
    container.resizePolicy?.find(({ resourceName }) => resourceName === resource)?.restartPolicy ===
    'RestartContainer';
  if ((cpu && restarts('cpu')) || (memory && restarts('memory'))) return { kind: 'restart' };
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes } = wanted;
  return {
    kind: 'update',
    limits: {
      ...(cpu && cpuShares !== undefined && { cpuShares }),
      ...(cpu &&
        cpuQuotaUs !== undefined && { cpuQuotaUs, ...(cpuPeriodUs !== undefined && { cpuPeriodUs }) }),
      ...(memory && memoryLimitBytes !== undefined && { memoryLimitBytes }),
    },
  };
}
