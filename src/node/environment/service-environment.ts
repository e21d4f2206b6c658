import type { corev1 } from '../../kube/index.ts';

/**
 * The variables a container gets for the services it could reach: `<NAME>_SERVICE_HOST`, `…_SERVICE_PORT`
 * and the Docker-link ones. Those of `default/kubernetes` always, those of the pod's own namespace when
 * `enableServiceLinks` is not false (its own service of that name wins over `kubernetes`).
 * https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
export function serviceEnvironment(
  services: readonly corev1.Service[],
  namespace: string,
  enableServiceLinks: boolean,
): Record<string, string> {
  const chosen = new Map<string, corev1.Service>();
  for (const service of services) {
    const { name, namespace: at } = service.metadata;
    if (name === undefined || !hasClusterIp(service)) continue;
    if (at === namespace && enableServiceLinks) chosen.set(name, service);
    else if (at === 'default' && name === 'kubernetes' && !chosen.has(name)) chosen.set(name, service);
  }
  const environment: Record<string, string> = {};
  for (const service of [...chosen.values()].sort((a, b) =>
    (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1,
  )) {
    addService(environment, service);
  }
  return environment;
}

function hasClusterIp(service: corev1.Service): boolean {
  const address = service.spec?.clusterIP;
  return address !== undefined && address !== '' && address !== 'None';
}

function addService(environment: Record<string, string>, service: corev1.Service): void {
  const prefix = variableName(service.metadata.name!);
  const host = service.spec!.clusterIP!;
  const ports = service.spec!.ports ?? [];
  const first = ports[0];
  if (first === undefined) return;
  environment[`${prefix}_SERVICE_HOST`] = host;
  environment[`${prefix}_SERVICE_PORT`] = String(first.port);
  for (const port of ports) {
    if (port.name) environment[`${prefix}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
  }
  const address = host.includes(':') ? `[${host}]` : host;
  environment[`${prefix}_PORT`] = `${(first.protocol ?? 'TCP').toLowerCase()}://${address}:${first.port}`;
  for (const port of ports) {
    const protocol = port.protocol ?? 'TCP';
    const portPrefix = `${prefix}_PORT_${port.port}_${protocol}`;
    environment[portPrefix] = `${protocol.toLowerCase()}://${address}:${port.port}`;
    environment[`${portPrefix}_PROTO`] = protocol.toLowerCase();
    environment[`${portPrefix}_PORT`] = String(port.port);
    environment[`${portPrefix}_ADDR`] = host;
  }
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
