import { messageOf } from '../../base/index.ts';
import type { coordinationv1, corev1, KubeObject } from '../../kube/index.ts';
import { objectNotFound } from '../errors.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import { type Answer, objectAnswer, type Registry, type ResourceRequest, unstored } from './registry.ts';
import { readSelection } from './selection.ts';

type Condition = corev1.ComponentCondition;

const WARNING = 'v1 ComponentStatus is deprecated in v1.19+';
/** By the Lease each holds while it works. */
const LEADERS: Readonly<Record<string, string>> = {
  scheduler: 'kube-scheduler',
  'controller-manager': 'kube-controller-manager',
};
const STORE = 'etcd-0';

/**
 * GET of componentstatuses: asked, never stored. Upstream calls the health pages of the components; ours are asked for
 * the leases they renew, which is the same on one server and on several.
 *
 * Source: k8s.io/kubernetes/pkg/registry/core/componentstatus.
 */
export async function getComponentStatuses(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const { resource, name } = request;
  request.warn?.(WARNING);
  const names = [...Object.keys(LEADERS), STORE];
  if (name !== undefined) {
    if (!names.includes(name)) throw objectNotFound(resource, name);
    return objectAnswer(200, resource, unstored('', resource, await statusOf(registry, request, name), 0));
  }
  const selection = readSelection(resource, request.request.query);
  const all = await Promise.all(names.map((one) => statusOf(registry, request, one)));
  const items = all.filter((one) => selection.matches(one)).map((one) => unstored('', resource, one, 0));
  return { type: 'list', resource, items, metadata: {} as never };
}

async function statusOf(registry: Registry, request: ResourceRequest, name: string): Promise<KubeObject> {
  const condition = await healthOf(registry, request, name).catch(
    (error): Condition => ({ type: 'Healthy', status: 'Unknown', error: messageOf(error) }),
  );
  const metadata = { name };
  const status = { kind: 'ComponentStatus', apiVersion: 'v1', metadata, conditions: [condition] };
  return status as unknown as KubeObject;
}

async function healthOf(registry: Registry, request: ResourceRequest, name: string): Promise<Condition> {
  const lease = LEADERS[name] ?? 'kube-controller-manager';
  const leases = registry.catalog.findStored('coordination.k8s.io', 'leases')!;
  const key = registry.storage.keyOf(leases, {
    workspace: request.workspace === '*' ? DEFAULT_WORKSPACE : request.workspace,
    namespace: 'kube-system',
    name: lease,
  });
  const found = await registry.storage.get(key);
  // Whatever it holds: the store answered.
  if (name === STORE) return healthy();
  if (found === undefined) return { type: 'Healthy', status: 'Unknown', error: `lease ${lease} not found` };
  const { spec } = registry.storage.decode<coordinationv1.Lease>(leases, found.bytes);
  const endMs = Date.parse(spec.renewTime ?? '') + (spec.leaseDurationSeconds ?? 0) * 1000;
  if (spec.holderIdentity && endMs > registry.clock.now()) return healthy();
  const error = spec.holderIdentity
    ? `its lease was not renewed since ${spec.renewTime}`
    : `nobody holds the lease ${lease}`;
  return { type: 'Healthy', status: 'False', error };
}

function healthy(): Condition {
  return { type: 'Healthy', status: 'True', message: 'ok' };
}
