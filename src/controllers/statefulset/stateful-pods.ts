import { STATEFUL_SETS } from '../../client/index.ts';
import { type appsv1, type corev1, type Draft, isPodReady } from '../../kube/index.ts';
import { templateOf } from '../history/revisions.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { podFromTemplate } from '../ownership/pods-from-template.ts';

export const REVISION_LABEL = 'controller-revision-hash';
const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

/** The ordinal in `web-3`; undefined when the pod is not one of the set's by name. */
export function ordinalOf(set: appsv1.StatefulSet, pod: corev1.Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const text = pod.metadata.name.slice(prefix.length);
  return pod.metadata.name.startsWith(prefix) && /^(0|[1-9][0-9]*)$/.test(text) ? Number(text) : undefined;
}

export function revisionOf(pod: corev1.Pod): string {
  return pod.metadata.labels?.[REVISION_LABEL] ?? '';
}

export function isRunningAndReady(pod: corev1.Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

function claimName(template: corev1.PersistentVolumeClaim, set: appsv1.StatefulSet, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The pod of an ordinal at a revision: its name, its host name and its claims never change. */
export function draftPod(
  set: appsv1.StatefulSet,
  revision: appsv1.ControllerRevision,
  ordinal: number,
): Draft<corev1.Pod> {
  const name = `${set.metadata.name}-${ordinal}`;
  const draft = podFromTemplate(set, STATEFUL_SETS, templateOf(revision), {
    name,
    labels: {
      [REVISION_LABEL]: revision.metadata.name,
      [POD_NAME_LABEL]: name,
      [POD_INDEX_LABEL]: String(ordinal),
    },
  });
  const claims = set.spec.volumeClaimTemplates ?? [];
  const names = new Set(claims.map(({ metadata }) => metadata.name));
  const own = (draft.spec.volumes ?? []).filter((volume) => !names.has(volume.name));
  const added = claims.map((template) => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: claimName(template, set, ordinal) },
  }));
  draft.spec.hostname = name;
  if (set.spec.serviceName) draft.spec.subdomain = set.spec.serviceName;
  if (own.length + added.length > 0) draft.spec.volumes = [...own, ...(added as corev1.Volume[])];
  return draft;
}

/** The claims of an ordinal's pod, as they are made when they are not there. */
export function draftClaims(set: appsv1.StatefulSet, ordinal: number): Draft<corev1.PersistentVolumeClaim>[] {
  const goes = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    metadata: {
      name: claimName(template, set, ordinal),
      namespace: set.metadata.namespace!,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      ...(template.metadata.annotations && { annotations: template.metadata.annotations }),
      ...(goes && { ownerReferences: [{ ...controllerRefTo(set, STATEFUL_SETS), controller: true }] }),
    },
    spec: template.spec,
  }));
}
