import {
  CLUSTER_ANNOTATION,
  claimNameOf,
  type corev1,
  heldPodRequests,
  labelSelectorAsSelector,
  type metav1,
  podCondition,
  ROOT_WORKSPACE,
  type Selector,
} from '../../kube/index.ts';

/** Amounts of resources: cpu in thousandths, everything else in whole units (bytes, devices). */
export type Amounts = Readonly<Record<string, number>>;

export interface AffinityTerm {
  topologyKey: string;
  matches(other: PodFacts, namespaceLabels: NamespaceLabels): boolean;
}

export interface WeightedAffinityTerm extends AffinityTerm {
  weight: number;
}

export interface SpreadConstraint {
  maxSkew: number;
  topologyKey: string;
  minDomains: number;
  selector: Selector;
  honorAffinity: boolean;
  honorTaints: boolean;
}

export interface HostPort {
  ip: string;
  protocol: string;
  port: number;
}

/** The labels of a namespace, by `workspace|namespace`. */
export type NamespaceLabels = (namespaceKey: string) => Record<string, string> | undefined;

/** All that placing a pod, or placing others beside it, needs to know; worked out once a pod. */
export interface PodFacts {
  pod: corev1.Pod;
  uid: string;
  /** `workspace|namespace`. */
  namespaceKey: string;
  labels: Record<string, string>;
  priority: number;
  terminating: boolean;
  requests: Amounts;
  /** For scores: a container that asks for nothing counts as 100m and 200Mi. */
  scoredRequests: { cpu: number; memory: number };
  hostPorts: readonly HostPort[];
  tolerations: readonly corev1.Toleration[];
  requiredAffinity: readonly AffinityTerm[];
  requiredAntiAffinity: readonly AffinityTerm[];
  preferredAffinity: readonly WeightedAffinityTerm[];
  preferredAntiAffinity: readonly WeightedAffinityTerm[];
  hardSpread: readonly SpreadConstraint[];
  softSpread: readonly SpreadConstraint[];
  /** The object that manages the pod: its siblings are spread by default. */
  controllerUid: string | undefined;
  images: readonly string[];
  /** When it began to run; Infinity when it has not: of equals the youngest is let go first. */
  startTimeMs: number;
  /** It goes because the scheduler made room for another. */
  isPreempted: boolean;
  /** Claims its volumes stand for. */
  claims: readonly { name: string; isEphemeral: boolean }[];
}

/** The nodes are the first workspace's: pods of others are not placed on them, nor counted there. */
export function seesNodes({ namespaceKey }: Pick<PodFacts, 'namespaceKey'>): boolean {
  return namespaceKey.startsWith(`${ROOT_WORKSPACE}|`);
}

const DEFAULT_MILLI_CPU = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

