import type { KubeObject } from '../object.ts';
import type { Resource, Subresource } from '../resource.ts';
import { certificateRequestColumns, trustBundleColumns } from '../table/certificate-columns.ts';
import type { certificatesv1, certificatesv1beta1 } from '../types/index.generated.ts';
import {
  validateCertificateRequest,
  validateCertificateRequestApproval,
  validateCertificateRequestStatus,
  validateCertificateRequestUpdate,
} from '../validation/certificate-requests.ts';
import {
  validatePodCertificateRequest,
  validatePodCertificateRequestStatus,
  validatePodCertificateRequestUpdate,
} from '../validation/pod-certificate-requests.ts';
import { validateTrustBundle, validateTrustBundleUpdate } from '../validation/trust-bundles.ts';
import { builtin, dropStatus, keepStatus, selectable, statusSubresource } from './builtin.ts';

type Request = certificatesv1.CertificateSigningRequest;
type PodRequest = certificatesv1beta1.PodCertificateRequest;

const approvalSubresource: Subresource = { name: 'approval', verbs: ['get', 'patch', 'update'] };

/** What is asked for, and by whom, never changes. */
function prepareForUpdate(object: KubeObject, old: KubeObject): void {
  (object as Request).spec = structuredClone((old as Request).spec);
  keepStatus(object, old);
}

/** Times a condition's writer left out; registry/certificates, populateConditionTimestamps of either kind. */
function fillTransitionTimes(object: Request | PodRequest, old: Request | PodRequest, now: Date): void {
  for (const condition of object.status?.conditions ?? []) {
    const before = old.status?.conditions?.find(
      ({ type, status }) => type === condition.type && status === condition.status,
    );
    condition.lastTransitionTime ??= before?.lastTransitionTime ?? secondsOf(now);
  }
}

function fillConditionTimes(object: KubeObject, old: KubeObject, now: Date): void {
  const request = object as Request;
  for (const condition of request.status?.conditions ?? []) condition.lastUpdateTime ??= secondsOf(now);
  fillTransitionTimes(request, old as Request, now);
}

function secondsOf(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}

/** A decision changes the conditions only. */
function prepareForApproval(object: KubeObject, old: KubeObject, now: Date): void {
  fillConditionTimes(object, old, now);
  const request = object as Request;
  const { conditions } = request.status ?? {};
  request.status = { ...(old as Request).status };
  if (conditions === undefined) delete request.status.conditions;
  else request.status.conditions = conditions;
}

const certificateRequestsResource: Resource = {
  ...builtin({
    group: 'certificates.k8s.io',
    kind: 'CertificateSigningRequest',
    name: 'certificatesigningrequests',
    shortNames: ['csr'],
    namespaced: false,
    schema: { ref: 'certificates/v1.CertificateSigningRequest' },
    subresources: [approvalSubresource, statusSubresource],
    // Upstream: "We don't care what you call your certificate requests."
    validateName: () => [],
    columns: certificateRequestColumns,
  }),
  // spec.username, uid, groups and extra are the API server's to fill in (its CertificateSubject admission).
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate,
  validateCreate: (object) => validateCertificateRequest(object as Request),
  validateUpdate: (object, old) => validateCertificateRequestUpdate(object as Request, old as Request),
  validateStatusUpdate: (object, old) => validateCertificateRequestStatus(object as Request, old as Request),
  prepareForStatusUpdate: fillConditionTimes,
  statusParts: {
    approval: {
      prepareForUpdate: prepareForApproval,
      validateUpdate: (object, old) => validateCertificateRequestApproval(object as Request, old as Request),
    },
  },
  selectableFields: selectable<Request>({ 'spec.signerName': ({ spec }) => spec?.signerName }),
};

type TrustBundle = certificatesv1beta1.ClusterTrustBundle;

const clusterTrustBundlesResource: Resource = {
  ...builtin({
    group: 'certificates.k8s.io',
    version: 'v1beta1',
    kind: 'ClusterTrustBundle',
    name: 'clustertrustbundles',
    namespaced: false,
    schema: { ref: 'certificates/v1beta1.ClusterTrustBundle' },
    columns: trustBundleColumns,
    // The rules depend on the signer: they are among those of the spec.
    validateName: () => [],
  }),
  validateCreate: (object) => validateTrustBundle(object as TrustBundle),
  validateUpdate: (object, old) => validateTrustBundleUpdate(object as TrustBundle, old as TrustBundle),
  selectableFields: selectable<TrustBundle>({ 'spec.signerName': ({ spec }) => spec?.signerName }),
};

const podCertificateRequestsResource: Resource = {
  ...builtin({
    group: 'certificates.k8s.io',
    version: 'v1beta1',
    kind: 'PodCertificateRequest',
    name: 'podcertificaterequests',
    schema: { ref: 'certificates/v1beta1.PodCertificateRequest' },
    subresources: [statusSubresource],
  }),
  defaults: (object) => {
    const { spec } = object as PodRequest;
    if (spec !== undefined) spec.maxExpirationSeconds ??= 86_400;
  },
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validatePodCertificateRequest(object as PodRequest),
  validateUpdate: (object, old) =>
    validatePodCertificateRequestUpdate(object as PodRequest, old as PodRequest),
  prepareForStatusUpdate: (object, old, now) =>
    fillTransitionTimes(object as PodRequest, old as PodRequest, now),
  validateStatusUpdate: (object, old, now) =>
    validatePodCertificateRequestStatus(object as PodRequest, old as PodRequest, now),
  selectableFields: selectable<PodRequest>({
    'spec.signerName': ({ spec }) => spec?.signerName,
    'spec.podName': ({ spec }) => spec?.podName,
    'spec.nodeName': ({ spec }) => spec?.nodeName,
  }),
};

export const certificatesResources: readonly Resource[] = [
  certificateRequestsResource,
  clusterTrustBundlesResource,
  podCertificateRequestsResource,
];
