import { type corev1, matchesNode, tolerates } from '../../kube/index.ts';

const NO_SCHEDULE = ['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'];
const NO_EXECUTE = ['not-ready', 'unreachable'];

function toleration(name: string, effect: string): corev1.Toleration {
  return { key: `node.kubernetes.io/${name}`, operator: 'Exists', effect };
}

/** The template's tolerations and those every daemon has: it stays on a node that is not well. */
export function daemonTolerations(spec: corev1.PodSpec): corev1.Toleration[] {
  const added = [
    ...NO_EXECUTE.map((name) => toleration(name, 'NoExecute')),
    ...NO_SCHEDULE.map((name) => toleration(name, 'NoSchedule')),
    ...(spec.hostNetwork === true ? [toleration('network-unavailable', 'NoSchedule')] : []),
  ];
  const own = spec.tolerations ?? [];
  const isNew = ({ key, effect }: corev1.Toleration) =>
    !own.some((one) => one.key === key && one.effect === effect && one.operator === 'Exists');
  return [...own, ...added.filter(isNew)];
}

/**
 * Whether a daemon is to be started on the node, and whether one that is there may stay: a NoSchedule taint keeps
 * new ones off only.
 *
 * @see k8s.io/kubernetes/pkg/controller/daemon/daemon_controller.go NodeShouldRunDaemonPod
 */
export function nodeVerdict(
  template: corev1.PodTemplateSpec,
  node: corev1.Node,
): { shouldRun: boolean; mayStay: boolean } {
  const { spec } = template;
  const identity = { name: node.metadata.name, labels: node.metadata.labels ?? {} };
  const pod = { metadata: template.metadata, spec } as unknown as corev1.Pod;
  const named = !spec.nodeName || spec.nodeName === node.metadata.name;
  if (!named || !matchesNode(pod, identity)) return { shouldRun: false, mayStay: false };
  const tolerations = daemonTolerations(spec);
  const taints = (node.spec?.taints ?? []).filter((taint) => !tolerates(tolerations, taint));
  return {
    shouldRun: taints.every(({ effect }) => effect === 'PreferNoSchedule'),
    mayStay: taints.every(({ effect }) => effect !== 'NoExecute'),
  };
}

/** The node a daemon is on or on its way to. */
export function nodeOf({ spec }: corev1.Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const { matchFields } of terms)
    for (const { key, operator, values } of matchFields ?? [])
      if (key === 'metadata.name' && operator === 'In' && values?.length === 1) return values[0];
  return undefined;
}

/** The spec of the daemon of one node: the scheduler puts it there and nowhere else. */
export function specForNode(spec: corev1.PodSpec, node: string): corev1.PodSpec {
  const field = { key: 'metadata.name', operator: 'In', values: [node] };
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = required?.nodeSelectorTerms ?? [];
  const nodeSelectorTerms =
    terms.length === 0
      ? [{ matchFields: [field] }]
      : // Upstream replaces the fields and keeps the expressions.
        terms.map((term) => ({ ...term, matchFields: [field] }));
  return {
    ...spec,
    tolerations: daemonTolerations(spec),
    affinity: {
      ...spec.affinity,
      nodeAffinity: {
        ...spec.affinity?.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
      },
    },
  };
}
