import {
  type certificatesv1,
  type certificatesv1beta1,
  equalJson,
  parseCertificateRequest,
} from '../../kube/index.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { forbidden } from '../errors.ts';
import { MASTERS_GROUP } from '../http/messages.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const GROUP = 'certificates.k8s.io';
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
type Request = certificatesv1.CertificateSigningRequest;
type Verb = 'approve' | 'attest' | 'sign';

/**
 * Writes who asks into a certificate request, refuses to ask for `system:masters`, and lets only those approve, sign
 * and attest who may do it for the signer.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/certificates/{approval,ctbattest,signing,subjectrestriction},
 * pkg/registry/certificates/{certificates,podcertificaterequest}/strategy.go.
 */
export class CertificateAdmission implements AdmissionPlugin {
  /** Of several of upstream's plug-ins, and of a strategy that is none: never switched off as a whole. */
  readonly name = 'Certificates';
  readonly #authorizer: Authorizer;
  readonly #enabled: ReadonlySet<string>;

  /** `enabled`: the plug-ins that are on, by upstream's names. */
  constructor(authorizer: Authorizer, enabled: ReadonlySet<string>) {
    this.#authorizer = authorizer;
    this.#enabled = enabled;
  }

  mutate(request: AdmissionRequest): void {
    if (!isRequest(request) || request.operation !== 'CREATE') return;
    const { spec } = request.object as Request;
    if (spec === undefined) return;
    const { name, uid, groups, extra } = request.user;
    spec.username = name;
    spec.groups = [...groups];
    if (uid === undefined) delete spec.uid;
    else spec.uid = uid;
    if (extra === undefined) delete spec.extra;
    else spec.extra = structuredClone(extra) as Record<string, unknown>;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (request.resource.group !== GROUP) return;
    if (request.resource.name === 'clustertrustbundles')
      return this.#enabled.has('ClusterTrustBundleAttest') ? this.#checkBundle(request) : undefined;
    if (request.resource.name === 'podcertificaterequests') return this.#checkPodRequest(request);
    if (!isRequest(request)) return;
    const { operation, subresource } = request;
    const now = request.object as Request;
    if (operation === 'CREATE' && this.#enabled.has('CertificateSubjectRestriction'))
      this.#restrictSubject(request, now);
    if (operation !== 'UPDATE') return;
    const old = request.oldObject as Readonly<Request>;
    if (subresource === 'approval' && this.#enabled.has('CertificateApproval'))
      await this.#check(request, 'approve', old.spec.signerName);
    if (subresource === 'status' && isDecided(now, old) && this.#enabled.has('CertificateSigning'))
      await this.#check(request, 'sign', old.spec.signerName);
  }

  #restrictSubject(request: AdmissionRequest, { spec }: Request): void {
    if (spec.signerName !== CLIENT_SIGNER) return;
    const { organizations } = parseCertificateRequest(Buffer.from(spec.request, 'base64').toString());
    if (organizations.includes(MASTERS_GROUP))
      throw forbidden(
        request.resource,
        request.name,
        `use of ${CLIENT_SIGNER} signer with ${MASTERS_GROUP} group is not allowed`,
      );
  }

  /** Who changes a bundle of a signer answers for it; one that keeps its content may be labelled by anybody. */
  async #checkBundle(request: AdmissionRequest): Promise<void> {
    const { operation } = request;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    const now = (request.object as certificatesv1beta1.ClusterTrustBundle).spec;
    const before = (request.oldObject as certificatesv1beta1.ClusterTrustBundle | undefined)?.spec;
    if (before?.trustBundle === now.trustBundle && before.signerName === now.signerName) return;
    for (const signer of new Set([now.signerName, before?.signerName]))
      if (signer) await this.#check(request, 'attest', signer);
  }

  async #checkPodRequest(request: AdmissionRequest): Promise<void> {
    if (request.operation !== 'UPDATE' || request.subresource !== 'status') return;
    const now = request.object as certificatesv1beta1.PodCertificateRequest;
    const old = request.oldObject as Readonly<certificatesv1beta1.PodCertificateRequest>;
    const { certificateChain = '', conditions = [] } = now.status ?? {};
    const isSame =
      certificateChain === (old.status?.certificateChain ?? '') &&
      equalJson(conditions, old.status?.conditions ?? []);
    if (isSame) return;
    await this.#check(request, 'sign', old.spec.signerName);
  }

  /** The right is on the signer itself or on all of its domain. */
  async #check(request: AdmissionRequest, verb: Verb, signer: string): Promise<void> {
    for (const name of [signer, `${signer.split('/')[0]}/*`]) {
      const { verdict } = await this.#authorizer.authorize({
        user: request.user,
        verb,
        workspace: request.workspace,
        resource: { group: GROUP, version: '*', resource: 'signers', name },
        path: '',
      });
      if (verdict === 'allow') return;
    }
    throw forbidden(
      request.resource,
      request.name,
      verb === 'attest'
        ? `user not permitted to attest for signerName ${JSON.stringify(signer)}`
        : `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`,
    );
  }
}

/** Signed, or said to have failed. */
function isDecided(now: Request, old: Readonly<Request>): boolean {
  const isSigned = (now.status?.certificate ?? '') !== (old.status?.certificate ?? '');
  return isSigned || !equalJson(now.status?.conditions ?? [], old.status?.conditions ?? []);
}

function isRequest({ resource }: AdmissionRequest): boolean {
  return resource.group === GROUP && resource.name === 'certificatesigningrequests';
}
