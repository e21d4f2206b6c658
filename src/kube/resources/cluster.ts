import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import {
  componentStatusColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
} from '../table/cluster-columns.ts';
import type { coordinationv1, corev1 } from '../types/index.generated.ts';
import { dns1123Label } from '../validation/formats.ts';
import { validateLease } from '../validation/leases.ts';
import { validateNamespace, validateNamespaceStatus } from '../validation/namespaces.ts';
import { validateNode, validateNodeUpdate } from '../validation/nodes.ts';
import { builtin, keepStatus, proxySubresource, selectable, statusSubresource } from './builtin.ts';
import { canonicalizeAmounts } from './pod-spec-defaults.ts';

const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';
const NAMESPACE_FINALIZER = 'kubernetes';

function defaultNamespace(object: KubeObject): void {
  const namespace = object as corev1.Namespace;
  namespace.spec ??= {};
  namespace.status ??= {};
  namespace.status.phase ||= 'Active';
  labelWithName(namespace);
}

function labelWithName({ metadata }: corev1.Namespace): void {
  if (!metadata.name) return;
  metadata.labels = { ...metadata.labels, [NAMESPACE_NAME_LABEL]: metadata.name };
}

/** The finalizer keeps a deleted namespace until its contents are gone. */
function prepareNamespaceForCreate(object: KubeObject): void {
  const namespace = object as corev1.Namespace;
  labelWithName(namespace);
  namespace.status = { phase: 'Active' };
  const finalizers = namespace.spec?.finalizers ?? [];
  namespace.spec = {
    finalizers: finalizers.includes(NAMESPACE_FINALIZER) ? finalizers : [...finalizers, NAMESPACE_FINALIZER],
  };
}

/** spec.finalizers are changed through `…/finalize` only. */
function prepareNamespaceForUpdate(object: KubeObject, old: KubeObject): void {
  const namespace = object as corev1.Namespace;
  const { spec } = old as corev1.Namespace;
  namespace.spec = { ...(spec?.finalizers !== undefined && { finalizers: [...spec.finalizers] }) };
  keepStatus(namespace, old);
}

export const namespacesResource: Resource = {
  ...builtin({
    kind: 'Namespace',
    name: 'namespaces',
    shortNames: ['ns'],
    namespaced: false,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    schema: { ref: 'core/v1.Namespace' },
    subresources: [{ name: 'finalize', verbs: ['update'] }, statusSubresource],
    validateName: dns1123Label,
    columns: namespaceColumns,
  }),
  defaults: defaultNamespace,
  prepareForCreate: prepareNamespaceForCreate,
  prepareForUpdate: prepareNamespaceForUpdate,
  validateCreate: (object) => validateNamespace(object as corev1.Namespace),
  validateStatusUpdate: (object) => validateNamespaceStatus(object as corev1.Namespace),
  selectableFields: selectable<corev1.Namespace>({ 'status.phase': ({ status }) => status?.phase }),
};

/** podCIDR is the first of podCIDRs; allocatable is capacity when it is not said. */
function defaultNode(object: KubeObject): void {
  const node = object as corev1.Node;
  node.spec ??= {};
  if (node.spec.podCIDR && (node.spec.podCIDRs ?? []).length === 0) node.spec.podCIDRs = [node.spec.podCIDR];
  if (node.spec.podCIDRs?.[0] !== undefined) node.spec.podCIDR = node.spec.podCIDRs[0];
  const { status } = node;
  if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity };
  canonicalizeAmounts(status?.capacity);
  canonicalizeAmounts(status?.allocatable);
}

export const nodesResource: Resource = {
  ...builtin({
    kind: 'Node',
    name: 'nodes',
    shortNames: ['no'],
    namespaced: false,
    schema: { ref: 'core/v1.Node' },
    subresources: [proxySubresource('NodeProxyOptions'), statusSubresource],
    columns: nodeColumns,
  }),
  defaults: defaultNode,
  // A node agent registers with its status: nothing is dropped on create.
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateNode(object as corev1.Node),
  validateUpdate: (object, old) => validateNodeUpdate(object as corev1.Node, old as corev1.Node),
  validateStatusUpdate: (object, old) => validateNodeUpdate(object as corev1.Node, old as corev1.Node),
  selectableFields: selectable<corev1.Node>({
    'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false),
  }),
};

export const leasesResource: Resource = {
  ...builtin({
    group: 'coordination.k8s.io',
    kind: 'Lease',
    name: 'leases',
    schema: { ref: 'coordination/v1.Lease' },
    columns: leaseColumns,
  }),
  validateCreate: (object) => validateLease(object as coordinationv1.Lease),
  validateUpdate: (object) => validateLease(object as coordinationv1.Lease),
};

/** Asked, never stored: deprecated since 1.19, and still what many look at first. */
export const componentStatusesResource: Resource = builtin({
  kind: 'ComponentStatus',
  name: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  schema: { ref: 'core/v1.ComponentStatus' },
  columns: componentStatusColumns,
});
