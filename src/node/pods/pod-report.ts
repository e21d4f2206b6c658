import { messageOf } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { readTerminationMessage } from '../containers/termination-message.ts';
import { resizeNeed } from './container-resize.ts';
import type { ObservedContainer } from './engine-labels.ts';
import { podAddresses } from './pod-ground.ts';
import type { PodRecord } from './pod-record.ts';
import { computePodStatus } from './pod-status.ts';

const ownConditions = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'PodResizePending',
  'PodResizeInProgress',
]);

/** Works the pod's status out anew and has it written. */
export async function reportPod(record: PodRecord, { finished }: { finished: boolean }): Promise<void> {
  await readLastWords(record);
  const { failure, pod, resizeError, resizePending, sandbox, services } = record;
  const { startTimeMs, terminationMessages, uid, waiting } = record;
  const { clock, containers, hostIPs, prober, statuses } = services;
  record.status = computePodStatus({
    pod: { ...pod, status: statusBefore(record) },
    observed: containers.of(uid),
    probes: prober.results,
    waiting,
    terminationMessages,
    podIPs: podAddresses(services, sandbox),
    hostIPs,
    sandboxReady: sandbox !== undefined && !finished,
    startTimeMs,
    finished,
    ...(failure && { failure }),
    ...(resizePending !== undefined && { resizePending }),
    ...(resizeError !== undefined && { resizeError }),
    isResized: (container, { resources }) =>
      resizeNeed(container, resources, services.resourcesOf(pod, container)).kind === 'none',
    nowMs: clock.now(),
  });
  statuses.write(pod, record.status);
}

/**
 * Whether somebody else (the node lifecycle controller) has written into `pod` what is this node's to say.
 * An echo of an older write of ours carries an older transition time.
 */
export function isContradicted(record: PodRecord, pod: corev1.Pod): boolean {
  const own = record.status?.conditions?.find(({ type }) => type === 'Ready');
  const shown = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  if (own?.status !== 'True' || shown === undefined || shown.status === own.status) return false;
  return Date.parse(shown.lastTransitionTime ?? '') > Date.parse(own.lastTransitionTime ?? '');
}

/** Our own conditions as last worked out, those of others as the API has them. */
function statusBefore({ pod, status }: PodRecord): corev1.PodStatus {
  const api = pod.status ?? { initContainerStatuses: [] };
  if (status === undefined) return api;
  const own = (status.conditions ?? []).filter(({ type }) => ownConditions.has(type));
  const others = (api.conditions ?? []).filter(({ type }) => !ownConditions.has(type));
  return { ...status, conditions: [...own, ...others] };
}

async function readLastWords({ services, terminationMessages, uid }: PodRecord): Promise<void> {
  const unread = () =>
    services.containers.of(uid).find(({ id, status }) => status === 'exited' && !terminationMessages.has(id));
  // Another one may end while this one is read.
  for (let ended = unread(); ended !== undefined; ended = unread())
    terminationMessages.set(ended.id, await lastWords(ended));
}

async function lastWords(ended: ObservedContainer): Promise<string> {
  try {
    return await readTerminationMessage(ended);
  } catch (error) {
    return `Error on reading termination log ${ended.terminationMessageFile}: ${messageOf(error)}`;
  }
}
