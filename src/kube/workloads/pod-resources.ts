import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';
import { isRestartableInitContainer } from './pod-conditions.ts';

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
 * The containers' sum, or what the hungriest moment of initialization takes if that is more (a sidecar
 * counts from its start on), pod-level resources in place of that where given, and the overhead on top.
 */
function podAmounts(pod: corev1.Pod, which: 'requests' | 'limits'): ResourceAmounts {
  let running: ResourceAmounts = {};
  for (const container of pod.spec.containers) running = sum(running, amountsOf(container, which));
  let sidecars: ResourceAmounts = {};
  let initializing: ResourceAmounts = {};
  for (const container of pod.spec.initContainers ?? []) {
    const own = amountsOf(container, which);
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

function amountsOf(container: corev1.Container, which: 'requests' | 'limits'): ResourceAmounts {
  return quantitiesOf(container.resources?.[which]);
}

function quantitiesOf(list: Record<string, string | number> | undefined): ResourceAmounts {
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
