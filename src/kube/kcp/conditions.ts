import type { Condition as KcpCondition } from './types/conditions.ts';

export type { KcpCondition };

type ConditionSeverity = 'Error' | 'Warning' | 'Info';

/** What a condition says beside its time. */
export type ConditionState = Omit<KcpCondition, 'lastTransitionTime'>;

const READY = 'Ready';

export function trueCondition(type: string): ConditionState {
  return { type, status: 'True' };
}

export function falseCondition(
  type: string,
  severity: ConditionSeverity,
  reason: string,
  message: string,
): ConditionState {
  return { type, status: 'False', severity, reason, message };
}

/**
 * The conditions with one of them set: its time moves when anything it says changes. Ready is first, the others
 * follow by name. Source: sdk/apis/third_party/conditions/util/conditions Set.
 */
export function withCondition(
  conditions: readonly KcpCondition[] | undefined,
  state: ConditionState,
  now: string,
): KcpCondition[] {
  const all = conditions ?? [];
  const before = all.find(({ type }) => type === state.type);
  const isSame = before !== undefined && sameState(before, state);
  const next: KcpCondition = { ...state, lastTransitionTime: isSame ? before.lastTransitionTime : now };
  return [...all.filter(({ type }) => type !== state.type), next].sort(byType);
}

/** Ready as the worst of the conditions named says: what is wrong, or that all is well; none without any of them. */
export function withSummary(
  conditions: readonly KcpCondition[] | undefined,
  names: readonly string[],
  now: string,
): KcpCondition[] {
  const among = (conditions ?? []).filter(({ type }) => names.includes(type));
  if (among.length === 0) return [...(conditions ?? [])];
  const worst =
    among.find(({ status, severity }) => status === 'False' && severity === 'Error') ??
    among.find(({ status, severity }) => status === 'False' && severity === 'Warning') ??
    among.find(({ status }) => status === 'False') ??
    among.find(({ status }) => status === 'Unknown');
  if (worst === undefined) return withCondition(conditions, trueCondition(READY), now);
  const { lastTransitionTime: _time, ...state } = worst;
  return withCondition(conditions, { ...state, type: READY }, now);
}

export function isKcpConditionTrue(conditions: readonly KcpCondition[] | undefined, type: string): boolean {
  return conditions?.find((one) => one.type === type)?.status === 'True';
}

function sameState(a: ConditionState, b: ConditionState): boolean {
  return (
    a.status === b.status &&
    (a.reason ?? '') === (b.reason ?? '') &&
    (a.severity ?? '') === (b.severity ?? '') &&
    (a.message ?? '') === (b.message ?? '')
  );
}

function byType(a: KcpCondition, b: KcpCondition): number {
  if (a.type === READY || b.type === READY) return a.type === READY ? -1 : 1;
  return a.type < b.type ? -1 : 1;
}
