import type { TableColumn } from '../resource.ts';
import { formatLabelSelector } from '../selectors/label-selector.ts';
import type { networkingv1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

/** k8s.io/kubernetes/pkg/printers/internalversion: the kinds of networking.k8s.io. */

function hosts({ spec }: networkingv1.Ingress): string {
  const rules = spec?.rules ?? [];
  const named = rules.flatMap(({ host }) => (host ? [host] : []));
  if (named.length === 0) return '*';
  const shown = named.slice(0, 3).join(',');
  return named.length > 3 ? `${shown} + ${rules.length - 3} more...` : shown;
}

function addresses({ status }: networkingv1.Ingress): string {
  const all = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...new Set(all.filter((address) => address !== ''))].sort().join(',');
}

export const ingressColumns: readonly TableColumn[] = [
  nameColumn,
  column<networkingv1.Ingress>('Class', 'Who serves it.', ({ spec }) => spec?.ingressClassName ?? '<none>'),
  column<networkingv1.Ingress>('Hosts', 'Hosts that this ingress is matched with.', hosts),
  column<networkingv1.Ingress>('Address', 'Where it is reached.', addresses),
  column<networkingv1.Ingress>('Ports', 'Ports of TLS configurations that open.', ({ spec }) =>
    (spec?.tls ?? []).length > 0 ? '80, 443' : '80',
  ),
  ageColumn,
];

function parametersOf({ spec }: networkingv1.IngressClass): string {
  const parameters = spec?.parameters;
  if (parameters === undefined) return '<none>';
  const group = parameters.apiGroup ? `.${parameters.apiGroup}` : '';
  return `${parameters.kind}${group}/${parameters.name}`;
}

export const ingressClassColumns: readonly TableColumn[] = [
  nameColumn,
  column<networkingv1.IngressClass>(
    'Controller',
    'Controller that is responsible for it.',
    ({ spec }) => spec?.controller ?? '',
  ),
  column<networkingv1.IngressClass>('Parameters', 'A reference to more configuration.', parametersOf),
  ageColumn,
];

export const networkPolicyColumns: readonly TableColumn[] = [
  nameColumn,
  column<networkingv1.NetworkPolicy>('Pod-Selector', 'The pods it is about.', ({ spec }) =>
    formatLabelSelector(spec?.podSelector),
  ),
  ageColumn,
];

function parentOf({ spec }: networkingv1.IPAddress): string {
  const { group, resource, namespace, name } = spec?.parentRef ?? {};
  return [group ? `${resource}.${group}` : resource, namespace, name].filter(Boolean).join('/');
}

export const ipAddressColumns: readonly TableColumn[] = [
  nameColumn,
  column<networkingv1.IPAddress>('ParentRef', 'What has the address.', parentOf),
];

export const serviceCidrColumns: readonly TableColumn[] = [
  nameColumn,
  column<networkingv1.ServiceCIDR>('CIDRs', 'Ranges of service addresses.', ({ spec }) =>
    (spec?.cidrs ?? []).join(','),
  ),
  ageColumn,
];
