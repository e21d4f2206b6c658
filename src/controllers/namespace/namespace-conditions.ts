import type { corev1 } from '../../kube/index.ts';
import { kubeTime } from '../context.ts';

/** What one pass of deleting a namespace's content found. */
export interface DeletionOutcome {
  discoveryFailures: readonly { groupVersion: string; message: string }[];
  /** Resources that could not be deleted. */
  contentFailures: readonly string[];
  /** `pods.` → how many are left. */
  remaining: ReadonlyMap<string, number>;
  /** Finalizer → on how many objects it stands. */
  finalizers: ReadonlyMap<string, number>;
}

export function isContentGone(outcome: DeletionOutcome): boolean {
  return (
    outcome.remaining.size === 0 &&
    outcome.contentFailures.length === 0 &&
    outcome.discoveryFailures.length === 0
  );
}

/**
 * The conditions that tell why a namespace is still there, in upstream's words
 * (pkg/controller/namespace/deletion/status_condition_utils.go).
 */
export function namespaceConditions(
  current: readonly corev1.NamespaceCondition[],
  outcome: DeletionOutcome,
  nowMs: number,
): corev1.NamespaceCondition[] {
  const next = [
    discovery(outcome),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      undefined,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    content(outcome),
    remaining(outcome),
    finalizers(outcome),
  ];
  const others = current.filter((one) => !next.some(({ type }) => type === one.type));
  const time = kubeTime(nowMs);
  return [
    ...others,
    ...next.map((one) => {
      const known = current.find(({ type }) => type === one.type);
      const lastTransitionTime = known?.status === one.status ? (known.lastTransitionTime ?? time) : time;
      return { ...one, lastTransitionTime };
    }),
  ];
}

/** `problem` undefined: the condition is False, with the reason and message of all being well. */
function condition(
  type: string,
  problem: { reason: string; message: string } | undefined,
  goodReason: string,
  goodMessage: string,
): corev1.NamespaceCondition {
  return problem === undefined
    ? { type, status: 'False', reason: goodReason, message: goodMessage }
    : { type, status: 'True', ...problem };
}

function discovery({ discoveryFailures }: DeletionOutcome): corev1.NamespaceCondition {
  const failed = discoveryFailures.map(({ groupVersion, message }) => `${groupVersion}: ${message}`);
  const message = `Discovery failed for some groups, ${failed.length} failing: unable to retrieve the complete list of server APIs: ${failed.join(', ')}`;
  return condition(
    'NamespaceDeletionDiscoveryFailure',
    failed.length === 0 ? undefined : { reason: 'DiscoveryFailed', message },
    'ResourcesDiscovered',
    'All resources successfully discovered',
  );
}

function content({ contentFailures }: DeletionOutcome): corev1.NamespaceCondition {
  const message = `Failed to delete all resource types, ${contentFailures.length} remaining: ${contentFailures.toSorted().join(', ')}`;
  return condition(
    'NamespaceDeletionContentFailure',
    contentFailures.length === 0 ? undefined : { reason: 'ContentDeletionFailed', message },
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  );
}

function remaining(outcome: DeletionOutcome): corev1.NamespaceCondition {
  const parts = [...outcome.remaining]
    .map(([resource, count]) => `${resource} has ${count} resource instances`)
    .sort();
  return condition(
    'NamespaceContentRemaining',
    parts.length === 0
      ? undefined
      : { reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${parts.join(', ')}` },
    'ContentRemoved',
    'All content successfully removed',
  );
}

function finalizers(outcome: DeletionOutcome): corev1.NamespaceCondition {
  const parts = [...outcome.finalizers]
    .map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
    .sort();
  const message = `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`;
  return condition(
    'NamespaceFinalizersRemaining',
    parts.length === 0 ? undefined : { reason: 'SomeFinalizersRemain', message },
    'ContentHasNoFinalizers',
    'All content-preserving finalizers finished',
  );
}
