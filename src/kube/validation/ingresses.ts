import { isIP } from 'node:net';
import { append, type FieldError } from '../../base/index.ts';
import type { corev1, networkingv1 } from '../types/index.generated.ts';
import { forbidden, invalid, invalidEach, notSupported, required, tooLong } from './field-errors.ts';
import { dns1035Label, dns1123Label, dns1123Subdomain, ipAddress, portName, portNumber } from './formats.ts';
import { addAll } from './item-lists.ts';
import { validateDomainPrefixedPath, validatePathSegment, wildcardSubdomain } from './names.ts';
import { validateImmutable } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/networking/validation: Ingress and IngressClass. */

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const FORBIDDEN_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const FORBIDDEN_SUFFIXES = ['/..', '/.'];
const SCOPES = ['Cluster', 'Namespace'];
const CONTROLLER_LIMIT = 250;
const NOT_AN_ADDRESS = 'must be a DNS name, not an IP address';

export function validateIngressCreate(ingress: networkingv1.Ingress): FieldError[] {
  const errors = validateIngress(ingress);
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  const className = ingress.spec?.ingressClassName;
  if (annotation !== undefined && className !== undefined && annotation !== className) {
    const why = 'must match `ingressClassName` when both are specified';
    errors.push(invalid(`annotations.${CLASS_ANNOTATION}`, annotation, why));
  }
  return errors;
}

export function validateIngress({ spec }: networkingv1.Ingress): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalid('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) append(errors, validateBackend(defaultBackend, 'spec.defaultBackend'));
  addAll(
    errors,
    rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)),
  );
  addAll(
    errors,
    tls.flatMap((one, index) => validateTls(one, `spec.tls[${index}]`)),
  );
  if (ingressClassName !== undefined) {
    const wrong = dns1123Subdomain(ingressClassName);
    append(errors, invalidEach('spec.ingressClassName', ingressClassName, wrong));
  }
  return errors;
}

export function validateIngressStatus({ status }: networkingv1.Ingress): FieldError[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, index) => {
    const at = `status.loadBalancer.ingress[${index}]`;
    return [
      ...(ip ? invalidEach(`${at}.ip`, ip, ipAddress(ip)) : []),
      ...(hostname ? invalidEach(`${at}.hostname`, hostname, dns1123Subdomain(hostname)) : []),
      ...(hostname && isIP(hostname) ? [invalid(`${at}.hostname`, hostname, NOT_AN_ADDRESS)] : []),
    ];
  });
}

function hostErrors(host: string): string[] {
  return host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host);
}

function validateTls({ hosts = [], secretName }: networkingv1.IngressTLS, field: string): FieldError[] {
  return [
    ...hosts.flatMap((host, index) => invalidEach(`${field}.hosts[${index}]`, host, hostErrors(host))),
    ...(secretName ? invalidEach(`${field}.secretName`, secretName, dns1123Subdomain(secretName)) : []),
  ];
}

function validateRule({ host, http }: networkingv1.IngressRule, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (isIP(host)) errors.push(invalid(`${field}.host`, host, NOT_AN_ADDRESS));
    append(errors, invalidEach(`${field}.host`, host, hostErrors(host)));
  }
  if (http === undefined) return errors;
  const paths = http.paths ?? [];
  if (paths.length === 0) errors.push(required(`${field}.http.paths`));
  return [...errors, ...paths.flatMap((path, index) => validatePath(path, `${field}.http.paths[${index}]`))];
}

function validatePath(entry: networkingv1.HTTPIngressPath, field: string): FieldError[] {
  const { path = '', pathType, backend } = entry;
  if (pathType === undefined) return [required(`${field}.pathType`, 'pathType must be specified')];
  const at = `${field}.path`;
  const exact = pathType === 'Exact' || pathType === 'Prefix';
  const errors: FieldError[] = [];
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${field}.pathType`, pathType, PATH_TYPES));
  else if (!path.startsWith('/') && (exact || path !== '')) {
    errors.push(invalid(at, path, 'must be an absolute path'));
  }
  if (exact) {
    for (const one of FORBIDDEN_SEQUENCES) {
      if (path.includes(one)) errors.push(invalid(at, path, `must not contain '${one}'`));
    }
    for (const one of FORBIDDEN_SUFFIXES) {
      if (path.endsWith(one)) errors.push(invalid(at, path, `cannot end with '${one}'`));
    }
  }
  return [...errors, ...validateBackend(backend ?? {}, `${field}.backend`)];
}

function validateBackend({ service, resource }: networkingv1.IngressBackend, field: string): FieldError[] {
  if (service !== undefined && resource !== undefined) {
    return [invalid(field, '', 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return validateReference(resource, `${field}.resource`);
  if (service !== undefined) return validateServiceBackend(service, field);
  return [invalid(field, '', 'resource or service backend is required')];
}

function validateServiceBackend(service: networkingv1.IngressServiceBackend, field: string): FieldError[] {
  const { name = '', port } = service;
  const at = `${field}.service`;
  const errors = name === '' ? [required(`${at}.name`)] : invalidEach(`${at}.name`, name, dns1035Label(name));
  if (port?.name && port.number) errors.push(invalid(field, '', 'cannot set both port name & port number'));
  else if (port?.name) append(errors, invalidEach(`${at}.port.name`, port.name, portName(port.name)));
  else if (port?.number)
    append(errors, invalidEach(`${at}.port.number`, port.number, portNumber(port.number)));
  else errors.push(required(field, 'port name or number is required'));
  return errors;
}

type Reference = Pick<corev1.TypedLocalObjectReference, 'apiGroup' | 'kind' | 'name'>;

function validateReference({ apiGroup, kind, name }: Reference, field: string): FieldError[] {
  return [
    ...(apiGroup === undefined ? [] : invalidEach(`${field}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup))),
    ...validatePathSegment(kind, `${field}.kind`),
    ...validatePathSegment(name, `${field}.name`),
  ];
}

export function validateIngressClass({ spec }: networkingv1.IngressClass): FieldError[] {
  const { controller = '', parameters } = spec ?? {};
  const at = 'spec.controller';
  return [
    ...(controller.length > CONTROLLER_LIMIT ? [tooLong(at, CONTROLLER_LIMIT)] : []),
    ...validateDomainPrefixedPath(controller, at),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ];
}

export function validateIngressClassUpdate(
  ingressClass: networkingv1.IngressClass,
  old: networkingv1.IngressClass,
): FieldError[] {
  return [
    ...validateImmutable(ingressClass.spec?.controller, old.spec?.controller, 'spec.controller'),
    ...validateIngressClass(ingressClass),
  ];
}

function validateParameters(
  parameters: networkingv1.IngressClassParametersReference,
  field: string,
): FieldError[] {
  const { scope, namespace } = parameters;
  const errors = validateReference(parameters, field);
  if (scope === undefined) errors.push(required(`${field}.scope`));
  else if (!SCOPES.includes(scope)) errors.push(notSupported(`${field}.scope`, scope, SCOPES));
  else if (scope === 'Cluster' && namespace !== undefined) {
    errors.push(forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  } else if (scope === 'Namespace') {
    if (namespace === undefined) {
      errors.push(required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"));
    } else append(errors, invalidEach(`${field}.namespace`, namespace, dns1123Label(namespace)));
  }
  return errors;
}
