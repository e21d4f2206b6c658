import { type corev1, parseQuantity } from '../../kube/index.ts';
import type { ResizePending } from './pod-allocation.ts';
import { podRequests, type Requests } from './pod-requests.ts';

export interface Rejection {
  reason: string;
  /** The event's sentence; the status puts `Pod was rejected: ` before it. */
  message: string;
}

export interface AdmissionFacts {
  pod: corev1.Pod;
  /** Pods this node already runs, without `pod`. */
  others: readonly corev1.Pod[];
  allocatable: Readonly<Record<string, string>>;
  nodeLabels: Readonly<Record<string, string>>;
}

/**
 * Whether this node takes a pod that was bound to it: the kubelet's own last check
 * (pkg/kubelet/lifecycle/predicate.go), and everything this node does not support, named by its field.
 */
export function admitPod(facts: AdmissionFacts): Rejection | undefined {
  return (
    checkPlatform(facts.pod) ??
    checkSysctls(facts.pod) ??
    checkSupported(facts.pod) ??
    checkSelector(facts) ??
    checkPorts(facts) ??
    checkResources(facts)
  );
}

function checkPlatform(pod: corev1.Pod): Rejection | undefined {
  if (pod.spec.os !== undefined && pod.spec.os.name !== 'linux')
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  if (pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict')
    return {
      reason: 'SupplementalGroupsPolicyNotSupported',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    };
  return undefined;
}

/** https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls */
const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

function checkSysctls(pod: corev1.Pod): Rejection | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll('/', '.');
    if (!safeSysctls.has(dotted))
      return { reason: 'SysctlForbidden', message: `forbidden sysctl: "${name}" not allowlisted` };
    if (pod.spec.hostNetwork && dotted.startsWith('net.'))
      return {
        reason: 'SysctlForbidden',
        message: `forbidden sysctl: "${name}" not allowed with host net enabled`,
      };
  }
  return undefined;
}

const volumeTypes = new Set([
  'emptyDir',
  'hostPath',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
  'persistentVolumeClaim',
  'ephemeral',
]);
const projections = new Set(['secret', 'configMap', 'downwardAPI', 'serviceAccountToken']);

function checkSupported(pod: corev1.Pod): Rejection | undefined {
  const field = unsupportedField(pod);
  if (field === undefined) return undefined;
  return { reason: 'NotSupported', message: `${field} is not supported by this node` };
}

/** The first field of the spec that this node cannot do. */
export function unsupportedField(pod: corev1.Pod): string | undefined {
  const { spec } = pod;
  if (spec.shareProcessNamespace) return 'spec.shareProcessNamespace';
  if (spec.hostUsers === false) return 'spec.hostUsers: false';
  if (spec.runtimeClassName) return 'spec.runtimeClassName';
  if (spec.resourceClaims?.length) return 'spec.resourceClaims';
  if (spec.resources?.limits || spec.resources?.requests) return 'spec.resources';
  for (const [index, volume] of (spec.volumes ?? []).entries()) {
    const field = unsupportedVolume(volume);
    if (field !== undefined) return `spec.volumes[${index}].${field}`;
  }
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const field = unsupportedInContainer(container);
      if (field !== undefined) return `spec.${list}[${index}].${field}`;
    }
  }
  return undefined;
}

function unsupportedVolume(volume: corev1.Volume): string | undefined {
  const type = Object.entries(volume).find(
    ([key, value]) => key !== 'name' && value !== undefined && !volumeTypes.has(key),
  );
  if (type !== undefined) return type[0];
  const medium = volume.emptyDir?.medium;
  if (medium && medium !== 'Memory') return `emptyDir.medium: ${medium}`;
  for (const [index, source] of (volume.projected?.sources ?? []).entries()) {
    const kind = Object.keys(source).find((key) => !projections.has(key));
    if (kind !== undefined) return `projected.sources[${index}].${kind}`;
  }
  return undefined;
}

/** The first field of a container that this node cannot do. */
export function unsupportedInContainer(container: corev1.Container): string | undefined {
  if (container.volumeDevices?.length) return 'volumeDevices';
  if (container.resources?.claims?.length) return 'resources.claims';
  if (container.restartPolicyRules?.length) return 'restartPolicyRules';
  if (container.securityContext?.appArmorProfile?.type === 'Localhost')
    return 'securityContext.appArmorProfile';
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    if (mount.recursiveReadOnly === 'Enabled') return `volumeMounts[${index}].recursiveReadOnly`;
    if (mount.bindMountOptions?.length) return `volumeMounts[${index}].bindMountOptions`;
  }
  for (const kind of ['limits', 'requests'] as const) {
    const name = Object.keys(container.resources?.[kind] ?? {}).find((key) => key.startsWith('hugepages-'));
    if (name !== undefined) return `resources.${kind}.${name}`;
  }
  return undefined;
}

function checkSelector({ pod, nodeLabels }: AdmissionFacts): Rejection | undefined {
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (selector.every(([key, value]) => nodeLabels[key] === value)) return undefined;
  return {
    reason: 'NodeAffinity',
    message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  };
}

function checkPorts({ pod, others }: AdmissionFacts): Rejection | undefined {
  const taken = others.flatMap(hostPorts);
  for (const wanted of hostPorts(pod)) {
    if (!taken.some((port) => collide(port, wanted))) continue;
    return {
      reason: 'NodePorts',
      message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    };
  }
  return undefined;
}

interface HostPort {
  ip: string;
  port: number;
  protocol: string;
}

function hostPorts(pod: corev1.Pod): HostPort[] {
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? [])
      .map((port) => ({ port, hostPort: pod.spec.hostNetwork ? port.containerPort : port.hostPort }))
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ port, hostPort }) => ({
        ip: port.hostIP || '0.0.0.0',
        port: hostPort!,
        protocol: port.protocol ?? 'TCP',
      })),
  );
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}

function checkResources({ pod, others, allocatable }: AdmissionFacts): Rejection | undefined {
  const pods = Number(allocatable.pods ?? 110);
  if (others.length + 1 > pods) return outOf('pods', 1, others.length, pods);
  const wanted = podRequests(pod);
  const used = others.map(podRequests);
  for (const name of ['cpu', 'memory', 'ephemeral-storage'] as const) {
    const capacity = capacityOf(allocatable, name);
    const inUse = used.reduce((sum, requests) => sum + requests[name], 0);
    if (wanted[name] > 0 && wanted[name] > capacity - inUse)
      return outOf(name, wanted[name], inUse, capacity);
  }
  return undefined;
}

/** Whether the node has room for other resources of a pod it runs; kubelet's allocation manager, canResizePod. */
export function admitResize(facts: Omit<AdmissionFacts, 'nodeLabels'>): ResizePending | undefined {
  const wanted = podRequests(facts.pod);
  for (const name of ['cpu', 'memory'] as const) {
    const capacity = capacityOf(facts.allocatable, name);
    if (wanted[name] > capacity)
      return {
        reason: 'Infeasible',
        message: `Node didn't have enough capacity: ${name}, requested: ${wanted[name]}, capacity: ${capacity}`,
      };
  }
  const full = checkResources({ ...facts, nodeLabels: {} });
  return full === undefined ? undefined : { reason: 'Deferred', message: full.message };
}

function capacityOf(allocatable: Readonly<Record<string, string>>, name: keyof Requests): number {
  const quantity = parseQuantity(allocatable[name] ?? '0');
  return name === 'cpu' ? quantity.milliValue() : quantity.value();
}

function outOf(name: string, requested: number, used: number, capacity: number): Rejection {
  return {
    reason: `OutOf${name}`,
    message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}
