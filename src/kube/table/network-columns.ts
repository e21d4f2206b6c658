import { isIPv6 } from 'node:net';
import type { TableColumn } from '../resource.ts';
import type { corev1, discoveryv1 } from '../types/index.generated.ts';
import { ageColumn, column, formatLabels, listWithMore, nameColumn } from './common-columns.ts';

function externalIp({ spec, status }: corev1.Service): string {
  const given = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return given.length > 0 ? given.join(',') : '<none>';
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? [])
        .map(({ ip, hostname }) => ip || hostname || '')
        .filter((address) => address !== '');
      const all = [...[...new Set(ingress)].sort(), ...given];
      return all.length > 0 ? all.join(',') : '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function servicePorts({ spec }: corev1.Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return ports.length === 0 ? '<none>' : ports.join(',');
}

export const serviceColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.Service>('Type', 'How the service is reached.', ({ spec }) => spec.type ?? ''),
  column<corev1.Service>(
    'Cluster-IP',
    'Address within the cluster.',
    ({ spec }) => spec.clusterIPs?.[0] ?? '<none>',
  ),
  column<corev1.Service>('External-IP', 'Addresses from outside the cluster.', externalIp),
  column<corev1.Service>('Port(s)', 'Ports, with the node port where there is one.', servicePorts),
  ageColumn,
  column<corev1.Service>(
    'Selector',
    'Labels of the pods behind it.',
    ({ spec }) => formatLabels(spec.selector),
    { wide: true },
  ),
];

function hostPort(ip: string, port: number): string {
  return isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function endpointsCell({ subsets = [] }: corev1.Endpoints): string {
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port))),
  );
  return listWithMore(all, '');
}

export const endpointsColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.Endpoints>('Endpoints', 'Addresses that are ready.', endpointsCell),
  ageColumn,
];

export const endpointSliceColumns: readonly TableColumn[] = [
  nameColumn,
  column<discoveryv1.EndpointSlice>('AddressType', 'Kind of the addresses.', (slice) => slice.addressType),
  column<discoveryv1.EndpointSlice>('Ports', 'Ports of every endpoint.', ({ ports }) =>
    listWithMore(
      (ports ?? []).map(({ port, name }) => String(port ?? name ?? '*')),
      '<unset>',
    ),
  ),
  column<discoveryv1.EndpointSlice>('Endpoints', 'Addresses.', ({ endpoints }) =>
    listWithMore(
      (endpoints ?? []).flatMap(({ addresses }) => addresses),
      '<unset>',
    ),
  ),
  ageColumn,
];
