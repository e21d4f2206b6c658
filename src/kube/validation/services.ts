import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { PORT_PROTOCOLS, validateChoice } from './containers.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { cidr, dns1123Label, dns1123Subdomain, ipAddress, portNumber, qualifiedName } from './formats.ts';
import { validateLabels } from './object-meta.ts';
import { validatePort } from './probes.ts';
import { validateClusterIps, validateClusterIpsUpdate } from './service-addresses.ts';
import { validateNonSpecialIp } from './special-addresses.ts';

type Service = corev1.Service;

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const KUBELET_PORT = 10250;
const LONGEST_AFFINITY_SECONDS = 86400;
const LOAD_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'";

function isHeadless(service: Service): boolean {
  return service.spec.clusterIPs?.length === 1 && service.spec.clusterIPs[0] === 'None';
}

/** Reached from outside the cluster. */
export function isExternallyAccessible({ spec }: Service): boolean {
  return (
    spec.type === 'LoadBalancer' ||
    spec.type === 'NodePort' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  );
}

export function validateService(service: Service): FieldError[] {
  const { spec } = service;
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(service) && spec.type !== 'ExternalName') {
    errors.push(required('spec.ports'));
  }
  return [
    ...errors,
    ...validateTypeRules(service),
    ...validatePorts(service),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateClusterIps(service),
    ...(spec.externalIPs ?? []).flatMap((address, index) => {
      const at = `spec.externalIPs[${index}]`;
      const wrong = ipAddress(address);
      return wrong.length > 0 ? invalidEach(at, address, wrong) : validateNonSpecialIp(address, at);
    }),
    ...validateChoice(spec.type, TYPES, 'spec.type'),
    ...validateNodePorts(spec),
    ...validateLoadBalancerFields(spec),
    ...validateTrafficPolicies(service),
  ];
}

function validateTypeRules(service: Service): FieldError[] {
  const { spec } = service;
  const headless = `may not be set to 'None' for ${spec.type} services`;
  switch (spec.type) {
    case 'LoadBalancer':
      return [
        ...(spec.ports ?? []).flatMap(({ port }, index) =>
          port === KUBELET_PORT
            ? [
                invalid(
                  `spec.ports[${index}]`,
                  port,
                  `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`,
                ),
              ]
            : [],
        ),
        ...(isHeadless(service) ? [invalid('spec.clusterIPs[0]', 'None', headless)] : []),
      ];
    case 'NodePort':
      return isHeadless(service) ? [invalid('spec.clusterIPs[0]', 'None', headless)] : [];
    case 'ExternalName':
      return validateExternalName(spec);
    default:
      return [];
  }
}

function validateExternalName(spec: corev1.ServiceSpec): FieldError[] {
  const why = 'may not be set for ExternalName services';
  const errors: FieldError[] = [];
  if ((spec.clusterIPs ?? []).length > 0) errors.push(forbidden('spec.clusterIPs', why));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(forbidden('spec.ipFamilies', why));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', why));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else append(errors, invalidEach('spec.externalName', name, dns1123Subdomain(name)));
  return errors;
}

