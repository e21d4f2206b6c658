import type { ResourceRef } from '../../client/index.ts';
import type { corev1, Draft, KubeObject, metav1 } from '../../kube/index.ts';
import { controllerRefTo } from './controller-ref.ts';

/** A pod of the template, managed by `owner`; what is special about it goes on top. */
export function podFromTemplate(
  owner: KubeObject,
  resource: ResourceRef,
  template: corev1.PodTemplateSpec,
  metadata: Partial<metav1.ObjectMeta>,
): Draft<corev1.Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    metadata: {
      namespace: owner.metadata.namespace!,
      ownerReferences: [controllerRefTo(owner, resource)],
      ...metadata,
      ...((labels ?? metadata.labels) && { labels: { ...labels, ...metadata.labels } }),
      ...((annotations ?? metadata.annotations) && {
        annotations: { ...annotations, ...metadata.annotations },
      }),
      ...((finalizers ?? metadata.finalizers) && {
        finalizers: [...(finalizers ?? []), ...(metadata.finalizers ?? [])],
      }),
    },
    spec: structuredClone(template.spec),
  };
}
