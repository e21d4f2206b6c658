import type { corev1 } from '../kube/index.ts';
import type { CreateOptions, CreatePod, HostConfig } from '../libpod/index.ts';
import type { PlayedPod } from './played-pods.ts';

/** What the command line says of all pods that are played. */
export interface PodSettings {
  networkMode?: string;
  networkingConfig?: CreateOptions['NetworkingConfig'];
  noHosts?: boolean;
  userns?: string;
  serviceId?: string;
}

/** A pod as the container tool makes it: what its containers share. */
export function podOptions({ pod }: PlayedPod, settings: PodSettings): CreatePod {
  const { spec, metadata } = pod;
  const networkMode = spec.hostNetwork ? 'host' : settings.networkMode;
  const usesHost = networkMode === 'host';
  const sysctls = Object.fromEntries(
    (spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]),
  );
  const aliases = (spec.hostAliases ?? []).flatMap(({ ip, hostnames }) =>
    (hostnames ?? []).map((hostname) => `${hostname}:${ip}`),
  );
  const hostConfig: HostConfig = {
    ...(networkMode !== undefined && { NetworkMode: networkMode }),
    ...(!usesHost && { PortBindings: portBindings(pod) }),
    ...(aliases.length > 0 && { ExtraHosts: aliases }),
    ...dnsOptions(spec.dnsConfig),
    ...(Object.keys(sysctls).length > 0 && { Sysctls: sysctls }),
    ...(settings.userns
      ? { UsernsMode: settings.userns }
      : spec.hostUsers === false && { UsernsMode: 'auto' }),
  };
  return {
    name: metadata.name,
    ...(!usesHost && { hostname: spec.hostname || metadata.name }),
    labels: metadata.labels ?? {},
    infra: true,
    share: sharedNamespaces(spec, usesHost),
    exitPolicy: 'stop',
    hostConfig,
    ...(!usesHost && settings.networkingConfig && { networkingConfig: settings.networkingConfig }),
    ...(settings.noHosts && { noHosts: true }),
    ...(settings.serviceId !== undefined && { serviceId: settings.serviceId }),
  };
}

function sharedNamespaces(spec: corev1.PodSpec, usesHost: boolean): string[] {
  return [
    ...(spec.hostIPC ? [] : ['ipc']),
    'net',
    ...(spec.shareProcessNamespace ? ['pid'] : []),
    ...(usesHost ? [] : ['uts']),
  ];
}

/** A port that names no host port is published under its own number, as Podman does. */
function portBindings(pod: corev1.Pod): NonNullable<HostConfig['PortBindings']> {
  const bindings: NonNullable<HostConfig['PortBindings']> = {};
  for (const { ports } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
    for (const { containerPort, hostPort, hostIP, protocol } of ports ?? []) {
      const key = `${containerPort}/${(protocol ?? 'TCP').toLowerCase()}`;
      bindings[key] ??= [];
      bindings[key]!.push({ HostIp: hostIP ?? '', HostPort: String(hostPort || containerPort) });
    }
  return bindings;
}

function dnsOptions(config: corev1.PodDNSConfig | undefined): Partial<HostConfig> {
  const options = (config?.options ?? []).map(({ name, value }) =>
    value === undefined ? (name ?? '') : `${name}:${value}`,
  );
  return {
    ...(config?.nameservers?.length && { Dns: [...config.nameservers] }),
    ...(config?.searches?.length && { DnsSearch: [...config.searches] }),
    ...(options.length > 0 && { DnsOptions: options }),
  };
}
