import { createHash } from 'node:crypto';
import { workspaceOf } from '../../client/index.ts';
import { type corev1, type discoveryv1, ROOT_WORKSPACE } from '../../kube/index.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export type Family = 'IPv4' | 'IPv6';

/** One port of one Service, with everything its rules depend on. */
export interface ServicePort {
  service: corev1.Service;
  /** `default/hello/tcp/80`: unique, and fit for a part of an nft name. */
  id: string;
  protocol: 'tcp' | 'udp';
  port: number;
  clusterIp: string;
  nodePort: number | undefined;
  /** status.loadBalancer.ingress and spec.externalIPs, without repeats. */
  externalIps: string[];
  sourceRanges: string[];
  affinityTimeoutSeconds: number | undefined;
  internalLocal: boolean;
  externalLocal: boolean;
  /** Those to send to now, wherever they are. */
  clusterEndpoints: EndpointAddress[];
  /** Those of this node. */
  localEndpoints: EndpointAddress[];
}

export interface EndpointAddress {
  ip: string;
  port: number;
}

/** Something in a Service that has no rules, and why; for log and event. */
export interface ServiceProblem {
  service: corev1.Service;
  reason: string;
  message: string;
}

interface Candidate extends EndpointAddress {
  local: boolean;
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

/** Every port that gets rules: those of Services with a cluster IP of this family, not headless, not ExternalName. */
export function servicePorts(
  services: readonly corev1.Service[],
  slices: readonly discoveryv1.EndpointSlice[],
  options: { family: Family; nodeName: string },
): { ports: ServicePort[]; problems: ServiceProblem[] } {
  const slicesOf = Map.groupBy(
    slices.filter((slice) => slice.addressType === options.family),
    (slice) =>
      nameKey(workspaceOf(slice), slice.metadata.namespace, slice.metadata.labels?.[SERVICE_NAME_LABEL]),
  );
  const ports: ServicePort[] = [];
  const problems: ServiceProblem[] = [];
  for (const service of services) {
    const clusterIp = clusterIpOf(service, options.family);
    if (service.spec.type === 'ExternalName' || clusterIp === undefined) continue;
    const own =
      slicesOf.get(nameKey(workspaceOf(service), service.metadata.namespace, service.metadata.name)) ?? [];
    for (const port of service.spec.ports ?? []) {
      const made = servicePort(service, port, clusterIp, own, options);
      if (typeof made !== 'string') ports.push(made);
      else problems.push({ service, reason: 'UnsupportedProtocol', message: made });
    }
  }
  return { ports, problems };
}

function servicePort(
  service: corev1.Service,
  port: corev1.ServicePort,
  clusterIp: string,
  slices: readonly discoveryv1.EndpointSlice[],
  { family, nodeName }: { family: Family; nodeName: string },
): ServicePort | string {
  const { metadata, spec, status } = service;
  const protocol = (port.protocol ?? 'TCP').toLowerCase();
  if (protocol !== 'tcp' && protocol !== 'udp')
    return `port ${port.name ?? port.port}: protocol ${port.protocol} is not supported by service rules`;
  const candidates = candidatesOf(service, port, slices, nodeName);
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  const affinity = spec.sessionAffinity === 'ClientIP';
  const workspace = workspaceOf(service);
  const prefix = workspace === ROOT_WORKSPACE ? '' : `${shortHash(workspace)}/`;
  return {
    service,
    id: `${prefix}${metadata.namespace}/${metadata.name}/${protocol}/${port.port}`,
    protocol,
    port: port.port,
    clusterIp,
    nodePort: port.nodePort || undefined,
    externalIps: [...new Set([...ingress, ...(spec.externalIPs ?? [])])].filter((ip) => isOf(family, ip)),
    sourceRanges: (spec.loadBalancerSourceRanges ?? [])
      .map((range) => range.trim())
      .filter((range) => isOf(family, range)),
    affinityTimeoutSeconds: affinity
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
      : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: spec.externalTrafficPolicy === 'Local',
    clusterEndpoints: usable(candidates),
    localEndpoints: usable(candidates.filter(({ local }) => local)),
  };
}

/** Ready ones; without any, those that still serve while they terminate (KEP-1669). */
function usable(candidates: readonly Candidate[]): EndpointAddress[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen =
    ready.length > 0 ? ready : candidates.filter(({ serving, terminating }) => serving && terminating);
  const unique = new Map(chosen.map(({ ip, port }) => [`${ip} ${port}`, { ip, port }]));
  return [...unique.keys()].sort().map((key) => unique.get(key)!);
}

function candidatesOf(
  service: corev1.Service,
  port: corev1.ServicePort,
  slices: readonly discoveryv1.EndpointSlice[],
  nodeName: string,
): Candidate[] {
  return slices.flatMap((slice) => {
    const matching = (slice.ports ?? []).filter(
      ({ name, protocol, port: number }) =>
        (name ?? '') === (port.name ?? '') &&
        (protocol ?? 'TCP') === (port.protocol ?? 'TCP') &&
        number !== undefined,
    );
    return matching.flatMap(({ port: number }) =>
      (slice.endpoints ?? []).flatMap(({ addresses, conditions, nodeName: where }) => {
        const [ip] = addresses;
        if (ip === undefined || !mayPointTo(service, ip)) return [];
        const ready = conditions?.ready !== false;
        return {
          ip,
          port: number,
          local: where === nodeName,
          ready,
          serving: conditions?.serving ?? ready,
          terminating: conditions?.terminating === true,
        };
      }),
    );
  });
}

/**
 * Only the API server's own Service may lead to this host's loopback: any other would open ports that their
 * owners took care to bind to 127.0.0.1. (Kubernetes' validation forbids such endpoints, too.)
 */
function mayPointTo({ metadata }: corev1.Service, ip: string): boolean {
  const loopback = ip.startsWith('127.') || ip === '::1';
  return !loopback || (metadata.namespace === 'default' && metadata.name === 'kubernetes');
}

function clusterIpOf({ spec }: corev1.Service, family: Family): string | undefined {
  const ips = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? ''];
  return ips.find((ip) => ip !== '' && ip !== 'None' && isOf(family, ip));
}

function isOf(family: Family, address: string): boolean {
  return address.includes(':') === (family === 'IPv6');
}

function nameKey(workspace: string, namespace: string | undefined, name: string | undefined): string {
  return `${workspace}|${namespace ?? ''}|${name ?? ''}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
