import {
  type authenticationv1,
  type certificatesv1,
  type corev1,
  equalJson,
  type metav1,
  parseCertificateRequest,
} from '../../kube/index.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { isMirror, names, nodeNameOf } from '../authorization/node-authorizer.ts';
import { forbidden, objectNotFound } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';
import { checkNodeTokenAudience } from './node-token-audience.ts';

const NODE_SIGNERS = new Set([
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
]);
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
/** Administrators place pods by these; a node that could take them would draw pods, and their secrets, to itself. */
const RESTRICTED_LABELS = /^([^/]+\.)?node-restriction\.kubernetes\.io\//;
const KUBERNETES_LABELS = /^([^/]+\.)?(kubernetes|k8s)\.io\//;
/** What a kubelet says of itself; k8s.io/kubelet/pkg/apis IsKubeletLabel. */
const KUBELET_NAMESPACES = /^([^/]+\.)?(kubelet|node)\.kubernetes\.io\//;
const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);

function isForbiddenLabel(label: string): boolean {
  if (RESTRICTED_LABELS.test(label)) return true;
  return KUBERNETES_LABELS.test(label) && !KUBELET_LABELS.has(label) && !KUBELET_NAMESPACES.test(label);
}

/**
 * A node changes its own Node, and the pods bound to it, only.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/noderestriction.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = 'NodeRestriction';
  readonly #objects: StoredObjects;
  readonly #authorizer: Authorizer;

  constructor(objects: StoredObjects, authorizer: Authorizer) {
    this.#objects = objects;
    this.#authorizer = authorizer;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const node = nodeNameOf(request.user);
    if (node === undefined) return;
    const { group, name } = request.resource;
    if (group === 'coordination.k8s.io' && name === 'leases') return validateLease(request, node);
    if (group === 'storage.k8s.io' && name === 'csinodes') return validateCsiNode(request, node);
    if (group === 'certificates.k8s.io' && name === 'certificatesigningrequests')
      return validateCertificateRequest(request, node);
    if (group !== '') return;
    switch (name) {
      case 'nodes':
        return validateNode(request, node);
      case 'pods':
        return this.#validatePod(request, node);
      case 'persistentvolumeclaims':
        return validateClaimStatus(request, node);
      case 'serviceaccounts':
        if (request.subresource === 'token') await this.#validateToken(request, node);
    }
  }

  async #validatePod(request: AdmissionRequest, node: string): Promise<void> {
    if (request.operation === 'CREATE' && request.subresource === undefined)
      return this.#validateMirrorPod(request, node);
    const pod = (request.oldObject ??
      (await this.#objects.find(
        { group: '', resource: 'pods' },
        { workspace: request.workspace, namespace: request.namespace!, name: request.name },
      ))) as Readonly<corev1.Pod> | undefined;
    if (pod === undefined) return;
    if (pod.spec?.nodeName === node) return keepLabels(request, node);
    const what =
      request.operation === 'DELETE'
        ? 'delete'
        : request.subresource === 'eviction'
          ? 'evict'
          : 'update status for';
    throw forbidden(
      request.resource,
      request.name,
      `node "${node}" can only ${what} pods with spec.nodeName set to itself`,
    );
  }

  async #validateToken(request: AdmissionRequest, node: string): Promise<void> {
    const bound = (request.body as authenticationv1.TokenRequest | undefined)?.spec?.boundObjectRef;
    if (bound?.kind !== 'Pod' || !bound.name)
      throw forbidden(request.resource, request.name, 'node requested token not bound to a pod');
    const pod = await this.#objects.find<corev1.Pod>(
      { group: '', resource: 'pods' },
      { workspace: request.workspace, namespace: request.namespace!, name: bound.name },
    );
    if (!bound.uid)
      throw forbidden(
        request.resource,
        request.name,
        'node requested token with a pod binding without a uid',
      );
    if (pod !== undefined && bound.uid !== pod.metadata.uid)
      throw forbidden(
        request.resource,
        request.name,
        `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    if (pod?.spec?.nodeName !== node || isMirror(pod))
      throw forbidden(
        request.resource,
        request.name,
        'node requested token bound to a pod scheduled on a different node',
      );
    await checkNodeTokenAudience({ objects: this.#objects, authorizer: this.#authorizer }, request, pod);
  }

  async #validateMirrorPod(request: AdmissionRequest, node: string): Promise<void> {
    validateMirrorPod(request, node);
    const [owner] = request.object?.metadata.ownerReferences ?? [];
    const own = await this.#objects.find(
      { group: '', resource: 'nodes' },
      { workspace: request.workspace, name: node },
    );
    if (own === undefined) throw objectNotFound({ group: '', name: 'nodes' }, node);
    if (owner?.uid !== own.metadata.uid)
      throw forbidden(
        request.resource,
        request.name,
        `node ${node} UID mismatch: expected ${own.metadata.uid} got ${owner?.uid ?? ''}`,
      );
  }
}

/** A certificate of a node is of the node that asks for it. Source: noderestriction admitCSR. */
function validateCertificateRequest(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'CREATE') return;
  const { signerName, request: pem } = (request.object as certificatesv1.CertificateSigningRequest).spec;
  if (!NODE_SIGNERS.has(signerName)) return;
  const { commonName } = parseCertificateRequest(Buffer.from(pem, 'base64').toString());
  if (commonName !== `system:node:${node}`)
    throw forbidden(request.resource, request.name, `can only create a node CSR with CN=system:node:${node}`);
}

