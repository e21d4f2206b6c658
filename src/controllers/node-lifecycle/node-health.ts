import type { corev1 } from '../../kube/index.ts';
import { kubeTime } from '../context.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

type Taint = corev1.Taint;

const SILENT_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** Conditions of a node and the NoSchedule taints they mean. */
const CONDITION_TAINTS: Record<string, Partial<Record<string, string>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
};
const MANAGED_NO_SCHEDULE = new Set([
  UNSCHEDULABLE,
  ...Object.values(CONDITION_TAINTS).flatMap((byStatus) => Object.values(byStatus)),
]);

export function readyStatus(node: corev1.Node): 'True' | 'False' | 'Unknown' {
  const status = node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}

/** The conditions of a node that has been silent for too long; undefined when they say so already. */
export function silentConditions(node: corev1.Node, nowMs: number): corev1.NodeCondition[] | undefined {
  const current = node.status?.conditions ?? [];
  const time = kubeTime(nowMs);
  const silent = SILENT_CONDITIONS.map((type): corev1.NodeCondition => {
    const known = current.find((condition) => condition.type === type);
    if (known?.status === 'Unknown') return known;
    return known === undefined
      ? {
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastHeartbeatTime: node.metadata.creationTimestamp,
          lastTransitionTime: time,
        }
      : {
          ...known,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: time,
        };
  });
  if (silent.every((condition) => current.includes(condition))) return undefined;
  return [...current.filter((condition) => !SILENT_CONDITIONS.includes(condition.type)), ...silent];
}

/** The NoSchedule taints that follow from the node's conditions and from cordoning. */
export function noScheduleTaints(node: corev1.Node): string[] {
  const keys = (node.status?.conditions ?? [])
    .map(({ type, status }) => CONDITION_TAINTS[type]?.[status])
    .filter((key) => key !== undefined);
  return node.spec?.unschedulable === true ? [...keys, UNSCHEDULABLE] : keys;
}

/** The NoExecute taint that drives pods off the node, if its state asks for one. */
export function noExecuteTaint(node: corev1.Node): string | undefined {
  const status = readyStatus(node);
  if (status === 'True') return undefined;
  return status === 'False' ? NOT_READY : UNREACHABLE;
}

/**
 * The node's taints as they should be; undefined when they are. `noExecute` undefined: the node's NoExecute
 * taint stays as it is (its turn has not come), '' takes it off.
 */
export function nextTaints(
  node: corev1.Node,
  noExecute: string | undefined,
  nowMs: number,
): Taint[] | undefined {
  const current = node.spec?.taints ?? [];
  const timeAdded = kubeTime(nowMs);
  const noSchedule = noScheduleTaints(node);
  const managesExecution = (taint: Taint) =>
    taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE);
  const kept = current.filter((taint) => {
    if (taint.effect === 'NoSchedule' && MANAGED_NO_SCHEDULE.has(taint.key))
      return noSchedule.includes(taint.key);
    if (noExecute !== undefined && managesExecution(taint)) return taint.key === noExecute;
    return true;
  });
  const has = (key: string, effect: string) =>
    kept.some((taint) => taint.key === key && taint.effect === effect);
  const added: Taint[] = noSchedule
    .filter((key) => !has(key, 'NoSchedule'))
    .map((key) => ({ key, effect: 'NoSchedule', timeAdded }));
  if (noExecute && !has(noExecute, 'NoExecute'))
    added.push({ key: noExecute, effect: 'NoExecute', timeAdded });
  return added.length === 0 && kept.length === current.length ? undefined : [...kept, ...added];
}

/** Upstream's defaults: one node every ten seconds, a tenth of that in a large zone that is mostly down. */
const EVICTION_PER_SECOND = 0.1;
const SLOW_EVICTION_PER_SECOND = 0.01;
const LARGE_ZONE = 50;
const UNHEALTHY_SHARE = 0.55;

/**
 * How many nodes a second of one zone may be given up. None, when the whole cluster is not ready: then it is
 * more likely that we are cut off than that all of them died.
 */
export function evictionRate(zone: readonly corev1.Node[], all: readonly corev1.Node[]): number {
  const isReady = (node: corev1.Node) => readyStatus(node) === 'True';
  if (!all.some(isReady)) return 0;
  const notReady = zone.filter((node) => !isReady(node)).length;
  if (notReady <= 2 || notReady / zone.length < UNHEALTHY_SHARE || notReady === zone.length)
    return EVICTION_PER_SECOND;
  return zone.length > LARGE_ZONE ? SLOW_EVICTION_PER_SECOND : 0;
}

export function zoneOf(node: corev1.Node): string {
  const labels = node.metadata.labels ?? {};
  return `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`;
}
