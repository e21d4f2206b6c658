import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { podQosClass } from '../workloads/pod-qos.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid } from './field-errors.ts';

/** core ValidatePodResize: what `pods/resize` may change. */

type Container = corev1.Container;

const RESIZABLE = ['cpu', 'memory'];
const ONLY_CPU_AND_MEMORY = 'only cpu and memory resources are mutable';
const ONLY_OF_SIDECARS = 'only cpu and memory resources for sidecar containers are mutable';

export function validatePodResize(pod: corev1.Pod, old: corev1.Pod): FieldError[] {
  if (hasPodLevelResources(pod) || hasPodLevelResources(old))
    return [forbidden('', 'pods with pod-level resources cannot be resized')];
  if (old.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')];
  const errors: FieldError[] = [];
  if (podQosClass(pod) !== podQosClass(old)) {
    const why = 'Pod QOS Class may not change as a result of resizing';
    errors.push(invalid('spec', pod.status?.qosClass ?? '', why));
  }
  if (!isSupportedThere(old)) {
    errors.push(forbidden('spec', 'Pod running on node without support for resize'));
  }
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, before] of (old.spec[list] ?? []).entries()) {
      const now = pod.spec[list]?.[index];
      if (now !== undefined) append(errors, validateContainer(now, before, `spec.${list}[${index}]`));
    }
  }
  return errors;
}

function hasPodLevelResources({ spec }: corev1.Pod): boolean {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  return Object.keys(requests).length + Object.keys(limits).length > 0;
}

/** A node that can resize says what its running containers have. */
function isSupportedThere({ status }: corev1.Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

function validateContainer(now: Container, before: Container, field: string): FieldError[] {
  const isInit = field.startsWith('spec.initContainers');
  if (isInit && before.restartPolicy !== 'Always') {
    if (semanticallyEqual(now, before)) return [];
    return [forbidden('spec', 'resources for non-sidecar init containers are immutable')];
  }
  const errors: FieldError[] = [];
  for (const kind of ['requests', 'limits'] as const) {
    const removed = Object.keys(before.resources?.[kind] ?? {}).some(
      (name) => now.resources?.[kind]?.[name] === undefined,
    );
    if (removed) errors.push(forbidden(`${field}.resources.${kind}`, `resource ${kind} cannot be removed`));
  }
  if (!semanticallyEqual(withoutResizable(now), withoutResizable(before)))
    errors.push(forbidden('spec', isInit ? ONLY_OF_SIDECARS : ONLY_CPU_AND_MEMORY));
  return errors;
}

function withoutResizable(container: Container): Container {
  const others = (amounts: Record<string, string | number> | undefined) => {
    const kept = Object.entries(amounts ?? {}).filter(([name]) => !RESIZABLE.includes(name));
    return Object.fromEntries(kept);
  };
  const { limits, requests, ...more } = container.resources ?? {};
  return {
    ...container,
    resizePolicy: [],
    resources: { ...more, limits: others(limits), requests: others(requests) },
  };
}