/** How far a resize is; what a claim is called, owned by and annotated with is none of a node's. */
function validateClaimStatus(request: AdmissionRequest, node: string): void {
  const own = (object: AdmissionRequest['object']) => {
    const { metadata, spec, status } = structuredClone(object) as corev1.PersistentVolumeClaim;
    const { resourceVersion: _version, managedFields: _managed, ...rest } = metadata;
    const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...others } = status ?? {};
    return { metadata: rest, spec, status: others };
  };
  if (request.operation === 'UPDATE' && equalJson(own(request.object), own(request.oldObject))) return;
  throw forbidden(
    request.resource,
    request.name,
    `node "${node}" is not allowed to update fields other than status.capacity and status.conditions`,
  );
}

function validateLease(request: AdmissionRequest, node: string): void {
  if (request.name !== node)
    throw forbidden(
      request.resource,
      request.name,
      'can only access node lease with the same name as the requesting node',
    );
}

function validateCsiNode(request: AdmissionRequest, node: string): void {
  const name = request.name || request.object?.metadata.name;
  const verb = request.operation === 'CREATE' ? 'create' : 'access';
  if (name !== node)
    throw forbidden(
      request.resource,
      request.name,
      `can only ${verb} CSINode with the same name as the requesting node`,
    );
}

function validateNode(request: AdmissionRequest, node: string): void {
  const refuse = (why: string) => {
    throw forbidden(request.resource, request.name, `node "${node}" is not allowed to ${why}`);
  };
  if (request.name !== node) refuse(`modify node "${request.name}"`);
  const after = request.object as corev1.Node | undefined;
  if (after === undefined) return;
  const before = request.oldObject as Readonly<corev1.Node> | undefined;
  const [now, was] = [after.metadata.labels ?? {}, before?.metadata.labels ?? {}];
  const changed = [...new Set([...Object.keys(now), ...Object.keys(was)])].filter(
    (label) => isForbiddenLabel(label) && now[label] !== was[label],
  );
  const setOrModify = before === undefined ? 'set the following labels' : 'modify labels';
  if (changed.length > 0) refuse(`${setOrModify}: ${changed.sort().join(', ')}`);
  if (before !== undefined && !equalJson(after.spec?.taints ?? [], before.spec?.taints ?? []))
    refuse('modify taints');
  const owners = before?.metadata.ownerReferences ?? [];
  if (before !== undefined && !equalJson(after.metadata.ownerReferences ?? [], owners))
    refuse('modify ownerReferences');
}

/** What the kubelet shows of a pod it runs from a file: it may name nothing that would be a right. */
function validateMirrorPod(request: AdmissionRequest, node: string): void {
  const pod = request.object as corev1.Pod;
  const refuse = (why: string) => {
    throw forbidden(request.resource, request.name, why);
  };
  if (!isMirror(pod))
    refuse(`pod does not have "${MIRROR_ANNOTATION}" annotation, node "${node}" can only create mirror pods`);
  if (pod.spec?.nodeName !== node)
    refuse(`node "${node}" can only create pods with spec.nodeName set to itself`);
  const why = whyNotOwned(pod.metadata.ownerReferences ?? [], node);
  if (why !== undefined) refuse(why);
  if (pod.spec?.serviceAccountName)
    refuse(`node "${node}" can not create pods that reference a service account`);
  if (names(pod, 'secrets').size > 0) refuse(`node "${node}" can not create pods that reference secrets`);
  if (names(pod, 'configmaps').size > 0)
    refuse(`node "${node}" can not create pods that reference configmaps`);
  const volumes = pod.spec?.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ clusterTrustBundle }) => clusterTrustBundle !== undefined))
    refuse(`node "${node}" can not create pods that reference clustertrustbundles`);
  if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined))
    refuse(`node "${node}" can not create pods that reference a service account`);
  if (pod.spec?.resourceClaims?.length)
    refuse(`node "${node}" can not create pods that reference resourceclaims`);
  if (volumes.some((volume) => volume.persistentVolumeClaim !== undefined))
    refuse(`node "${node}" can not create pods that reference persistentvolumeclaims`);
}

/** It goes with its node, and holds nothing else up. */
function whyNotOwned(owners: readonly metav1.OwnerReference[], node: string): string | undefined {
  const [owner] = owners;
  if (owners.length > 1)
    return `node "${node}" can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return `node "${node}" can only create pods with an owner reference set to itself`;
  if (owner.controller !== true)
    return `node "${node}" can only create pods with a controller owner reference set to itself`;
  return owner.blockOwnerDeletion === true
    ? `node "${node}" must not set blockOwnerDeletion on an owner reference`
    : undefined;
}

/** Labels make a pod the endpoint of a Service: they are not a status. */
function keepLabels(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'UPDATE') return;
  const [now, was] = [request.object?.metadata.labels ?? {}, request.oldObject?.metadata.labels ?? {}];
  if (!equalJson(now, was))
    throw forbidden(request.resource, request.name, `node "${node}" cannot update labels through pod status`);
  const claims = (object: AdmissionRequest['object']) =>
    (object as corev1.Pod | undefined)?.status?.resourceClaimStatuses ?? [];
  if (!equalJson(claims(request.object), claims(request.oldObject)))
    throw forbidden(request.resource, request.name, `node "${node}" cannot update resource claim statues`);
}
