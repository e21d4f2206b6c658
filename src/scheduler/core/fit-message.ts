const NOT_HELPFUL = 'Preemption is not helpful for scheduling';

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function nodesMessage(total: number, reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const histogram = [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
  return `0/${total} nodes are available:${histogram === '' ? '' : ` ${histogram}.`}`;
}

/** Why no pod that goes could help: a reason of each node that was tried, the same one for all others. */
export function noVictimsMessage(total: number, tried: readonly string[][]): string {
  const untried = Array.from({ length: total - tried.length }, () => NOT_HELPFUL);
  return nodesMessage(total, [...tried.flat(), ...untried]);
}

/** With the words of the plugins that looked for a way out: claims of devices that could be let go, and preemption. */
export function withPreemption(message: string, preemption: string | undefined): string {
  return preemption === undefined
    ? message
    : `${message} no new claims to deallocate, preemption: ${preemption}`;
}
