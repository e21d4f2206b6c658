import { BlockList, isIP } from 'node:net';
import { BadRequest } from '../../base/index.ts';
import type { corev1, discoveryv1, KubeObject } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { objectNotFound, pathNotFound, serviceUnavailable } from '../errors.ts';
import type { ResourceRequest } from '../registry/registry.ts';
import { addressOfNode, hasNodes, type NodeAddress } from './node-address.ts';

/** Where a request to a `proxy` subresource goes. */
export interface ProxyTarget {
  scheme: 'http' | 'https';
  host: string;
  port: number;
  /** Set when it is the node's own server, which is told from others by its certificate. */
  node?: NodeAddress;
}

/** `[scheme:]name[:port]`. Source: k8s.io/apimachinery/pkg/util/net SplitSchemeNamePort. */
export interface SchemeNamePort {
  scheme: '' | 'http' | 'https';
  name: string;
  port: string;
}

/** Undefined for what is not of that form. */
export function splitSchemeNamePort(id: string): SchemeNamePort | undefined {
  const parts = id.split(':');
  if (parts.length > 3) return undefined;
  const [scheme, name, port] = parts.length === 3 ? parts : ['', parts[0], parts[1] ?? ''];
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https') return undefined;
  return name === '' ? undefined : { scheme, name: name!, port: port! };
}

/**
 * Where a request to nodes/proxy, pods/proxy or services/proxy goes: only to what the cluster itself says is a node,
 * a pod, or an endpoint that is a pod of the same namespace, and never to this host or its own links.
 *
 * @throws NotFound, BadRequest, OrreryError ServiceUnavailable in the words of k8s.io/kubernetes/pkg/registry/core.
 */
export async function findProxyTarget(
  objects: StoredObjects,
  request: ResourceRequest,
): Promise<ProxyTarget> {
  const parsed = splitSchemeNamePort(request.name!);
  const kind = request.resource.singularName;
  if (parsed === undefined) throw new BadRequest(`invalid ${kind} request ${JSON.stringify(request.name)}`);
  if (kind === 'node') return nodeTarget(objects, request, parsed);
  if (request.namespace === undefined) throw pathNotFound();
  if (!hasNodes(request.workspace))
    throw serviceUnavailable(`no endpoints available for ${kind} ${JSON.stringify(request.name)}`);
  return kind === 'pod' ? podTarget(objects, request, parsed) : serviceTarget(objects, request, parsed);
}

async function nodeTarget(
  objects: StoredObjects,
  { workspace }: ResourceRequest,
  { scheme, name, port }: SchemeNamePort,
): Promise<ProxyTarget> {
  const node = await addressOfNode(objects, workspace, name);
  if (port === '' || port === String(node.port))
    return { scheme: 'https', host: node.host, port: node.port, node };
  checkProxyable(node.host);
  return { scheme: scheme || 'http', host: node.host, port: portNumber(port) };
}

async function podTarget(
  objects: StoredObjects,
  { workspace, namespace }: ResourceRequest,
  { scheme, name, port }: SchemeNamePort,
): Promise<ProxyTarget> {
  const pod = await objects.find<corev1.Pod>(
    { group: '', resource: 'pods' },
    { workspace, namespace: namespace!, name },
  );
  if (pod === undefined) throw objectNotFound({ group: '', name: 'pods' }, name);
  const first = pod.spec?.containers.find(({ ports = [] }) => ports.length > 0)?.ports?.[0]?.containerPort;
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '';
  checkProxyable(host);
  const wanted = scheme || 'http';
  const fallback = first ?? (wanted === 'https' ? 443 : 80);
  return { scheme: wanted, host, port: port === '' ? fallback : portNumber(port) };
}

async function serviceTarget(
  objects: StoredObjects,
  request: ResourceRequest,
  { scheme, name, port }: SchemeNamePort,
): Promise<ProxyTarget> {
  const { workspace } = request;
  const namespace = request.namespace!;
  const service = await objects.find<corev1.Service>(
    { group: '', resource: 'services' },
    { workspace, namespace, name },
  );
  if (service === undefined) throw objectNotFound({ group: '', name: 'services' }, name);
  const portName = nameOfPort(service, name, port);
  const slices = await objects.list<discoveryv1.EndpointSlice>(
    { group: 'discovery.k8s.io', resource: 'endpointslices' },
    { workspace, namespace },
  );
  for (const { object: slice } of shuffled(slices)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
    const found = slice.ports?.find((one) => (one.name ?? '') === portName);
    if (found?.port === undefined) continue;
    for (const endpoint of shuffled(slice.endpoints ?? [])) {
      const host = endpoint.addresses[0];
      if (host === undefined || endpoint.conditions?.ready === false) continue;
      if (!(await isPodAddress(objects, request, endpoint, host)) || !isProxyable(host)) continue;
      return { scheme: scheme || 'http', host, port: found.port };
    }
  }
  throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(request.name)}`);
}

/** A number of a port is the service's; endpoints are found by the port's name. */
function nameOfPort(service: Readonly<corev1.Service>, name: string, port: string): string {
  if (!/^\d+$/.test(port)) return port;
  const found = service.spec?.ports?.find((one) => one.port === Number(port));
  if (found === undefined)
    throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return found.name ?? '';
}

/** Whoever may write an EndpointSlice could otherwise send the API server anywhere. */
async function isPodAddress(
  objects: StoredObjects,
  { workspace, namespace }: ResourceRequest,
  { targetRef }: discoveryv1.Endpoint,
  address: string,
): Promise<boolean> {
  if (targetRef?.kind !== 'Pod' || !targetRef.name) return false;
  if (targetRef.namespace !== undefined && targetRef.namespace !== namespace) return false;
  const pod = await objects.find<corev1.Pod & KubeObject>(
    { group: '', resource: 'pods' },
    { workspace, namespace: namespace!, name: targetRef.name },
  );
  if (pod === undefined || (targetRef.uid !== undefined && targetRef.uid !== pod.metadata.uid)) return false;
  return pod.status?.podIPs?.some(({ ip }) => ip === address) === true || pod.status?.podIP === address;
}

function shuffled<T>(list: readonly T[]): T[] {
  const start = Math.floor(Math.random() * list.length);
  return [...list.slice(start), ...list.slice(0, start)];
}

function portNumber(port: string): number {
  const number = Number(port);
  if (/^\d+$/.test(port) && number >= 1 && number <= 65535) return number;
  throw new BadRequest(`invalid port ${JSON.stringify(port)}`);
}

const FORBIDDEN = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
] as const) {
  FORBIDDEN.addSubnet(network, prefix, 'ipv4');
  FORBIDDEN.addSubnet(`::ffff:${network}`, 96 + prefix, 'ipv6');
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  FORBIDDEN.addSubnet(network, prefix, 'ipv6');

/** A global unicast address (Go's IsGlobalUnicast): not this host, not a link, not many, not a name. */
export function isProxyable(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && !FORBIDDEN.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** @throws BadRequest; k8s.io/apimachinery/pkg/util/proxy ErrAddressNotAllowed. */
function checkProxyable(host: string): void {
  if (!isProxyable(host)) throw new BadRequest('address not allowed');
}
