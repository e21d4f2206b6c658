import {
  type corev1,
  isPodReady,
  type metav1,
  type policyv1,
  resolveIntOrPercent,
} from '../../kube/index.ts';
import { kubeTime } from '../context.ts';

type Budget = policyv1.PodDisruptionBudget;

/** An eviction that was allowed and whose pod is still there after this did not happen. */
const DISRUPTION_TIMEOUT_MS = 120_000;

export interface BudgetFacts {
  budget: Budget;
  /** Those the budget's selector selects. */
  pods: readonly corev1.Pod[];
  /** How many pods the pods' controllers want altogether; undefined when that cannot be told. */
  expectedPods: number | undefined;
  nowMs: number;
}

/**
 * What the budget allows now, and when to look again because an allowed eviction may have come to nothing.
 *
 * @see k8s.io/kubernetes/pkg/controller/disruption/disruption.go trySync
 */
export function budgetStatus(facts: BudgetFacts): {
  status: policyv1.PodDisruptionBudgetStatus;
  againInMs: number | undefined;
} {
  const { budget, pods, nowMs } = facts;
  const { expected, desired } = countsWanted(facts);
  const { disruptedPods, againInMs } = stillDisrupted(facts);
  const healthy = pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      disruptedPods[pod.metadata.name] === undefined &&
      isPodReady(pod),
  ).length;
  const disruptionsAllowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  const { generation } = budget.metadata;
  const condition =
    disruptionsAllowed > 0
      ? { status: 'True', reason: 'SufficientPods', message: '' }
      : { status: 'False', reason: 'InsufficientPods', message: '' };
  return {
    againInMs,
    status: {
      disruptionsAllowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      ...(generation !== undefined && { observedGeneration: generation }),
      ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
      conditions: withCondition(budget, condition, nowMs),
    },
  };
}

/** What stands when it cannot be told how many pods there should be: no disruption at all. */
export function failedStatus(
  budget: Budget,
  message: string,
  nowMs: number,
): policyv1.PodDisruptionBudgetStatus {
  const condition = { status: 'False', reason: 'SyncFailed', message };
  return {
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
    ...budget.status,
    disruptionsAllowed: 0,
    conditions: withCondition(budget, condition, nowMs),
  };
}

function countsWanted({ budget, pods, expectedPods }: BudgetFacts): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec;
  const byControllers = expectedPods ?? pods.length;
  if (maxUnavailable !== undefined) {
    const unavailable = resolveIntOrPercent(maxUnavailable, byControllers, true);
    return { expected: byControllers, desired: Math.max(0, byControllers - unavailable) };
  }
  if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable };
  if (minAvailable === undefined) return { expected: 0, desired: 0 };
  return { expected: byControllers, desired: resolveIntOrPercent(minAvailable, byControllers, true) };
}

/** Whether the budget has to know what the pods' controllers want. */
export function needsControllers({ spec }: Budget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
}

function stillDisrupted({ budget, pods, nowMs }: BudgetFacts): {
  disruptedPods: Record<string, string>;
  againInMs: number | undefined;
} {
  const disruptedPods: Record<string, string> = {};
  let againInMs: number | undefined;
  for (const [name, time] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = pods.find(({ metadata }) => metadata.name === name);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const leftMs = Date.parse(time) + DISRUPTION_TIMEOUT_MS - nowMs;
    if (leftMs <= 0) continue;
    disruptedPods[name] = time;
    againInMs = Math.min(againInMs ?? leftMs, leftMs);
  }
  return { disruptedPods, againInMs };
}

function withCondition(
  { metadata, status }: Budget,
  next: { status: string; reason: string; message: string },
  nowMs: number,
): metav1.Condition[] {
  const type = 'DisruptionAllowed';
  const before = status?.conditions?.find((one) => one.type === type);
  const others = (status?.conditions ?? []).filter((one) => one !== before);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : kubeTime(nowMs);
  const { generation } = metadata;
  return [
    ...others,
    {
      type,
      ...next,
      lastTransitionTime,
      ...(generation !== undefined && { observedGeneration: generation }),
    },
  ];
}
