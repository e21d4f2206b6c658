import type { KubeObject } from '../object.ts';
import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import type { corev1, resourcev1 } from '../types/index.generated.ts';
import { heldPodLimits, heldPodRequests, type ResourceAmounts } from '../workloads/pod-resources.ts';

/** What objects of a resource use of quotas; k8s.io/kubernetes/pkg/quota/v1/evaluator/core. */

export interface QuotaSubject {
  group: string;
  /** Plural. */
  name: string;
}

const ONE = parseQuantity('1');
/** Core resources that quotas also know without `count/`. */
const COUNTED = new Set(['configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets']);
const REQUIRED_COMPUTE = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

/** What one object uses, by the names quotas limit. */
export function quotaUsage(subject: QuotaSubject, object: Readonly<KubeObject>, now: Date): ResourceAmounts {
  const { group, name } = subject;
  const counted = { [`count/${group === '' ? name : `${name}.${group}`}`]: ONE };
  if (group === 'resource.k8s.io' && name === 'resourceclaims')
    return { ...counted, ...deviceUsage(object as resourcev1.ResourceClaim) };
  if (group !== '') return counted;
  switch (name) {
    case 'pods':
      return { ...counted, ...podUsage(object as corev1.Pod, now) };
    case 'services':
      return { ...counted, ...serviceUsage(object as corev1.Service) };
    case 'persistentvolumeclaims':
      return { ...counted, ...claimUsage(object as corev1.PersistentVolumeClaim) };
    default:
      return COUNTED.has(name) ? { ...counted, [name]: ONE } : counted;
  }
}

/** The resource whose objects use `name` of a quota; undefined when quotas cannot limit it. */
export function quotaSubject(name: string): QuotaSubject | undefined {
  if (name.startsWith('count/')) {
    const [resource = '', ...group] = name.slice('count/'.length).split('.');
    return { group: group.join('.'), name: resource };
  }
  if (name === 'services' || name.startsWith('services.')) return { group: '', name: 'services' };
  if (
    name === 'persistentvolumeclaims' ||
    name === 'requests.storage' ||
    name.includes('.storageclass.storage.k8s.io/')
  )
    return { group: '', name: 'persistentvolumeclaims' };
  if (name.endsWith(PER_DEVICE_CLASS)) return { group: 'resource.k8s.io', name: 'resourceclaims' };
  return { group: '', name: COUNTED.has(name) ? name : 'pods' };
}

const PER_DEVICE_CLASS = '.deviceclass.resource.k8s.io/devices';
/** A request for all devices may get as many as one claim can hold. */
const DEVICES_OF_ALL = 32;

interface DeviceRequest {
  deviceClassName?: string;
  allocationMode?: string;
  count?: number;
}

/** Devices by class; of alternatives the most that one of them may take of each class. */
function deviceUsage({ spec }: resourcev1.ResourceClaim): ResourceAmounts {
  const usage: ResourceAmounts = {};
  for (const { exactly, firstAvailable = [] } of spec?.devices?.requests ?? []) {
    const most = new Map<string, number>();
    const alternatives: DeviceRequest[] = exactly === undefined ? firstAvailable : [exactly];
    for (const { deviceClassName = '', allocationMode, count = 1 } of alternatives) {
      const devices = allocationMode === 'All' ? DEVICES_OF_ALL : count;
      most.set(deviceClassName, Math.max(most.get(deviceClassName) ?? 0, devices));
    }
    for (const [deviceClass, devices] of most) {
      const name = `${deviceClass}${PER_DEVICE_CLASS}`;
      usage[name] = (usage[name] ?? parseQuantity(0)).add(parseQuantity(devices));
    }
  }
  return usage;
}

function podUsage(pod: corev1.Pod, now: Date): ResourceAmounts {
  if (!holdsQuota(pod, now)) return {};
  return { pods: ONE, ...computeUsage(heldPodRequests(pod), heldPodLimits(pod)) };
}

function computeUsage(requests: ResourceAmounts, limits: ResourceAmounts): ResourceAmounts {
  const usage: ResourceAmounts = {};
  for (const [name, amount] of Object.entries(requests)) {
    usage[`requests.${name}`] = amount;
    if (!name.includes('/')) usage[name] = amount;
  }
  for (const [name, amount] of Object.entries(limits))
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage[`limits.${name}`] = amount;
  return usage;
}

/** A pod that has ended, or whose node does not answer past its grace, holds nothing any more. */
function holdsQuota({ metadata, status }: corev1.Pod, now: Date): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return now.getTime() <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function serviceUsage({ spec }: corev1.Service): ResourceAmounts {
  const ports = spec?.ports ?? [];
  const usage: ResourceAmounts = { services: ONE };
  const nodePorts = (count: number) => {
    usage['services.nodeports'] = parseQuantity(count);
  };
  if (spec?.type === 'NodePort') nodePorts(ports.length);
  if (spec?.type === 'LoadBalancer') {
    usage['services.loadbalancers'] = ONE;
    const isAllocating = spec.allocateLoadBalancerNodePorts !== false;
    nodePorts(isAllocating ? ports.length : ports.filter(({ nodePort }) => nodePort).length);
  }
  return usage;
}

const OLD_CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

function claimUsage({ metadata, spec, status }: corev1.PersistentVolumeClaim): ResourceAmounts {
  const usage: ResourceAmounts = { persistentvolumeclaims: ONE };
  const storageClass = metadata.annotations?.[OLD_CLASS_ANNOTATION] ?? spec?.storageClassName;
  const ofClass = storageClass && `${storageClass}.storageclass.storage.k8s.io`;
  if (ofClass) usage[`${ofClass}/persistentvolumeclaims`] = ONE;
  const requested = spec?.resources?.requests?.storage;
  if (requested === undefined) return usage;
  const allocated = status?.allocatedResources?.storage;
  const storage = greater(
    parseQuantity(requested),
    allocated === undefined ? undefined : parseQuantity(allocated),
  );
  usage['requests.storage'] = storage;
  if (ofClass) usage[`${ofClass}/requests.storage`] = storage;
  return usage;
}

function greater(left: Quantity, right: Quantity | undefined): Quantity {
  return right !== undefined && right.compare(left) > 0 ? right : left;
}

/**
 * What a new pod must say so that it can be counted: `must specify limits.cpu for: main`.
 * Source: k8s.io/kubernetes/pkg/quota/v1/evaluator/core podEvaluator.Constraints.
 */
export function quotaConstraint(limited: readonly string[], pod: corev1.Pod): string | undefined {
  const required = limited.filter((name) => REQUIRED_COMPUTE.includes(name));
  const missing = new Map<string, string[]>();
  for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    const said = (part: 'requests' | 'limits', name: string) =>
      container.resources?.[part]?.[name] !== undefined || pod.spec.resources?.[part]?.[name] !== undefined;
    for (const name of required) {
      const [part, resource] = name.includes('.') ? name.split('.', 2) : ['requests', name];
      if (!said(part as 'requests' | 'limits', resource!))
        missing.set(name, [...(missing.get(name) ?? []), container.name]);
    }
  }
  if (missing.size === 0) return undefined;
  const parts = [...missing].sort(([a], [b]) => (a < b ? -1 : 1));
  return `must specify ${parts.map(([name, containers]) => `${name} for: ${containers.sort().join(',')}`).join('; ')}`;
}
