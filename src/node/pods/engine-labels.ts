import { createHash } from 'node:crypto';
import type { ContainerResources, ContainerState } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';

/**
 * What a container of the engine has to remember about its pod, as the kubelet's labels and annotations do
 * for a CRI runtime: with these alone a new node process takes up where a dead one stopped.
 */
export const labelNames = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  terminationMessageFile: 'io.kubernetes.container.terminationMessageFile',
  backOffMs: 'io.orrery.container.backOffMs',
  managedBy: 'io.orrery.managed-by',
} as const;

/** On every container the node made: the engine may hold others. */
export const managedBy = 'orrery-node';

/** Hash of the part of a container's spec whose change means a restart: its image. */
export function containerHash(container: corev1.Container): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image]))
    .digest('hex')
    .slice(0, 8);
}

/** One incarnation of a container of a pod, as the engine holds it. */
export interface ObservedContainer {
  id: string;
  name: string;
  /** `created` only between our create and our start, or when this process died in between. */
  status: ContainerState['status'];
  restartCount: number;
  hash: string;
  /** How long to wait before the next start if this incarnation ends early. */
  backOffMs: number;
  image: string;
  imageId: string;
  createdAtMs: number;
  startedAtMs?: number;
  finishedAtMs?: number;
  exitCode?: number;
  oomKilled: boolean;
  error?: string;
  logPath: string;
  /** Its limits, as last given to the engine. */
  resources?: ContainerResources;
  terminationMessageFile?: string;
  terminationMessagePolicy?: string;
}

/** undefined for a container that the node did not make. */
export function observe(state: ContainerState): (ObservedContainer & { podUid: string }) | undefined {
  const labels = state.labels;
  const podUid = labels[labelNames.podUid];
  const name = labels[labelNames.containerName];
  if (labels[labelNames.managedBy] !== managedBy || podUid === undefined || name === undefined)
    return undefined;
  const failedStart = state.status === 'created' && state.error !== undefined;
  const finishedAt = state.finishedAt ?? (failedStart ? state.createdAt : undefined);
  return {
    podUid,
    id: state.id,
    name,
    status: failedStart ? 'exited' : state.status,
    restartCount: Number(labels[labelNames.restartCount] ?? 0),
    hash: labels[labelNames.hash] ?? '',
    backOffMs: Number(labels[labelNames.backOffMs] ?? 0),
    image: state.image,
    imageId: state.imageId,
    createdAtMs: Date.parse(state.createdAt),
    ...(state.startedAt !== undefined && { startedAtMs: Date.parse(state.startedAt) }),
    ...(finishedAt !== undefined && { finishedAtMs: Date.parse(finishedAt) }),
    ...(state.exitCode !== undefined ? { exitCode: state.exitCode } : failedStart ? { exitCode: 128 } : {}),
    oomKilled: state.oomKilled,
    ...(state.error !== undefined && { error: state.error }),
    logPath: state.logPath,
    ...(state.resources !== undefined && { resources: state.resources }),
    ...(labels[labelNames.terminationMessageFile] !== undefined && {
      terminationMessageFile: labels[labelNames.terminationMessageFile]!,
    }),
    ...(labels[labelNames.terminationMessagePolicy] !== undefined && {
      terminationMessagePolicy: labels[labelNames.terminationMessagePolicy]!,
    }),
  };
}

/** Newest first. */
export function incarnations(observed: readonly ObservedContainer[], name: string): ObservedContainer[] {
  return observed
    .filter((container) => container.name === name)
    .sort((a, b) => b.restartCount - a.restartCount || b.createdAtMs - a.createdAtMs);
}
