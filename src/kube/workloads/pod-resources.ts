import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';
import { isRestartableInitContainer, podCondition } from './pod-conditions.ts';

export type ResourceAmounts = Record<string, Quantity>;

/** What the pod needs to be placed: k8s.io/component-helpers/resource.PodRequests. */
export function podRequests(pod: corev1.Pod): ResourceAmounts {
  return podAmounts(pod, 'requests');
}

/** What the pod may use at most; a resource that no container limits is missing. */
export function podLimits(pod: corev1.Pod): ResourceAmounts {
  return podAmounts(pod, 'limits');
}

/**
 * What the pod holds while its resources may be changed in place: the most of what it asks for, of what its node
 * allocated and of what its containers have. A resize its node has no room for, ever, does not count;
 * k8s.io/component-helpers/resource.PodRequests with UseStatusResources.
 */
export function heldPodRequests(pod: corev1.Pod): ResourceAmounts {
  return heldAmounts(pod, 'requests');
}

/** The same of limits. */
export function heldPodLimits(pod: corev1.Pod): ResourceAmounts {
  return heldAmounts(pod, 'limits');
}

function heldAmounts(pod: corev1.Pod, which: 'requests' | 'limits'): ResourceAmounts {
  const wanted = podAmounts(pod, which);
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  if (!statuses.some((status) => status.resources ?? status.allocatedResources)) return wanted;
  const isInfeasible = podCondition(pod, 'PodResizePending')?.reason === 'Infeasible';
  const asKept = (listOf: (status: corev1.ContainerStatus) => Quantities | undefined): ResourceAmounts =>
    podAmounts(pod, which, (container) => {
      const status = statuses.find(({ name }) => name === container.name);
      return (status && listOf(status)) ?? (isInfeasible ? undefined : container.resources?.[which]);
    });
  const allocated = (status: corev1.ContainerStatus) =>
    which === 'requests' ? status.allocatedResources : undefined;
  const held = asKept((status) => status.resources?.[which] ?? allocated(status));
  const kept = which === 'requests' ? greater(held, asKept(allocated)) : held;
  return isInfeasible ? kept : greater(wanted, kept);
}

type Quantities = Record<string, string | number>;
type ListOf = (container: corev1.Container) => Quantities | undefined;

/**
 * The containers' sum, or what the hungriest moment of initialization takes if that is more (a sidecar
 * counts from its start on), pod-level resources in place of that where given, and the overhead on top.
 */
function podAmounts(
  pod: corev1.Pod,
  which: 'requests' | 'limits',
  listOf: ListOf = (container) => container.resources?.[which],
): ResourceAmounts {
  const amountsOf = (container: corev1.Container): ResourceAmounts => quantitiesOf(listOf(container));
  let running: ResourceAmounts = {};
  for (const container of pod.spec.containers) running = sum(running, amountsOf(container));
  let sidecars: ResourceAmounts = {};
  let initializing: ResourceAmounts = {};
  for (const container of pod.spec.initContainers ?? []) {
    const own = amountsOf(container);
    if (isRestartableInitContainer(container)) {
      running = sum(running, own);
      sidecars = sum(sidecars, own);
      initializing = greater(initializing, sidecars);
    } else {
      initializing = greater(initializing, sum(own, sidecars));
    }
  }
  const containers = greater(running, initializing);
  const podLevel = quantitiesOf(pod.spec.resources?.[which]);
  const amounts = { ...containers, ...podLevel };
  const overhead = quantitiesOf(pod.spec.overhead);
  return which === 'requests' ? sum(amounts, overhead) : sumOfPresent(amounts, overhead);
}

function quantitiesOf(list: Quantities | undefined): ResourceAmounts {
  return Object.fromEntries(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

function sum(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const result = { ...left };
  for (const [name, amount] of Object.entries(right)) result[name] = result[name]?.add(amount) ?? amount;
  return result;
}

function sumOfPresent(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  return Object.fromEntries(
    Object.entries(left).map(([name, amount]) => [
      name,
      right[name] === undefined ? amount : amount.add(right[name]),
    ]),
  );
}

function greater(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const result = { ...left };
  for (const [name, amount] of Object.entries(right)) {
    if (result[name] === undefined || result[name].compare(amount) < 0) result[name] = amount;
  }
  return result;
}
