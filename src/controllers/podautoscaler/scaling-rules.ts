import type { autoscalingv2 } from '../../kube/index.ts';

type Rules = autoscalingv2.HPAScalingRules;

/** Upstream's default of --horizontal-pod-autoscaler-downscale-stabilization. */
const DOWNSCALE_STABILIZATION_SECONDS = 300;

/** What an autoscaler wanted, and did, before. */
export interface ScalingHistory {
  recommendations: { replicas: number; atMs: number }[];
  ups: { change: number; atMs: number }[];
  downs: { change: number; atMs: number }[];
}

export interface Wish {
  current: number;
  desired: number;
  min: number;
  max: number;
  behavior?: autoscalingv2.HorizontalPodAutoscalerBehavior | undefined;
  nowMs: number;
}

/** A reason and its sentence, for a condition. */
export interface Why {
  reason: string;
  message: string;
}

export interface Allowed {
  replicas: number;
  /** Why the wish is as it is after looking back. */
  stabilized: Why;
  /** What kept it from coming true. */
  limited: Why & { isLimited: boolean };
}

const WITHIN: Why = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
};
const UNCHANGED: Why = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };

/**
 * What of a wish may be done now: not below recent wishes (nor above, with a window), not faster than the policies say.
 * Notes the wish in `history`. Source: k8s.io/kubernetes/pkg/controller/podautoscaler/horizontal.go, normalizeDesiredReplicas….
 */
export function allowedReplicas(wish: Wish, history: ScalingHistory): Allowed {
  const { replicas: steady, why } = stabilized(wish, history);
  const limits = wish.behavior === undefined ? defaultLimits(wish) : policyLimits(wish, steady, history);
  const { replicas, why: limit } = within(steady, limits);
  return {
    replicas,
    stabilized: steady === wish.desired ? UNCHANGED : why,
    limited: { ...limit, isLimited: replicas !== steady },
  };
}

/** After a change was made. */
export function noteScaling(
  history: ScalingHistory,
  behavior: autoscalingv2.HorizontalPodAutoscalerBehavior | undefined,
  { from, to, nowMs }: { from: number; to: number; nowMs: number },
): void {
  if (behavior === undefined) return;
  const [list, rules] = to > from ? [history.ups, behavior.scaleUp] : [history.downs, behavior.scaleDown];
  const longestMs = Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds * 1000));
  const kept = list.filter(({ atMs }) => atMs >= nowMs - longestMs);
  list.splice(0, list.length, ...kept, { change: Math.abs(to - from), atMs: nowMs });
}

function stabilized({ current, desired, behavior, nowMs }: Wish, history: ScalingHistory) {
  const upSeconds = behavior === undefined ? 0 : (behavior.scaleUp?.stabilizationWindowSeconds ?? 0);
  const downSeconds = behavior?.scaleDown?.stabilizationWindowSeconds ?? DOWNSCALE_STABILIZATION_SECONDS;
  const goesUp = behavior !== undefined && desired >= current;
  const seconds = goesUp ? upSeconds : downSeconds;
  const better = goesUp ? Math.min : Math.max;
  let replicas = desired;
  for (const recommendation of history.recommendations)
    if (recommendation.atMs > nowMs - seconds * 1000) replicas = better(recommendation.replicas, replicas);
  const oldestMs = nowMs - Math.max(upSeconds, downSeconds) * 1000;
  const kept = history.recommendations.filter(({ atMs }) => atMs >= oldestMs);
  history.recommendations.splice(0, history.recommendations.length, ...kept, {
    replicas: desired,
    atMs: nowMs,
  });
  const [name, which, extreme] = goesUp ? ['Up', 'lower', 'lowest'] : ['Down', 'higher', 'highest'];
  return {
    replicas,
    why: {
      reason: `Scale${name}Stabilized`,
      message: `recent recommendations were ${which} than current one, applying the ${extreme} recent recommendation`,
    },
  };
}

interface Limits {
  most: number;
  mostWhy: Why;
  least: number;
  leastWhy: Why;
}

const TOO_MANY: Why = {
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
};
const TOO_FEW: Why = {
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
};
const TOO_FAST_UP: Why = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
};
const TOO_FAST_DOWN: Why = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
};

function within(steady: number, { most, mostWhy, least, leastWhy }: Limits): { replicas: number; why: Why } {
  if (steady < least) return { replicas: least, why: leastWhy };
  if (steady > most) return { replicas: most, why: mostWhy };
  return { replicas: steady, why: WITHIN };
}

/** Without rules of one's own: twice as many at once, four at least. */
function defaultLimits({ current, min, max }: Wish): Limits {
  const rate = Math.max(2 * current, 4);
  return {
    most: Math.min(max, rate),
    mostWhy: max > rate ? TOO_FAST_UP : TOO_MANY,
    least: min,
    leastWhy: TOO_FEW,
  };
}

function policyLimits(
  { current, min, max, behavior, nowMs }: Wish,
  steady: number,
  history: ScalingHistory,
): Limits {
  const limits: Limits = {
    most: Number.POSITIVE_INFINITY,
    mostWhy: TOO_MANY,
    least: Number.NEGATIVE_INFINITY,
    leastWhy: TOO_FEW,
  };
  if (steady > current) {
    const rate = Math.max(current, scaleUpLimit(current, behavior?.scaleUp, history, nowMs));
    limits.most = Math.min(max, rate);
    if (max > rate) limits.mostWhy = TOO_FAST_UP;
  } else if (steady < current) {
    const rate = Math.min(current, scaleDownLimit(current, behavior?.scaleDown, history, nowMs));
    limits.least = Math.max(min, rate);
    if (min < rate) limits.leastWhy = TOO_FAST_DOWN;
  }
  return limits;
}

function scaleUpLimit(
  current: number,
  rules: Rules | undefined,
  history: ScalingHistory,
  nowMs: number,
): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = current - changedSince(history.ups, periodSeconds, nowMs);
    return type === 'Pods' ? before + value : Math.ceil(before * (1 + value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(0, ...proposals);
}

function scaleDownLimit(
  current: number,
  rules: Rules | undefined,
  history: ScalingHistory,
  nowMs: number,
): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = current + changedSince(history.downs, periodSeconds, nowMs);
    return type === 'Pods' ? before - value : Math.trunc(before * (1 - value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals);
}

function changedSince(events: ScalingHistory['ups'], seconds: number, nowMs: number): number {
  return events
    .filter(({ atMs }) => atMs > nowMs - seconds * 1000)
    .reduce((sum, { change }) => sum + change, 0);
}
