import type { ContainerStatus, PodStatus } from '../libpod.ts';

/** A pod's state of those of its containers, the infra container among them. */
export function podStatus(containers: readonly ContainerStatus[]): PodStatus {
  const count = (...statuses: ContainerStatus[]) =>
    containers.filter((status) => statuses.includes(status)).length;
  const all = containers.length;
  const running = count('running');
  if (all === 0) return 'Created';
  if (running === all) return 'Running';
  if (running > 0) return 'Degraded';
  if (count('paused') === all) return 'Paused';
  if (count('exited') === all) return 'Exited';
  if (count('exited', 'stopping') > 0) return 'Stopped';
  return count('created', 'initialized') === all ? 'Created' : 'Degraded';
}
