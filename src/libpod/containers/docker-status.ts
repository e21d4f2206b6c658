import { humanDuration } from '../../base/index.ts';
import type { ContainerStatus } from '../libpod.ts';

/** Docker's words for Podman's states. */
export function dockerStatus(status: ContainerStatus): string {
  if (status === 'initialized') return 'created';
  // What is being stopped still runs.
  return status === 'stopping' ? 'running' : status;
}

export interface StatusFacts {
  status: ContainerStatus;
  exitCode?: number;
  startedAt?: string;
  finishedAt?: string;
  health?: 'starting' | 'healthy' | 'unhealthy';
}

/** What stands under STATUS: `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago`. */
export function statusText(facts: StatusFacts, nowMs: number): string {
  const since = (time: string | undefined): string =>
    humanDuration(time === undefined ? 0 : nowMs - Date.parse(time));
  switch (dockerStatus(facts.status)) {
    case 'running': {
      const health = facts.health;
      const told = health === undefined ? '' : ` (${health === 'starting' ? 'health: starting' : health})`;
      return `Up ${since(facts.startedAt)}${told}`;
    }
    case 'paused':
      return `Up ${since(facts.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${facts.exitCode ?? 0}) ${since(facts.finishedAt)} ago`;
    case 'exited':
      return `Exited (${facts.exitCode ?? 0}) ${since(facts.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    default:
      return 'Created';
  }
}