export function podFacts(pod: corev1.Pod): PodFacts {
  const { metadata, spec } = pod;
  const workspace = metadata.annotations?.[CLUSTER_ANNOTATION] ?? ROOT_WORKSPACE;
  const labels = metadata.labels ?? {};
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms = (list: readonly corev1.PodAffinityTerm[] | undefined) =>
    (list ?? []).map((term) => affinityTerm(term, workspace, metadata.namespace ?? '', labels));
  const weighted = (list: readonly corev1.WeightedPodAffinityTerm[] | undefined) =>
    (list ?? []).map(({ weight, podAffinityTerm }) => ({
      ...affinityTerm(podAffinityTerm, workspace, metadata.namespace ?? '', labels),
      weight,
    }));
  const spread = (whenUnsatisfiable: string) =>
    (spec.topologySpreadConstraints ?? [])
      .filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable)
      .map((constraint) => spreadConstraint(constraint, labels));
  const requests = amounts(heldPodRequests(pod));
  return {
    pod,
    uid: metadata.uid,
    namespaceKey: `${workspace}|${metadata.namespace ?? ''}`,
    labels,
    priority: spec.priority ?? 0,
    terminating: metadata.deletionTimestamp !== undefined,
    requests,
    scoredRequests: scoredRequests(pod, requests),
    hostPorts: hostPorts(pod),
    tolerations: spec.tolerations ?? [],
    requiredAffinity: terms(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: terms(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredAffinity: weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    hardSpread: spread('DoNotSchedule'),
    softSpread: spread('ScheduleAnyway'),
    controllerUid: metadata.ownerReferences?.find((reference) => reference.controller === true)?.uid,
    images: spec.containers.map((container) => normalizedImage(container.image ?? '')),
    startTimeMs: pod.status?.startTime === undefined ? Infinity : Date.parse(pod.status.startTime),
    isPreempted: metadata.deletionTimestamp !== undefined && wasPreempted(pod),
    claims: (spec.volumes ?? []).flatMap((volume) => {
      const name = claimNameOf(pod, volume);
      return name === undefined ? [] : [{ name, isEphemeral: volume.ephemeral !== undefined }];
    }),
  };
}

function wasPreempted(pod: corev1.Pod): boolean {
  const condition = podCondition(pod, 'DisruptionTarget');
  return condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

/** Quantities as plain numbers. */
export function amounts(
  quantities: Record<string, { value(): number; milliValue(): number }>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(quantities).map(([name, quantity]) => [
      name,
      name === 'cpu' ? quantity.milliValue() : quantity.value(),
    ]),
  );
}

function scoredRequests(pod: corev1.Pod, requests: Amounts): { cpu: number; memory: number } {
  let cpu = requests.cpu ?? 0;
  let memory = requests.memory ?? 0;
  for (const { resources } of pod.spec.containers) {
    if (resources?.requests?.cpu === undefined) cpu += DEFAULT_MILLI_CPU;
    if (resources?.requests?.memory === undefined) memory += DEFAULT_MEMORY_BYTES;
  }
  return { cpu, memory };
}

function hostPorts(pod: corev1.Pod): HostPort[] {
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  return [...pod.spec.containers, ...sidecars]
    .flatMap((container) => container.ports ?? [])
    .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
    .map(({ hostIP, protocol, hostPort }) => ({
      ip: hostIP || '0.0.0.0',
      protocol: protocol ?? 'TCP',
      port: hostPort!,
    }));
}

function affinityTerm(
  term: corev1.PodAffinityTerm,
  workspace: string,
  ownNamespace: string,
  labels: Record<string, string>,
): AffinityTerm {
  const selector = labelSelectorAsSelector(
    withLabelKeys(term.labelSelector, labels, term.matchLabelKeys, term.mismatchLabelKeys),
  );
  const named = term.namespaces ?? [];
  const own = named.length === 0 && term.namespaceSelector === undefined ? [ownNamespace] : named;
  const namespaces = new Set(own.map((namespace) => `${workspace}|${namespace}`));
  const byLabels = labelSelectorAsSelector(term.namespaceSelector);
  return {
    topologyKey: term.topologyKey,
    matches: (other, namespaceLabels) =>
      selector.matches(other.labels) &&
      (namespaces.has(other.namespaceKey) ||
        (other.namespaceKey.startsWith(`${workspace}|`) &&
          byLabels.matches(namespaceLabels(other.namespaceKey)))),
  };
}

function spreadConstraint(
  constraint: corev1.TopologySpreadConstraint,
  labels: Record<string, string>,
): SpreadConstraint {
  const { maxSkew, topologyKey, minDomains, labelSelector, matchLabelKeys } = constraint;
  return {
    maxSkew,
    topologyKey,
    minDomains: minDomains ?? 1,
    selector: labelSelectorAsSelector(withLabelKeys(labelSelector, labels, matchLabelKeys, [])),
    honorAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
    honorTaints: constraint.nodeTaintsPolicy === 'Honor',
  };
}

/** The selector with the pod's own values of `matchLabelKeys` (and not those of `mismatchLabelKeys`) asked for. */
function withLabelKeys(
  selector: metav1.LabelSelector | undefined,
  labels: Record<string, string>,
  match: readonly string[] | undefined,
  mismatch: readonly string[] | undefined,
): metav1.LabelSelector | undefined {
  if (selector === undefined) return undefined;
  const expressions = (keys: readonly string[] | undefined, operator: 'In' | 'NotIn') =>
    (keys ?? [])
      .filter((key) => Object.hasOwn(labels, key))
      .map((key) => ({ key, operator, values: [labels[key]!] }));
  const more = [...expressions(match, 'In'), ...expressions(mismatch, 'NotIn')];
  return more.length === 0
    ? selector
    : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...more] };
}

/** `nginx` is `nginx:latest`; a digest or a tag stays. */
export function normalizedImage(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
