import { matchesNode, tolerates, untolerated } from '../../../kube/index.ts';
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
    return taint && unresolvable(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  },
};

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  prepare: ({ pod }) =>
    pod.spec.nodeSelector === undefined && pod.spec.affinity?.nodeAffinity === undefined
      ? undefined
      : (node) =>
          matchesNode(pod, node)
            ? undefined
            : unresolvable("node(s) didn't match Pod's node affinity/selector"),
};
