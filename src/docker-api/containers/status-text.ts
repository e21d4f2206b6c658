import type { ContainerStatus } from '../../libpod/index.ts';

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

/** As docker/go-units' HumanDuration: the largest unit only. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(ms / 3_600_000);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(hours / 24 / 365)} years`;
}
