import { OrreryError } from '../../base/index.ts';
import type { corev1, metav1, policyv1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';

type Budget = policyv1.PodDisruptionBudget;

/** More evictions than this that the controller has not seen the pods go of: none any more. */
const MOST_DISRUPTED = 2000;
const RETRY_SECONDS = 10;
const MESSAGE = "Cannot evict pod as it would violate the pod's disruption budget.";

/** A pod that has ended, not begun, or goes anyway: its going disrupts nothing. */
export function needsNoBudget({ metadata, status }: corev1.Pod): boolean {
  const phase = status?.phase ?? 'Pending';
  return metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed', 'Pending'].includes(phase);
}

/** A pod that is not ready may go without counting: always, or while the budget is kept by the others. */
export function mayGoUnhealthy({ spec, status }: Budget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const desired = status?.desiredHealthy ?? 0;
  return desired > 0 && (status?.currentHealthy ?? 0) >= desired;
}

function refused(message: string, retryAfterSeconds: number): OrreryError {
  const causes: metav1.StatusCause[] = [{ reason: 'DisruptionBudget', message }];
  return new OrreryError('TooManyRequests', MESSAGE, { details: { retryAfterSeconds, causes } });
}

export function stillProcessed(name: string): OrreryError {
  return refused(`The disruption budget ${name} is still being processed by the server.`, RETRY_SECONDS);
}

/**
 * The budget with one disruption less, and the pod noted in it.
 *
 * @throws OrreryError TooManyRequests with cause DisruptionBudget when it has none left, Forbidden when it is broken.
 * @see k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go checkAndDecrement.
 */
export function withOneDisruption(budget: Budget, podName: string, now: Date): Budget {
  const { name, generation } = budget.metadata;
  const status = budget.status ?? {};
  const resource = { group: 'policy', name: 'poddisruptionbudgets' };
  if ((status.observedGeneration ?? 0) < (generation ?? 0)) throw stillProcessed(name);
  const allowed = status.disruptionsAllowed ?? 0;
  if (allowed < 0) throw forbidden(resource, name, 'pdb disruptions allowed is negative');
  const disruptedPods = status.disruptedPods ?? {};
  if (Object.keys(disruptedPods).length > MOST_DISRUPTED) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(resource, name, why);
  }
  if (allowed === 0) throw refused(whyNone(budget), 0);
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const conditions =
    allowed === 1 ? noMoreDisruptions(status.conditions, time, generation) : status.conditions;
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: allowed - 1,
      disruptedPods: { ...disruptedPods, [podName]: time },
      ...(conditions !== undefined && { conditions }),
    },
  };
}

function whyNone({ metadata: { name }, status }: Budget): string {
  const { currentHealthy = 0, desiredHealthy = 0, conditions } = status ?? {};
  const failed = conditions?.find(
    ({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed',
  );
  if (failed !== undefined) {
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failed.message}`;
  }
  return currentHealthy <= desiredHealthy
    ? `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
    : `The disruption budget ${name} does not allow evicting pods currently.`;
}

function noMoreDisruptions(
  conditions: readonly metav1.Condition[] | undefined,
  lastTransitionTime: string,
  observedGeneration: number | undefined,
): metav1.Condition[] {
  const others = (conditions ?? []).filter(({ type }) => type !== 'DisruptionAllowed');
  const next = { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', message: '' };
  return [
    ...others,
    { ...next, lastTransitionTime, ...(observedGeneration !== undefined && { observedGeneration }) },
  ];
}
