import type { SpecPart } from '../resource.ts';
import type { corev1 } from '../types/index.generated.ts';
import { validateEphemeralContainersUpdate } from '../validation/ephemeral-containers.ts';
import { validatePodResize } from '../validation/pod-resize.ts';
import { validatePod } from '../validation/pods.ts';

/** Parts of a pod's spec that change through subresources of their own; k8s.io/kubernetes/pkg/registry/core/pod/strategy.go. */
export const podSpecParts: Readonly<Record<string, SpecPart>> = {
  ephemeralcontainers: {
    specOf: (object, old) => {
      const [pod, before] = [object as corev1.Pod, old as corev1.Pod];
      const { ephemeralContainers: _, ...spec } = before.spec;
      const { ephemeralContainers } = pod.spec;
      return { ...spec, ...(ephemeralContainers !== undefined && { ephemeralContainers }) };
    },
    validateUpdate: (object, old) => [
      ...validatePod(object as corev1.Pod),
      ...validateEphemeralContainersUpdate(object as corev1.Pod, old as corev1.Pod),
    ],
  },
  resize: {
    specOf: (object, old) => resized(object as corev1.Pod, old as corev1.Pod),
    validateUpdate: (object, old) => [
      ...validatePod(object as corev1.Pod),
      ...validatePodResize(object as corev1.Pod, old as corev1.Pod),
    ],
  },
};

/** The old spec with the new resources and resize policies, container by container of the same name. */
function resized(pod: corev1.Pod, old: corev1.Pod): corev1.PodSpec {
  const list = (name: 'containers' | 'initContainers') =>
    (old.spec[name] ?? []).map((before) => {
      const now = pod.spec[name]?.find((one) => one.name === before.name);
      if (now === undefined) return before;
      const { resources: _, resizePolicy: __, ...rest } = before;
      return {
        ...rest,
        ...(now.resources !== undefined && { resources: now.resources }),
        ...(now.resizePolicy !== undefined && { resizePolicy: now.resizePolicy }),
      };
    });
  return {
    ...old.spec,
    containers: list('containers'),
    ...(old.spec.initContainers !== undefined && { initContainers: list('initContainers') }),
  };
}
