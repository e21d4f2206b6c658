import { type corev1, type discoveryv1, isPodReady, isPodTerminal } from '../../kube/index.ts';

/** One pod behind one service, before it is put into a slice. */
export interface ServiceEndpoint {
  pod: corev1.Pod;
  ports: discoveryv1.EndpointPort[];
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

/**
 * The pods that stand behind a service: they match its selector, have an address and have not ended. One
 * that is ending stays, marked as terminating, so that a proxy can let its connections drain.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
 */
export function endpointsOfService(service: corev1.Service, pods: readonly corev1.Pod[]): ServiceEndpoint[] {
  const publishAll = service.spec.publishNotReadyAddresses === true;
  return pods
    .filter((pod) => !isPodTerminal(pod) && Boolean(pod.status?.podIP))
    .map((pod) => {
      const serving = isPodReady(pod);
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      const ready = publishAll || (serving && !terminating);
      return { pod, ports: portsFor(service, pod), ready, serving, terminating };
    });
}

/** The service's ports as this pod has them; a named target port that it does not have is left out. */
function portsFor(service: corev1.Service, pod: corev1.Pod): discoveryv1.EndpointPort[] {
  const ports: discoveryv1.EndpointPort[] = [];
  for (const servicePort of service.spec.ports ?? []) {
    const port = targetPort(servicePort, pod);
    if (port === undefined) continue;
    ports.push({
      name: servicePort.name ?? '',
      protocol: servicePort.protocol ?? 'TCP',
      port,
      ...(servicePort.appProtocol !== undefined && { appProtocol: servicePort.appProtocol }),
    });
  }
  return ports;
}

function targetPort(servicePort: corev1.ServicePort, pod: corev1.Pod): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  if (typeof target === 'number') return target === 0 ? servicePort.port : target;
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  return [...pod.spec.containers, ...sidecars]
    .flatMap((container) => container.ports ?? [])
    .find((port) => port.name === target && (port.protocol ?? 'TCP') === (servicePort.protocol ?? 'TCP'))
    ?.containerPort;
}

/** The name a pod has in the DNS of a headless service, when it asks for one there. */
export function hostnameIn(service: corev1.Service, pod: corev1.Pod): string | undefined {
  const { hostname, subdomain } = pod.spec;
  return hostname && subdomain === service.metadata.name ? hostname : undefined;
}

export function isHeadless(service: corev1.Service): boolean {
  return service.spec.clusterIP === 'None';
}

/** The addresses of a pod of one family. */
export function addressesOf(pod: corev1.Pod, family: 'IPv4' | 'IPv6'): string[] {
  const all = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status!.podIP!];
  return all.filter((ip) => ip !== undefined && ip.includes(':') === (family === 'IPv6'));
}

export function podReference(pod: corev1.Pod): corev1.ObjectReference {
  const { name, namespace, uid } = pod.metadata;
  return { kind: 'Pod', ...(namespace !== undefined && { namespace }), name, uid };
}
