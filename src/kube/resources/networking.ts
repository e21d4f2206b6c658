import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import {
  ingressClassColumns,
  ingressColumns,
  ipAddressColumns,
  networkPolicyColumns,
  serviceCidrColumns,
} from '../table/ingress-columns.ts';
import type { networkingv1 } from '../types/index.generated.ts';
import {
  validateIngress,
  validateIngressClass,
  validateIngressClassUpdate,
  validateIngressCreate,
  validateIngressStatus,
} from '../validation/ingresses.ts';
import { validateNetworkPolicy } from '../validation/network-policies.ts';
import {
  ipAddressName,
  validateIpAddress,
  validateIpAddressUpdate,
  validateServiceCidr,
  validateServiceCidrUpdate,
} from '../validation/service-ranges.ts';
import { betaVersion } from './beta/beta-version.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

const GROUP = 'networking.k8s.io';

const ingressesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'Ingress',
    name: 'ingresses',
    shortNames: ['ing'],
    schema: { ref: 'networking/v1.Ingress' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: ingressColumns,
  }),
  prepareForCreate: dropStatus(() => ({ loadBalancer: {} })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateIngressCreate(object as networkingv1.Ingress),
  validateUpdate: (object) => validateIngress(object as networkingv1.Ingress),
  validateStatusUpdate: (object) => validateIngressStatus(object as networkingv1.Ingress),
};

/** networking/v1 SetDefaults_IngressClass. */
function defaultIngressClass(object: KubeObject): void {
  const parameters = (object as networkingv1.IngressClass).spec?.parameters;
  if (parameters !== undefined) parameters.scope ??= 'Cluster';
}

const ingressClassesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'IngressClass',
    name: 'ingressclasses',
    namespaced: false,
    schema: { ref: 'networking/v1.IngressClass' },
    hasGeneration: true,
    columns: ingressClassColumns,
  }),
  defaults: defaultIngressClass,
  validateCreate: (object) => validateIngressClass(object as networkingv1.IngressClass),
  validateUpdate: (object, old) =>
    validateIngressClassUpdate(object as networkingv1.IngressClass, old as networkingv1.IngressClass),
};

/** networking/v1 SetDefaults_NetworkPolicy and SetDefaults_NetworkPolicyPort. */
function defaultNetworkPolicy(object: KubeObject): void {
  const policy = object as Partial<networkingv1.NetworkPolicy>;
  policy.spec ??= {};
  const { spec } = policy;
  spec.podSelector ??= {};
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length === 0)
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

const networkPoliciesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'NetworkPolicy',
    name: 'networkpolicies',
    shortNames: ['netpol'],
    schema: { ref: 'networking/v1.NetworkPolicy' },
    hasGeneration: true,
    columns: networkPolicyColumns,
  }),
  defaults: defaultNetworkPolicy,
  validateCreate: (object) => validateNetworkPolicy(object as networkingv1.NetworkPolicy),
  validateUpdate: (object) => validateNetworkPolicy(object as networkingv1.NetworkPolicy),
};

const ipAddressesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'IPAddress',
    name: 'ipaddresses',
    shortNames: ['ip'],
    namespaced: false,
    schema: { ref: 'networking/v1.IPAddress' },
    validateName: ipAddressName,
    columns: ipAddressColumns,
  }),
  validateCreate: (object) => validateIpAddress(object as networkingv1.IPAddress),
  validateUpdate: (object, old) =>
    validateIpAddressUpdate(object as networkingv1.IPAddress, old as networkingv1.IPAddress),
};

const serviceCidrsResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'ServiceCIDR',
    name: 'servicecidrs',
    namespaced: false,
    schema: { ref: 'networking/v1.ServiceCIDR' },
    subresources: [statusSubresource],
    columns: serviceCidrColumns,
  }),
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateServiceCidr(object as networkingv1.ServiceCIDR),
  validateUpdate: (object, old) =>
    validateServiceCidrUpdate(object as networkingv1.ServiceCIDR, old as networkingv1.ServiceCIDR),
};

export const networkingResources: readonly Resource[] = [
  ingressesResource,
  ingressClassesResource,
  networkPoliciesResource,
  ipAddressesResource,
  serviceCidrsResource,
  betaVersion(ipAddressesResource, 'v1beta1'),
  betaVersion(serviceCidrsResource, 'v1beta1'),
];
