import type { corev1 } from '../../kube/index.ts';

/** The resources a node has granted each container of a pod, init containers too, by name. */
export type Allocation = ReadonlyMap<string, corev1.ResourceRequirements | undefined>;

/** Why a pod keeps what it has: reason and message of the condition PodResizePending. */
export interface ResizePending {
  reason: 'Deferred' | 'Infeasible';
  message: string;
}

export function allocationOf({ spec }: corev1.Pod): Allocation {
  return new Map(
    [...(spec.initContainers ?? []), ...spec.containers].map(({ name, resources }) => [name, resources]),
  );
}

/** The pod with what was granted in place of what is asked; a container nobody knows of keeps its own. */
export function withAllocation(pod: corev1.Pod, allocation: Allocation): corev1.Pod {
  const granted = (containers: corev1.Container[]) =>
    containers.map((container) => {
      if (!allocation.has(container.name)) return container;
      const { resources: _, ...others } = container;
      const resources = allocation.get(container.name);
      return { ...others, ...(resources !== undefined && { resources }) };
    });
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: granted(containers),
      ...(initContainers !== undefined && { initContainers: granted(initContainers) }),
    },
  };
}

/** Whether the pod asks for anything else than it has. */
export function asksForMore(pod: corev1.Pod, allocation: Allocation): boolean {
  const text = (one: Allocation) => JSON.stringify([...one].map(([name, r]) => [name, amountsOf(r)]));
  return text(allocationOf(pod)) !== text(allocation);
}

function amountsOf(resources: corev1.ResourceRequirements | undefined): unknown {
  const sorted = (amounts: object | undefined) => Object.entries(amounts ?? {}).sort();
  return [sorted(resources?.limits), sorted(resources?.requests)];
}