function validatePorts(service: Service): FieldError[] {
  const ports = service.spec.ports ?? [];
  const names = new Set<string>();
  const pairs = new Set<string>();
  return ports.flatMap((port, index) => {
    const at = `spec.ports[${index}]`;
    const errors: FieldError[] = [];
    if (port.name) {
      append(errors, invalidEach(`${at}.name`, port.name, dns1123Label(port.name)));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    } else if (ports.length > 1) {
      errors.push(required(`${at}.name`));
    }
    append(errors, invalidEach(`${at}.port`, port.port ?? 0, portNumber(port.port ?? 0)));
    append(errors, validateChoice(port.protocol, PORT_PROTOCOLS, `${at}.protocol`));
    append(errors, validatePort(port.targetPort, `${at}.targetPort`));
    if (port.appProtocol !== undefined) {
      append(errors, invalidEach(`${at}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol)));
    }
    const pair = `${port.protocol} ${port.port}`;
    if (pairs.has(pair)) errors.push(duplicate(at, { protocol: port.protocol, port: port.port }));
    pairs.add(pair);
    return errors;
  });
}

function validateNodePorts(spec: corev1.ServiceSpec): FieldError[] {
  const taken = new Set<string>();
  return (spec.ports ?? []).flatMap(({ nodePort, protocol }, index) => {
    if (!nodePort) return [];
    const at = `spec.ports[${index}].nodePort`;
    const errors: FieldError[] = [];
    if (spec.type === 'ClusterIP') {
      errors.push(forbidden(at, "may not be used when `type` is 'ClusterIP'"));
    }
    if (taken.has(`${protocol} ${nodePort}`)) errors.push(duplicate(at, nodePort));
    taken.add(`${protocol} ${nodePort}`);
    return errors;
  });
}

function validateAffinity(spec: corev1.ServiceSpec): FieldError[] {
  const errors = validateChoice(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity');
  const field = 'spec.sessionAffinityConfig';
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig !== undefined) {
    errors.push(forbidden(field, 'must not be set when session affinity is None'));
  }
  if (spec.sessionAffinity !== 'ClientIP') return errors;
  const why = 'when session affinity type is ClientIP';
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (spec.sessionAffinityConfig === undefined) errors.push(required(field, why));
  else if (spec.sessionAffinityConfig.clientIP === undefined) errors.push(required(`${field}.clientIP`, why));
  else if (seconds === undefined) errors.push(required(`${field}.clientIP.timeoutSeconds`, why));
  else if (seconds <= 0 || seconds > LONGEST_AFFINITY_SECONDS) {
    const range = `must be greater than 0 and less than ${LONGEST_AFFINITY_SECONDS}`;
    errors.push(invalid(`${field}.clientIP.timeoutSeconds`, seconds, range));
  }
  return errors;
}

function validateLoadBalancerFields(spec: corev1.ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const balanced = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0 && !balanced) {
    errors.push(forbidden('spec.LoadBalancerSourceRanges', LOAD_BALANCER_ONLY));
  }
  for (const [index, range] of ranges.entries()) {
    const value = range.trim();
    append(errors, invalidEach(`spec.LoadBalancerSourceRanges[${index}]`, value, cidr(value)));
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && !balanced) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', LOAD_BALANCER_ONLY));
  }
  if (spec.allocateLoadBalancerNodePorts === undefined && balanced) {
    errors.push(required('allocateLoadBalancerNodePorts'));
  }
  const lbClass = spec.loadBalancerClass;
  if (lbClass !== undefined) {
    if (!balanced) errors.push(forbidden('spec.loadBalancerClass', LOAD_BALANCER_ONLY));
    else append(errors, invalidEach('spec.loadBalancerClass', lbClass, qualifiedName(lbClass)));
  }
  return errors;
}

function validateTrafficPolicies(service: Service): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  const external = spec.externalTrafficPolicy;
  if (isExternallyAccessible(service)) {
    append(errors, validateChoice(external, POLICIES, 'spec.externalTrafficPolicy'));
  } else if (external) {
    const why = 'may only be set for externally-accessible services';
    errors.push(invalid('spec.externalTrafficPolicy', external, why));
  }
  const health = spec.healthCheckNodePort;
  if (health) {
    if (spec.type === 'LoadBalancer' && external === 'Local') {
      append(errors, invalidEach('spec.healthCheckNodePort', health, portNumber(health)));
    } else {
      const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
      errors.push(invalid('spec.healthCheckNodePort', health, why));
    }
  }
  const internal = spec.internalTrafficPolicy;
  if (internal === undefined) {
    if (spec.type !== 'ExternalName' && TYPES.includes(spec.type ?? '')) {
      errors.push(required('spec.internalTrafficPolicy'));
    }
  } else if (!POLICIES.includes(internal)) {
    errors.push(notSupported('spec.internalTrafficPolicy', internal, POLICIES));
  }
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !DISTRIBUTIONS.includes(distribution)) {
    errors.push(notSupported('spec.trafficDistribution', distribution, DISTRIBUTIONS));
  }
  return errors;
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors = validateClusterIpsUpdate(service, old);
  if (
    service.spec.type === 'LoadBalancer' &&
    old.spec.type === 'LoadBalancer' &&
    service.spec.loadBalancerClass !== old.spec.loadBalancerClass
  ) {
    const why = 'may not change once set';
    errors.push(invalid('spec.loadBalancerClass', service.spec.loadBalancerClass, why));
  }
  return [...errors, ...validateService(service)];
}

export function validateServiceStatusUpdate(service: Service): FieldError[] {
  const field = 'status.loadBalancer.ingress';
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  if (service.spec.type !== 'LoadBalancer' && ingress.length > 0) {
    return [forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return ingress.flatMap(({ ip, hostname, ipMode }, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (ip) append(errors, invalidEach(`${at}.ip`, ip, ipAddress(ip)));
    if (ipMode !== undefined && !ip) {
      errors.push(forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    } else if (ipMode !== undefined && ipMode !== 'VIP' && ipMode !== 'Proxy') {
      errors.push(notSupported(`${at}.ipMode`, ipMode, ['Proxy', 'VIP']));
    }
    if (hostname) append(errors, invalidEach(`${at}.hostname`, hostname, dns1123Subdomain(hostname)));
    return errors;
  });
}
