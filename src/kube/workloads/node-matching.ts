import type { corev1 } from '../types/index.generated.ts';

/** What of a node a pod can ask for. */
export interface NodeIdentity {
  name: string;
  labels: Readonly<Record<string, string>>;
}

/** Whether the node has what the pod's nodeSelector and required node affinity ask for. */
export function matchesNode(pod: corev1.Pod, node: NodeIdentity): boolean {
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {}))
    if (node.labels[key] !== value) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return (required.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node));
}

/** A term without any expression matches nothing. */
export function matchesTerm(term: corev1.NodeSelectorTerm, node: NodeIdentity): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    expressions.every((expression) => matchesRequirement(expression, node.labels)) &&
    fields.every((field) => matchesRequirement(field, { 'metadata.name': node.name }))
  );
}

function matchesRequirement(
  { key, operator, values = [] }: corev1.NodeSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return integer(value) > integer(values[0]);
    case 'Lt':
      return integer(value) < integer(values[0]);
    default:
      return false;
  }
}

/** NaN, which no comparison holds for, when it is no integer. */
function integer(text: string | undefined): number {
  return text !== undefined && /^-?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
}

/** Whether one of the tolerations puts up with the taint; core/v1 Toleration.ToleratesTaint. */
export function tolerates(tolerations: readonly corev1.Toleration[], taint: corev1.Taint): boolean {
  return tolerations.some(({ key, operator, value, effect }) => {
    if (effect && effect !== taint.effect) return false;
    if (key && key !== taint.key) return false;
    if (operator === 'Exists') return true;
    return key && (operator === undefined || operator === 'Equal' || operator === '')
      ? (value ?? '') === (taint.value ?? '')
      : false;
  });
}

/** The first taint that keeps a pod with these tolerations off the node. */
export function untolerated(
  taints: readonly corev1.Taint[],
  tolerations: readonly corev1.Toleration[],
): corev1.Taint | undefined {
  return taints.find((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(tolerations, taint));
}
