import type { corev1, discoveryv1 } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { hasNodes } from '../proxy/node-address.ts';

export interface ServiceAddress {
  host: string;
  port: number;
}

/**
 * Where a Service answers: one of its ready endpoints, else its cluster address. Straight to an endpoint also works
 * where this machine has no service rules. Undefined when there is no such Service, or it has no such port; and in any
 * workspace but the first, where nothing runs and whatever an endpoint says is what its users wrote.
 */
export async function findServiceAddress(
  objects: StoredObjects,
  target: { workspace: string; namespace: string; name: string; port: number },
): Promise<ServiceAddress | undefined> {
  const { workspace, namespace, name, port } = target;
  if (!hasNodes(workspace)) return undefined;
  const service = await objects.find<corev1.Service>(
    { group: '', resource: 'services' },
    { workspace, namespace, name },
  );
  if (service === undefined) return undefined;
  if (service.spec?.type === 'ExternalName' && service.spec.externalName)
    return { host: service.spec.externalName, port };
  const found = service.spec?.ports?.find((one) => one.port === port);
  if (found === undefined) return undefined;
  const portName = found.name ?? '';
  const slices = await objects.list<discoveryv1.EndpointSlice>(
    { group: 'discovery.k8s.io', resource: 'endpointslices' },
    { workspace, namespace },
  );
  const ready = slices.flatMap(({ object: slice }) => {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) return [];
    const target = slice.ports?.find((one) => (one.name ?? '') === portName)?.port;
    if (target === undefined) return [];
    return (slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses.map((host) => ({ host, port: target })));
  });
  if (ready.length > 0) return ready[Math.floor(Math.random() * ready.length)];
  const address = service.spec?.clusterIP;
  return address && address !== 'None' ? { host: address, port } : undefined;
}
