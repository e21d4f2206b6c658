import type { TableColumn } from '../resource.ts';
import type { corev1 } from '../types/index.generated.ts';
import { isPodTerminal, isRestartableInitContainer, podCondition } from '../workloads/pod-conditions.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';
import { ageOf } from './human-duration.ts';

/** What READY, STATUS and RESTARTS say about a pod. */
export interface PodSummary {
  ready: number;
  total: number;
  status: string;
  restarts: number;
  /** When a container that counts last ended; undefined when none has. */
  lastRestart: string | undefined;
}

/** The rules of k8s.io/kubernetes/pkg/printers/internalversion.printPod. */
export function podSummary(pod: corev1.Pod): PodSummary {
  const init = initializationSummary(pod);
  const summary: PodSummary = {
    ready: init.ready,
    total:
      pod.spec.containers.length + (pod.spec.initContainers ?? []).filter(isRestartableInitContainer).length,
    status: init.status ?? ownReason(pod),
    restarts: init.restarts,
    lastRestart: init.lastRestart,
  };
  if (init.status === undefined || podCondition(pod, 'Initialized')?.status === 'True') {
    addContainers(pod, summary, init);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (pod.status?.reason === 'NodeLost') summary.status = 'Unknown';
    else if (!isPodTerminal(pod)) summary.status = 'Terminating';
  }
  return summary;
}

function ownReason(pod: corev1.Pod): string {
  const gated = pod.status?.conditions?.some(
    (condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated',
  );
  if (gated === true) return 'SchedulingGated';
  return pod.status?.reason || pod.status?.phase || '';
}

interface InitSummary {
  /** Why the pod is still initializing; undefined when it is not. */
  status: string | undefined;
  ready: number;
  restarts: number;
  lastRestart: string | undefined;
  sidecarRestarts: number;
  lastSidecarRestart: string | undefined;
}

function initializationSummary(pod: corev1.Pod): InitSummary {
  const specs = new Map((pod.spec.initContainers ?? []).map((container) => [container.name, container]));
  const summary: InitSummary = {
    status: undefined,
    ready: 0,
    restarts: 0,
    lastRestart: undefined,
    sidecarRestarts: 0,
    lastSidecarRestart: undefined,
  };
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isRestartableInitContainer(specs.get(status.name));
    const ended = status.lastState?.terminated?.finishedAt;
    summary.restarts += status.restartCount;
    summary.lastRestart = later(summary.lastRestart, ended);
    if (sidecar) {
      summary.sidecarRestarts += status.restartCount;
      summary.lastSidecarRestart = later(summary.lastSidecarRestart, ended);
    }
    if (status.state?.terminated?.exitCode === 0) continue;
    if (sidecar && status.started === true) {
      if (status.ready) summary.ready++;
      continue;
    }
    summary.status = initStatus(status, index, specs.size);
    break;
  }
  return summary;
}

function initStatus(status: corev1.ContainerStatus, index: number, count: number): string {
  const { terminated, waiting } = status.state ?? {};
  if (terminated !== undefined) return `Init:${terminatedReason(terminated)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${count}`;
}

function terminatedReason(terminated: corev1.ContainerStateTerminated): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function addContainers(pod: corev1.Pod, summary: PodSummary, init: InitSummary): void {
  summary.restarts = init.sidecarRestarts;
  summary.lastRestart = init.lastSidecarRestart;
  let running = false;
  // From the last to the first: of several reasons the first container's is shown.
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    summary.restarts += status.restartCount;
    summary.lastRestart = later(summary.lastRestart, status.lastState?.terminated?.finishedAt);
    const { waiting, terminated, running: runs } = status.state ?? {};
    if (waiting?.reason) summary.status = waiting.reason;
    else if (terminated !== undefined) summary.status = terminatedReason(terminated);
    else if (status.ready && runs !== undefined) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.status === 'Completed' && running) {
    summary.status = podCondition(pod, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
  }
}

function later(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return Date.parse(left) < Date.parse(right) ? right : left;
}

function restartsCell(pod: corev1.Pod, now: Date): string {
  const { restarts, lastRestart } = podSummary(pod);
  if (restarts === 0 || lastRestart === undefined) return String(restarts);
  return `${restarts} (${ageOf(lastRestart, now)} ago)`;
}

function readinessGates(pod: corev1.Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) => podCondition(pod, gate.conditionType)?.status === 'True');
  return `${met.length}/${gates.length}`;
}

export const podColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.Pod>('Ready', 'How many of the containers may get traffic.', (pod) => {
    const { ready, total } = podSummary(pod);
    return `${ready}/${total}`;
  }),
  column<corev1.Pod>('Status', 'What the containers of the pod are doing.', (pod) => podSummary(pod).status),
  column<corev1.Pod>('Restarts', 'How often containers were restarted, and when last.', restartsCell),
  ageColumn,
  column<corev1.Pod>('IP', 'Address of the pod.', (pod) => pod.status?.podIPs?.[0]?.ip || '<none>', {
    wide: true,
  }),
  column<corev1.Pod>('Node', 'Node the pod is bound to.', (pod) => pod.spec.nodeName || '<none>', {
    wide: true,
  }),
  column<corev1.Pod>(
    'Nominated Node',
    'Node that is being made free for the pod.',
    (pod) => pod.status?.nominatedNodeName || '<none>',
    { wide: true },
  ),
  column<corev1.Pod>('Readiness Gates', 'How many readiness gates are met.', readinessGates, { wide: true }),
];

/** Marks rows of pods that have ended, as upstream's printer does. */
export function podRowConditions(pod: corev1.Pod) {
  if (pod.status?.phase === 'Succeeded') {
    return [
      {
        type: 'Completed',
        status: 'True',
        reason: 'Succeeded',
        message: 'The pod has completed successfully.',
      },
    ];
  }
  if (pod.status?.phase === 'Failed') {
    return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
  }
  return undefined;
}
