import type { KubeObject } from '../../kube/index.ts';
import type { ObjectClient } from '../object-client.ts';
import type { ServerAddress } from './server-records.ts';

const ENDPOINTS = '/api/v1/namespaces/default/endpoints';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

/**
 * Writes where the `kubernetes` Service leads: every server that is alive. A slice has one list of ports: servers on
 * another port than the first are in the Endpoints only.
 * Source: k8s.io/kubernetes/pkg/controlplane/reconcilers.
 */
export async function publishEndpoints(
  client: Pick<ObjectClient, 'replace'>,
  servers: readonly ServerAddress[],
): Promise<void> {
  // A loopback address means another host to every pod; the API refuses it in endpoints.
  const reachable = servers.filter(({ address }) => !address.startsWith('127.'));
  const ports = [...new Set(reachable.map(({ port }) => port))].sort((a, b) => a - b);
  const portsOf = (port: number) => [{ name: 'https', port, protocol: 'TCP' }];
  const addressesOn = (port: number) =>
    [...new Set(reachable.flatMap((one) => (one.port === port ? [one.address] : [])))].sort();
  await client.replace(ENDPOINTS, {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: metadataOf({ 'endpointslice.kubernetes.io/skip-mirror': 'true' }),
    ...(ports.length > 0 && {
      subsets: ports.map((port) => ({
        addresses: addressesOn(port).map((ip) => ({ ip })),
        ports: portsOf(port),
      })),
    }),
  } as KubeObject);
  const [first = servers[0]?.port ?? 443] = ports;
  await client.replace(SLICES, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadataOf({ 'kubernetes.io/service-name': 'kubernetes' }),
    addressType: 'IPv4',
    endpoints: addressesOn(first).map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: portsOf(first),
  } as KubeObject);
}

function metadataOf(labels: Record<string, string>): KubeObject['metadata'] {
  // What else metadata has the server fills in.
  return { name: 'kubernetes', namespace: 'default', labels } as Partial<
    KubeObject['metadata']
  > as KubeObject['metadata'];
}
