import type { HealthState } from '../libpod.ts';
import type { HealthCheckPlan } from './health-config.ts';

export interface CheckResult {
  startMs: number;
  endMs: number;
  /** 0: healthy. -1: it took longer than it may. */
  exitCode: number;
  output: string;
}

const KEPT_RESULTS = 5;
const KEPT_OUTPUT = 500;

export const STARTING: HealthState = { Status: 'starting', FailingStreak: 0, Log: [] };

/**
 * The state after one more result. A success is believed at once; failures count once the start period is
 * over, and `retries` of them in a row make it unhealthy (Dockerfile reference, HEALTHCHECK).
 */
export function nextHealthState(
  state: HealthState,
  result: CheckResult,
  plan: Pick<HealthCheckPlan, 'startPeriodMs' | 'retries'>,
  startedAtMs: number,
): HealthState {
  const entry = {
    Start: new Date(result.startMs).toISOString(),
    End: new Date(result.endMs).toISOString(),
    ExitCode: result.exitCode,
    Output: result.output.slice(0, KEPT_OUTPUT),
  };
  const Log = [...state.Log, entry].slice(-KEPT_RESULTS);
  if (result.exitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log };
  const isInStartPeriod = result.startMs < startedAtMs + plan.startPeriodMs;
  if (isInStartPeriod && state.Status === 'starting') return { ...state, Log };
  const FailingStreak = state.FailingStreak + 1;
  return { Status: FailingStreak >= plan.retries ? 'unhealthy' : state.Status, FailingStreak, Log };
}

/**
 * When it is to be checked next: an interval after the last check ended, or after the start.
 * @param brokenAtMs when a check ended that left no result
 */
export function nextCheckMs(
  { state, plan, startedAtMs }: { state: HealthState; plan: HealthCheckPlan; startedAtMs: number },
  brokenAtMs = 0,
): number | undefined {
  if (plan.intervalMs <= 0) return undefined;
  const last = state.Log.at(-1);
  const fromMs = Math.max(startedAtMs, brokenAtMs, last === undefined ? 0 : Date.parse(last.End));
  const isStarting = state.Status === 'starting' && fromMs < startedAtMs + plan.startPeriodMs;
  return fromMs + (isStarting && plan.startIntervalMs > 0 ? plan.startIntervalMs : plan.intervalMs);
}
