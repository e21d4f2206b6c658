import type { corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from '../validation/equality.ts';
import { isExternallyAccessible } from '../validation/services.ts';

type Service = corev1.Service;

/**
 * Keeps clusterIP and clusterIPs[0] the same when a client writes only one of the two
 * (k8s.io/kubernetes/pkg/registry/core/service NormalizeClusterIPs), and fills the IP family of a service
 * of one family in: IPv4 is the only one there is.
 */
export function syncClusterIps(service: Service, old: Service | undefined): void {
  const { spec } = service;
  const sameList = old !== undefined && semanticallyEqual(spec.clusterIPs, old.spec.clusterIPs);
  if (old === undefined || !sameList) {
    if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP];
  } else if ((spec.clusterIP ?? '') !== (old.spec.clusterIP ?? '')) {
    if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
    else delete spec.clusterIPs;
  }
  if (spec.type === 'ExternalName') return;
  spec.ipFamilyPolicy ??= 'SingleStack';
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = ['IPv4'];
}

/**
 * A client that updates without what was allocated keeps it; what the new type has no use for goes
 * (k8s.io/kubernetes/pkg/registry/core/service patchAllocatedValues and dropTypeDependentFields).
 */
export function keepAllocations(service: Service, old: Service): void {
  if (needsClusterIp(old) && needsClusterIp(service)) {
    const { spec } = service;
    if (!spec.clusterIP && old.spec.clusterIP) spec.clusterIP = old.spec.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && spec.clusterIP === old.spec.clusterIP) {
      if (old.spec.clusterIPs !== undefined) spec.clusterIPs = [...old.spec.clusterIPs];
    }
  }
  if (needsNodePort(old) && needsNodePort(service)) keepNodePorts(service, old);
  if (needsHealthCheckPort(old) && needsHealthCheckPort(service)) {
    service.spec.healthCheckNodePort ||= old.spec.healthCheckNodePort;
    if (service.spec.healthCheckNodePort === undefined) delete service.spec.healthCheckNodePort;
  }
  dropUnused(service, old);
}

function needsClusterIp({ spec }: Service): boolean {
  return spec.type !== 'ExternalName';
}

/** By its type: a balancer that asks for none keeps those it has. */
function needsNodePort({ spec }: Service): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

function needsHealthCheckPort({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

function keepNodePorts(service: Service, old: Service): void {
  const ports = service.spec.ports ?? [];
  const used = new Set(
    ports.flatMap(({ protocol, nodePort }) => (nodePort ? [`${protocol} ${nodePort}`] : [])),
  );
  for (const port of ports) {
    if (port.nodePort) continue;
    const before = (old.spec.ports ?? []).find((o) => o.protocol === port.protocol && o.port === port.port);
    if (!before?.nodePort || used.has(`${port.protocol} ${before.nodePort}`)) continue;
    port.nodePort = before.nodePort;
    used.add(`${port.protocol} ${before.nodePort}`);
  }
}

/** Only what the client left as it was: a field it changes itself is for validation to judge. */
function dropUnused(service: Service, old: Service): void {
  const { spec } = service;
  const was = old.spec;
  if (needsClusterIp(old) && !needsClusterIp(service)) {
    if (spec.clusterIP === was.clusterIP && semanticallyEqual(spec.clusterIPs, was.clusterIPs)) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (semanticallyEqual(spec.ipFamilies, was.ipFamilies)) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === was.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  if (needsNodePort(old) && !needsNodePort(service)) {
    const known = nodePortsOf(old);
    // One the client chose just now is for validation to judge, and the others with it.
    if (nodePortsOf(service).every((port) => known.includes(port)))
      for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(service)) {
    if (spec.healthCheckNodePort === was.healthCheckNodePort) delete spec.healthCheckNodePort;
  }
  if (spec.type !== 'LoadBalancer' && was.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === was.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === was.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} };
  const isLeft = isExternallyAccessible(old) && !isExternallyAccessible(service);
  if (isLeft && spec.externalTrafficPolicy === was.externalTrafficPolicy) delete spec.externalTrafficPolicy;
}

function nodePortsOf({ spec }: Service): number[] {
  return (spec.ports ?? []).flatMap(({ nodePort }) => nodePort || []);
}
