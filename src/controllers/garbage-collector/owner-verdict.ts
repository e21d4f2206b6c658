import type { metav1 } from '../../kube/index.ts';
import { FOREGROUND, ORPHAN } from './owner-graph.ts';

/** What became of an owner, as a fresh look at the server tells. */
export type OwnerState = 'exists' | 'absent' | 'waits-for-dependents';

export type Verdict =
  | { kind: 'keep' }
  /** Some owners are gone but one holds: only the references to the others go. */
  | { kind: 'drop-references'; uids: string[] }
  | { kind: 'delete'; propagationPolicy: 'Background' | 'Foreground' | 'Orphan'; unblockOwners: boolean };

/**
 * What happens to an object with owners, as upstream's attemptToDeleteItem: it stays as long as one owner
 * exists and is not itself waiting for its dependents to go.
 */
export function judge(options: {
  owners: readonly metav1.OwnerReference[];
  states: ReadonlyMap<string, OwnerState>;
  finalizers: readonly string[];
  hasDependents: boolean;
  /** One of its dependents waits for its own dependents: a circle that must be opened. */
  inCircle: boolean;
}): Verdict {
  const { owners, states, finalizers, hasDependents, inCircle } = options;
  if (owners.length === 0) return { kind: 'keep' };
  const stateOf = (owner: metav1.OwnerReference) => states.get(owner.uid) ?? 'exists';
  const gone = owners.filter((owner) => stateOf(owner) !== 'exists').map((owner) => owner.uid);
  if (gone.length === 0) return { kind: 'keep' };
  if (gone.length < owners.length) return { kind: 'drop-references', uids: gone };
  const waiting = owners.some((owner) => stateOf(owner) === 'waits-for-dependents');
  if (waiting && hasDependents)
    return { kind: 'delete', propagationPolicy: 'Foreground', unblockOwners: inCircle };
  const propagationPolicy = finalizers.includes(ORPHAN)
    ? 'Orphan'
    : finalizers.includes(FOREGROUND)
      ? 'Foreground'
      : 'Background';
  return { kind: 'delete', propagationPolicy, unblockOwners: false };
}
