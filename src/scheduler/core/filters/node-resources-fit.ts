import type { Filter } from '../filter.ts';

/** What the pod asks for is left on the node, and one more pod may be there. */
export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  prepare: ({ requests }) => {
    const wanted = Object.entries(requests).filter(([, amount]) => amount > 0);
    return (node) => {
      const reasons: string[] = [];
      let resolvable = true;
      if (node.pods.size + 1 > (node.allocatable.pods ?? 0)) reasons.push('Too many pods');
      for (const [name, amount] of wanted) {
        const allocatable = node.allocatable[name] ?? 0;
        if (amount <= allocatable - (node.requested[name] ?? 0)) continue;
        reasons.push(`Insufficient ${name}`);
        // Not even an empty node of this size would do.
        if (amount > allocatable) resolvable = false;
      }
      return reasons.length === 0 ? undefined : { reasons, resolvable };
    };
  },
};
