import { BadRequest } from '../../base/index.ts';
import { type corev1, ROOT_WORKSPACE } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { objectNotFound, serviceUnavailable } from '../errors.ts';
import type { ResourceRequest } from '../registry/registry.ts';

const PODS = { group: '', name: 'pods' };
const NODES = { group: '', name: 'nodes' };
const DEFAULT_PORT = 10250;

/** Where a node's own server listens. */
export interface NodeAddress {
  /** Whose certificate it has to show: the addresses are the node's own word. */
  nodeName: string;
  host: string;
  port: number;
}

/** @throws NotFound */
export async function readPod(
  objects: StoredObjects,
  request: ResourceRequest,
): Promise<Readonly<corev1.Pod>> {
  const pod = await objects.find<corev1.Pod>(
    { group: '', resource: 'pods' },
    { workspace: request.workspace, namespace: request.namespace!, name: request.name! },
  );
  if (pod === undefined) throw objectNotFound(PODS, request.name!);
  return pod;
}

/**
 * Nothing runs in another workspace than the first, whatever its users write into Nodes and Pods of theirs: neither
 * the cloud's nodes nor its pods are reached by what they say.
 */
export function hasNodes(workspace: string): boolean {
  return workspace === ROOT_WORKSPACE;
}

/** @throws NotFound when the node is gone, OrreryError ServiceUnavailable when it has no address. */
export async function addressOfNode(
  objects: StoredObjects,
  workspace: string,
  name: string,
): Promise<NodeAddress> {
  if (!hasNodes(workspace)) throw objectNotFound(NODES, name);
  const node = await objects.find<corev1.Node>({ group: '', resource: 'nodes' }, { workspace, name });
  if (node === undefined) throw objectNotFound(NODES, name);
  const addresses = node.status?.addresses ?? [];
  // kube-apiserver's --kubelet-preferred-address-types, without the names that may not resolve here.
  const host = ['InternalIP', 'ExternalIP', 'Hostname']
    .map((type) => addresses.find((address) => address.type === type)?.address)
    .find((address) => address !== undefined);
  if (host === undefined) throw serviceUnavailable(`no preferred addresses found for node "${name}"`);
  return { nodeName: name, host, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || DEFAULT_PORT };
}

/**
 * The container meant, by name or because it is the only one.
 *
 * @throws BadRequest in the words of k8s.io/kubernetes/pkg/registry/core/pod/strategy.go.
 */
export function chooseContainer(pod: Readonly<corev1.Pod>, wanted: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
  const podName = pod.metadata.name;
  if (wanted !== '') {
    if ([...names(containers), ...names(initContainers), ...names(ephemeralContainers)].includes(wanted))
      return wanted;
    throw new BadRequest(`container ${wanted} is not valid for pod ${podName}`);
  }
  const only = containers[0];
  if (only !== undefined && containers.length === 1) return only.name;
  const init =
    initContainers.length > 0 ? ` or one of the init containers: [${names(initContainers).join(' ')}]` : '';
  throw new BadRequest(
    `a container name must be specified for pod ${podName}, choose one of: [${names(containers).join(' ')}]${init}`,
  );
}
