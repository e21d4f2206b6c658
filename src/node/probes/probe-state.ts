import type { corev1 } from '../../kube/index.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeOutcome {
  /** `unknown`: the probe itself could not be carried out; says nothing about the container. */
  result: 'success' | 'failure' | 'unknown';
  output: string;
}

/**
 * What is known from one probe of one incarnation of a container; pure, the time is an argument. Follows the
 * kubelet (pkg/kubelet/prober/worker.go) with one addition: until a startup or readiness probe has succeeded
 * once, failures within its first period are neither counted nor told, and it is asked again soon, so that a
 * container is ready when it is, not at the next full period.
 */
export interface ProbeState {
  readonly kind: ProbeKind;
  /** Undefined until a threshold was reached for the first time. */
  readonly result: 'success' | 'failure' | undefined;
  /** The last outcome and how often in a row it came. */
  readonly last: 'success' | 'failure' | undefined;
  readonly run: number;
  readonly firstAtMs: number;
  readonly nextAtMs: number;
  readonly eagerTries: number;
}

export interface ProbeStep {
  state: ProbeState;
  /** The result that others act on is another one now. */
  changed: boolean;
  /** Worth an Unhealthy event. */
  complain: boolean;
}

const firstEagerMs = 25;
const longestEagerMs = 400;

export function firstProbeState(
  kind: ProbeKind,
  probe: corev1.Probe,
  startedAtMs: number,
  nowMs: number,
  known?: 'success' | 'failure',
): ProbeState {
  const firstAtMs = Math.max(nowMs, startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000);
  return { kind, result: known, last: known, run: 0, firstAtMs, nextAtMs: firstAtMs, eagerTries: 0 };
}

export function stepProbe(
  state: ProbeState,
  probe: corev1.Probe,
  outcome: ProbeOutcome,
  nowMs: number,
): ProbeStep {
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  if (isEager(state, outcome, nowMs, periodMs)) {
    const delayMs = Math.min(firstEagerMs * 2 ** state.eagerTries, longestEagerMs);
    return {
      state: { ...state, nextAtMs: nowMs + delayMs, eagerTries: state.eagerTries + 1 },
      changed: false,
      complain: false,
    };
  }
  const nextAtMs = Math.max(nowMs, state.nextAtMs + periodMs);
  if (outcome.result === 'unknown') return { state: { ...state, nextAtMs }, changed: false, complain: true };
  const run = outcome.result === state.last ? state.run + 1 : 1;
  const threshold =
    outcome.result === 'success' ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  const result = run >= threshold ? outcome.result : state.result;
  return {
    state: { ...state, nextAtMs, last: outcome.result, run, result },
    changed: result !== state.result,
    complain: outcome.result === 'failure',
  };
}

function isEager(state: ProbeState, outcome: ProbeOutcome, nowMs: number, periodMs: number): boolean {
  return (
    state.kind !== 'liveness' &&
    outcome.result !== 'success' &&
    state.result === undefined &&
    state.last === undefined &&
    nowMs < state.firstAtMs + periodMs
  );
}
