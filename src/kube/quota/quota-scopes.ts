import type { KubeObject } from '../object.ts';
import type { corev1 } from '../types/index.generated.ts';
import { podQosClass } from '../workloads/pod-qos.ts';
import type { QuotaSubject } from './quota-usage.ts';

/** Whether an object is among those a quota counts; k8s.io/apiserver/pkg/quota/v1/generic Matches. */
export function quotaMatches(
  spec: corev1.ResourceQuotaSpec | undefined,
  subject: QuotaSubject,
  object: Readonly<KubeObject>,
): boolean {
  const selectors: corev1.ScopedResourceSelectorRequirement[] = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (selectors.length === 0) return true;
  if (subject.group !== '') return false;
  if (subject.name === 'pods')
    return selectors.every((selector) => podMatches(object as corev1.Pod, selector));
  if (subject.name === 'persistentvolumeclaims')
    return selectors.every((selector) => claimMatches(object as corev1.PersistentVolumeClaim, selector));
  return false;
}

function podMatches(pod: corev1.Pod, selector: corev1.ScopedResourceSelectorRequirement): boolean {
  const { spec } = pod;
  switch (selector.scopeName) {
    case 'Terminating':
      return isTerminating(spec);
    case 'NotTerminating':
      return !isTerminating(spec);
    case 'BestEffort':
      return podQosClass(pod) === 'BestEffort';
    case 'NotBestEffort':
      return podQosClass(pod) !== 'BestEffort';
    case 'PriorityClass':
      return valueMatches(spec.priorityClassName, selector);
    case 'CrossNamespacePodAffinity':
      return reachesOtherNamespaces(spec);
    default:
      return false;
  }
}

function claimMatches(
  claim: corev1.PersistentVolumeClaim,
  selector: corev1.ScopedResourceSelectorRequirement,
): boolean {
  if (selector.scopeName !== 'VolumeAttributesClass') return false;
  const { spec, status } = claim;
  // A claim that changes its class counts in both.
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter(Boolean);
  if (names.length === 0) return valueMatches(undefined, selector);
  return names.some((name) => valueMatches(name, selector));
}

function valueMatches(
  value: string | undefined,
  { operator, values = [] }: corev1.ScopedResourceSelectorRequirement,
): boolean {
  switch (operator) {
    case 'In':
      return values.includes(value ?? '');
    case 'NotIn':
      return !values.includes(value ?? '');
    case 'DoesNotExist':
      return !value;
    default:
      return Boolean(value);
  }
}

function isTerminating({ activeDeadlineSeconds }: corev1.PodSpec): boolean {
  return activeDeadlineSeconds !== undefined && activeDeadlineSeconds >= 0;
}

function reachesOtherNamespaces({ affinity }: corev1.PodSpec): boolean {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].some((one) =>
    [
      ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
    ].some((term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined),
  );
}
