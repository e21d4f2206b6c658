import { type corev1, matchesNode, tolerates, untolerated } from '../../../kube/index.ts';
import { type Filter, unresolvable } from '../filter.ts';

const UNSCHEDULABLE_TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** `kubectl cordon`. */
export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  prepare: (pod) =>
    tolerates(pod.tolerations, UNSCHEDULABLE_TAINT)
      ? undefined
      : ({ node }) =>
          node.spec?.unschedulable === true ? unresolvable('node(s) were unschedulable') : undefined,
};

export const nodeName: Filter = {
  name: 'NodeName',
  prepare: ({ pod }) =>
    pod.spec.nodeName
      ? (node) =>
          node.name === pod.spec.nodeName
            ? undefined
            : unresolvable("node(s) didn't match the requested node name")
      : undefined,
};

export const taintToleration: Filter = {
  name: 'TaintToleration',
  prepare: (pod) => (node) => {
    const taint = untolerated(node.taints, pod.tolerations);
    return taint && unresolvable('node(s) had untolerated taint(s)');
  },
};

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  before: (pod) => (namedNodes(pod.pod)?.size === 0 ? 'pod affinity terms conflict' : undefined),
  restrict: (pod) => namedNodes(pod.pod),
  prepare: ({ pod }) =>
    pod.spec.nodeSelector === undefined && pod.spec.affinity?.nodeAffinity === undefined
      ? undefined
      : (node) =>
          matchesNode(pod, node)
            ? undefined
            : unresolvable("node(s) didn't match Pod's node affinity/selector"),
};

/** The nodes that required affinity names (a DaemonSet's pods do); undefined when one of its terms names none. */
function namedNodes(pod: corev1.Pod): ReadonlySet<string> | undefined {
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const lists = matchFields
      .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
      .map(({ values = [] }) => values);
    const [first, ...others] = lists;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((list) => list.includes(name))) names.add(name);
  }
  return names;
}
