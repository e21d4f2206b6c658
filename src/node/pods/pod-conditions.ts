import type { corev1 } from '../../kube/index.ts';
import { apiTime } from './api-time.ts';
import { isSidecar } from './pod-actions.ts';
import type { JudgedContainer, StatusFacts } from './pod-status.ts';

type Verdict = Pick<corev1.PodCondition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * The conditions the node owns, then those of others as they are. A condition whose status is unchanged
 * keeps its transition time. Reasons and sentences are the kubelet's (pkg/kubelet/status/generate.go).
 */
export function podConditions(
  facts: StatusFacts,
  phase: string,
  init: readonly JudgedContainer[],
  regular: readonly JudgedContainer[],
): corev1.PodCondition[] {
  const containersReady = containersReadyVerdict(phase, init, regular);
  const verdicts: Verdict[] = [
    { type: 'PodReadyToStartContainers', status: facts.sandboxReady ? 'True' : 'False' },
    initializedVerdict(phase, init, regular),
    readyVerdict(facts.pod, containersReady),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
    ...resizeVerdicts(facts),
  ];
  const old = facts.pod.status?.conditions ?? [];
  const own = verdicts.map((verdict): corev1.PodCondition => {
    const before = old.find((condition) => condition.type === verdict.type);
    const unchanged = before?.status === verdict.status;
    return {
      type: verdict.type,
      ...(facts.pod.metadata.generation !== undefined && {
        observedGeneration: facts.pod.metadata.generation,
      }),
      status: verdict.status,
      lastTransitionTime: (unchanged && before?.lastTransitionTime) || apiTime(facts.nowMs),
      ...(verdict.reason !== undefined && { reason: verdict.reason }),
      ...(verdict.message !== undefined && { message: verdict.message }),
    };
  });
  const ownTypes = new Set([...own.map((condition) => condition.type), ...PASSING_CONDITIONS]);
  return [...own, ...old.filter((condition) => !ownTypes.has(condition.type))];
}

/** Conditions of the node's own that are there only while they hold. */
export const PASSING_CONDITIONS: readonly string[] = ['PodResizePending', 'PodResizeInProgress'];

function resizeVerdicts({ resizePending, resizeError }: StatusFacts): Verdict[] {
  const [pending, inProgress] = PASSING_CONDITIONS as [string, string];
  return [
    ...(resizePending === undefined ? [] : [{ type: pending, status: 'True', ...resizePending }]),
    ...(resizeError === undefined
      ? []
      : [{ type: inProgress, status: 'True', reason: 'Error', message: resizeError }]),
  ];
}

function initializedVerdict(
  phase: string,
  init: readonly JudgedContainer[],
  regular: readonly JudgedContainer[],
): Verdict {
  const type = 'Initialized';
  const unfinished = init.filter(({ container, status }) =>
    isSidecar(container) ? !status.started : !status.ready,
  );
  if (unfinished.length === 0) return { type, status: 'True' };
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' };
  if (regular.some(({ status }) => status.containerID !== undefined)) return { type, status: 'True' };
  return {
    type,
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${names(unfinished)}]`,
  };
}

function containersReadyVerdict(
  phase: string,
  init: readonly JudgedContainer[],
  regular: readonly JudgedContainer[],
): Verdict {
  const type = 'ContainersReady';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unready = [...init.filter(({ container }) => isSidecar(container)), ...regular].filter(
    ({ status }) => !status.ready,
  );
  if (unready.length === 0) return { type, status: 'True' };
  return {
    type,
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${names(unready)}]`,
  };
}

function readyVerdict(pod: corev1.Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' };
  const complaints: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find((c) => c.type === conditionType);
    if (condition === undefined)
      complaints.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (condition.status !== 'True')
      complaints.push(
        `the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`,
      );
  }
  if (complaints.length === 0) return { type: 'Ready', status: 'True' };
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: complaints.join(', ') };
}

function names(judged: readonly JudgedContainer[]): string {
  return judged.map(({ container }) => container.name).join(' ');
}
