import { STATEFUL_SETS } from '../../client/index.ts';
import type { appsv1, corev1, metav1 } from '../../kube/index.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { ordinalOf } from './stateful-pods.ts';

/**
 * Whose a claim is, so that it goes when persistentVolumeClaimRetentionPolicy says: the set's (with it), its pod's (when
 * that is scaled away), or nobody's.
 *
 * @returns undefined when it stands already, or somebody else controls the claim
 * @see k8s.io/kubernetes/pkg/controller/statefulset updateClaimOwnerRefForSetAndPod
 */
export function claimOwners(
  set: appsv1.StatefulSet,
  pod: corev1.Pod,
  claim: corev1.PersistentVolumeClaim,
): metav1.OwnerReference[] | undefined {
  const before = claim.metadata.ownerReferences ?? [];
  const own = new Set([set.metadata.uid, pod.metadata.uid]);
  if (before.some(({ controller, uid }) => controller === true && !own.has(uid))) return undefined;
  const wanted = ownerOf(set, pod);
  const present = before.filter(({ uid }) => own.has(uid));
  const stands =
    wanted === undefined
      ? present.length === 0
      : present.length === 1 && present[0]!.uid === wanted.uid && present[0]!.controller === true;
  if (stands) return undefined;
  const others = before.filter(({ uid }) => !own.has(uid));
  return wanted === undefined ? others : [...others, wanted];
}

function ownerOf(set: appsv1.StatefulSet, pod: corev1.Pod): metav1.OwnerReference | undefined {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const start = set.spec.ordinals?.start ?? 0;
  const ordinal = ordinalOf(set, pod) ?? 0;
  const isScaledAway = ordinal < start || ordinal >= start + (set.spec.replicas ?? 1);
  if (whenScaled === 'Delete' && isScaledAway) {
    const { name, uid } = pod.metadata;
    return { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
  }
  return whenDeleted === 'Delete' ? controllerRefTo(set, STATEFUL_SETS) : undefined;
}
