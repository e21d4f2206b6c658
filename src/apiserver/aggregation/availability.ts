import type { apiregistrationv1, corev1, discoveryv1 } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import type { Backend } from './api-services.ts';

export type Verdict = Pick<apiregistrationv1.APIServiceCondition, 'status' | 'reason' | 'message'>;

export const PASSED: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' };

/**
 * Why a service cannot answer, by what the cluster says of it; undefined when it is worth asking it.
 * Source: k8s.io/kube-aggregator/pkg/controllers/status/remote.
 */
export async function checkService(objects: StoredObjects, backend: Backend): Promise<Verdict | undefined> {
  const { namespace, name, port } = backend;
  const where = { workspace: DEFAULT_WORKSPACE, namespace };
  const service = await objects.find<corev1.Service>({ group: '', resource: 'services' }, { ...where, name });
  const named = `service/${name} in ${JSON.stringify(namespace)}`;
  if (service === undefined) return refused('ServiceNotFound', `${named} is not present`);
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
  const servicePort = service.spec?.ports?.find((one) => one.port === port);
  if (servicePort === undefined)
    return refused('ServicePortError', `${named} is not listening on port ${port}`);
  const all = await objects.list<discoveryv1.EndpointSlice>(
    { group: 'discovery.k8s.io', resource: 'endpointslices' },
    where,
  );
  const slices = all.filter(({ object }) => object.metadata.labels?.['kubernetes.io/service-name'] === name);
  if (slices.length === 0) return refused('EndpointsNotFound', `cannot find endpointslices for ${named}`);
  const portName = servicePort.name ?? '';
  if (slices.some(({ object }) => hasReadyEndpoint(object, portName))) return undefined;
  return refused(
    'MissingEndpoints',
    `endpointslices for ${named} have no addresses with port name ${JSON.stringify(portName)}`,
  );
}

function refused(reason: string, message: string): Verdict {
  return { status: 'False', reason, message };
}

export function failedDiscovery(message: string): Verdict {
  return refused('FailedDiscoveryCheck', message);
}

function hasReadyEndpoint(
  { endpoints, ports }: Readonly<discoveryv1.EndpointSlice>,
  portName: string,
): boolean {
  const isReady = endpoints?.some(({ conditions }) => conditions?.ready !== false) === true;
  return isReady && ports?.some((one) => (one.name ?? '') === portName && one.port !== undefined) === true;
}
