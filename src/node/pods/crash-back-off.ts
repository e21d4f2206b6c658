/**
 * When a container that ended may start again. The kubelet keeps this in memory; here each incarnation
 * carries, from its birth, the delay that follows its own early end, so a new node process waits as long as
 * the old one would have.
 *
 * First restart at once, then after 10 s, 20 s, … 300 s; an incarnation that ran ten minutes starts over.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
 */
export const initialBackOffMs = 10_000;
export const maximalBackOffMs = 300_000;
const forgivenAfterMs = 2 * maximalBackOffMs;

export interface EndedIncarnation {
  backOffMs: number;
  createdAtMs: number;
  startedAtMs?: number;
  finishedAtMs?: number;
}

export interface Restart {
  /** The earliest instant for the next start. */
  atMs: number;
  /** The delay that stands between now and then, as it was before anybody waited: 10,000, 20,000, … */
  delayMs: number;
  /** The delay the next incarnation carries. */
  nextBackOffMs: number;
}

export function restartAfter(ended: EndedIncarnation): Restart {
  const startedAtMs = ended.startedAtMs ?? ended.createdAtMs;
  const finishedAtMs = ended.finishedAtMs ?? startedAtMs;
  const forgiven = finishedAtMs - startedAtMs > forgivenAfterMs;
  const delayMs = forgiven ? 0 : ended.backOffMs;
  return {
    delayMs,
    atMs: finishedAtMs + delayMs,
    nextBackOffMs: delayMs === 0 ? initialBackOffMs : Math.min(delayMs * 2, maximalBackOffMs),
  };
}

/** Go's way to print a duration of whole seconds: `10s`, `2m40s`, `5m0s`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
