import type { appsv1 } from '../../kube/index.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** A Deployment's annotations that its ReplicaSets do not get: they say something about the Deployment. */
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);
const MAX_HISTORY_LENGTH = 2000;

type Annotations = Record<string, string>;

/** The revision a ReplicaSet stands for; 0 when it says none. `kubectl rollout undo` goes by it. */
export function revisionOf(replicaSet: appsv1.ReplicaSet): number {
  const revision = Number(replicaSet.metadata.annotations?.[REVISION] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

export function nextRevision(old: readonly appsv1.ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

/**
 * The annotations a Deployment's newest ReplicaSet should have: the Deployment's own (without those about
 * itself), its revision, and the revisions it stood for before a rollback brought it back.
 */
export function newestAnnotations(
  deployment: appsv1.Deployment,
  current: Annotations | undefined,
  revision: number,
): Annotations {
  const annotations: Annotations = { ...current };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {}))
    if (!NOT_COPIED.has(name)) annotations[name] = value;
  const before = annotations[REVISION];
  if (Number(before ?? 0) >= revision) return annotations;
  annotations[REVISION] = String(revision);
  if (before !== undefined) annotations[REVISION_HISTORY] = history(annotations[REVISION_HISTORY], before);
  return annotations;
}

function history(known: string | undefined, revision: string): string {
  const revisions = known === undefined || known === '' ? [] : known.split(',');
  revisions.push(revision);
  while (revisions.join(',').length > MAX_HISTORY_LENGTH) revisions.shift();
  return revisions.join(',');
}

/** How many replicas the Deployment wants, and may have with its surge: for proportional scaling later. */
export function replicasAnnotations(desired: number, max: number): Annotations {
  return { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(max) };
}

export function numberAnnotation(replicaSet: appsv1.ReplicaSet, name: string): number | undefined {
  const text = replicaSet.metadata.annotations?.[name];
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}
