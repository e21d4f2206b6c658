import type { NodeState } from './cluster-state.ts';
import type { Refusal } from './filter.ts';
import type { PodFacts } from './pod-facts.ts';

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …` */
export function unschedulableMessage(
  pod: PodFacts,
  refusals: readonly { node: NodeState; refusal: Refusal }[],
): string {
  const total = refusals.length;
  if (total === 0) return 'no nodes available to schedule pods';
  const reasons = refusals.flatMap(({ refusal }) => refusal.reasons);
  return `0/${total} nodes are available: ${histogram(reasons)}. ${preemption(pod, refusals)}`;
}

/** Preemption is not built yet: where it might have helped, the message says so. */
function preemption(pod: PodFacts, refusals: readonly { node: NodeState; refusal: Refusal }[]): string {
  if (pod.pod.spec.preemptionPolicy === 'Never')
    return 'preemption: not eligible due to preemptionPolicy=Never.';
  const reasons = refusals.map(({ node, refusal }) => {
    if (!refusal.resolvable) return 'Preemption is not helpful for scheduling';
    const hasVictims = [...node.pods.values()].some((other) => other.priority < pod.priority);
    return hasVictims ? 'Preemption is not supported yet' : 'No preemption victims found for incoming pod';
  });
  return `preemption: 0/${refusals.length} nodes are available: ${histogram(reasons)}.`;
}

function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
