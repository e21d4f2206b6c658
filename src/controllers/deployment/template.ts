import { type appsv1, type corev1, semanticallyEqual } from '../../kube/index.ts';
import { oldestFirst } from './replica-counts.ts';

export const POD_TEMPLATE_HASH = 'pod-template-hash';

/** The ReplicaSet whose template is the Deployment's (but for the hash label); the oldest, if several are. */
export function findNewest(
  deployment: appsv1.Deployment,
  replicaSets: readonly appsv1.ReplicaSet[],
): appsv1.ReplicaSet | undefined {
  return oldestFirst(replicaSets).find((replicaSet) =>
    sameTemplate(replicaSet.spec.template, deployment.spec.template),
  );
}

export function sameTemplate(
  a: corev1.PodTemplateSpec | undefined,
  b: corev1.PodTemplateSpec | undefined,
): boolean {
  return semanticallyEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: corev1.PodTemplateSpec | undefined): unknown {
  if (template?.metadata?.labels?.[POD_TEMPLATE_HASH] === undefined) return template;
  const { [POD_TEMPLATE_HASH]: _, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}
