import type { HostConfig } from '../create-options.ts';

export interface RestartFacts {
  policy: HostConfig['RestartPolicy'];
  exitCode: number;
  /** It was told to end: by stop, kill or rm. */
  wasStopped: boolean;
  /** How often the policy has started it again since people last did. */
  restarts: number;
  /** What was waited before it was last started; 0 when people started it. */
  lastDelayMs: number;
  /** How long it ran this time. */
  ranMs: number;
}

const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 60_000;
const STEADY_AFTER_MS = 10_000;

/**
 * Whether a container that ended is started again, and after how long. Docker's rule: 100 ms, doubled at
 * each end up to a minute, from the beginning again once it has run for ten seconds; `on-failure:N` gives up
 * after N restarts (docs.docker.com, "Start containers automatically").
 */
export function restartDecision(facts: RestartFacts): { delayMs: number } | 'stay' {
  if (facts.wasStopped || !policyAsksFor(facts)) return 'stay';
  if (facts.lastDelayMs === 0 || facts.ranMs >= STEADY_AFTER_MS) return { delayMs: FIRST_DELAY_MS };
  return { delayMs: Math.min(facts.lastDelayMs * 2, LAST_DELAY_MS) };
}

function policyAsksFor(facts: RestartFacts): boolean {
  const limit = facts.policy?.MaximumRetryCount ?? 0;
  switch (facts.policy?.Name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return facts.exitCode !== 0 && (limit <= 0 || facts.restarts < limit);
    default:
      return false;
  }
}

/**
 * Whether a container comes back when the host has been started anew: `always` also brings back what people
 * had stopped, `unless-stopped` does not (docker-run(1), --restart).
 */
export function comesBackAfterReboot(
  policy: HostConfig['RestartPolicy'],
  facts: { wasStopped: boolean; wasEverStarted: boolean },
): boolean {
  if (!facts.wasEverStarted) return false;
  return policy?.Name === 'always' || (policy?.Name === 'unless-stopped' && !facts.wasStopped);
}
