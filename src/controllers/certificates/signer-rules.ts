import type { CertificateRequestContent, certificatesv1 } from '../../kube/index.ts';

/**
 * What the three signers of this cluster sign, and what is approved without a person.
 * Source: k8s.io/kubernetes/pkg/apis/certificates/helpers.go, pkg/controller/certificates/signer.
 */

export type Csr = certificatesv1.CertificateSigningRequest;

const CLIENT = 'kubernetes.io/kube-apiserver-client';
const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const KUBELET_SERVING = 'kubernetes.io/kubelet-serving';
const NODES_GROUP = 'system:nodes';
const NODE_PREFIX = 'system:node:';

type Rule = (content: CertificateRequestContent, usages: readonly string[]) => string | undefined;

const RULES: Readonly<Record<string, Rule>> = {
  [CLIENT]: (_content, usages) => {
    const known = ['client auth', 'digital signature', 'key encipherment'];
    const fine = usages.includes('client auth') && usages.every((usage) => known.includes(usage));
    return fine ? undefined : `usages did not match [${known.join(' ')}]`;
  },
  [KUBELET_CLIENT]: (content, usages) =>
    nodeError(content) ?? namesError(content) ?? usagesError(usages, 'client auth'),
  [KUBELET_SERVING]: (content, usages) =>
    nodeError(content) ?? servingNamesError(content) ?? usagesError(usages, 'server auth'),
};

/** Ours to sign. */
export function isOurSigner(signerName: string): boolean {
  return RULES[signerName] !== undefined;
}

/** Why the signer refuses the request; undefined when it signs. */
export function signerError(
  signerName: string,
  content: CertificateRequestContent,
  usages: readonly string[],
): string | undefined {
  return RULES[signerName]?.(content, usages);
}

/** A kubelet's request for its client certificate: the subresource of the right that lets it be approved by itself. */
export function nodeClientRight(
  { spec }: Csr,
  content: CertificateRequestContent,
): 'selfnodeclient' | 'nodeclient' | undefined {
  if (spec.signerName !== KUBELET_CLIENT) return undefined;
  if (signerError(KUBELET_CLIENT, content, spec.usages ?? []) !== undefined) return undefined;
  return spec.username === content.commonName ? 'selfnodeclient' : 'nodeclient';
}

function nodeError({ organizations, commonName }: CertificateRequestContent): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== NODES_GROUP)
    return 'subject organization is not system:nodes';
  return commonName.startsWith(NODE_PREFIX)
    ? undefined
    : 'subject common name does not begin with system:node:';
}

function namesError(content: CertificateRequestContent): string | undefined {
  if (content.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (content.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  return foreignNamesError(content);
}

function servingNamesError(content: CertificateRequestContent): string | undefined {
  if (content.dnsNames.length === 0 && content.ipAddresses.length === 0)
    return 'DNS or IP subjectAltName is required';
  return foreignNamesError(content);
}

function foreignNamesError({ emailAddresses, uris }: CertificateRequestContent): string | undefined {
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  return uris.length > 0 ? 'URI subjectAltNames are not allowed' : undefined;
}

/** Exactly these two, with or without what RSA keys need. */
function usagesError(usages: readonly string[], auth: 'client auth' | 'server auth'): string | undefined {
  const needed = new Set([auth, 'digital signature']);
  const given = new Set(usages.filter((usage) => usage !== 'key encipherment'));
  const same = given.size === needed.size && [...given].every((usage) => needed.has(usage));
  const words = auth === 'client auth' ? 'client auth digital signature' : 'digital signature server auth';
  return same ? undefined : `usages did not match [${words}]`;
}

export function conditionOf({ status }: Csr, type: 'Approved' | 'Denied' | 'Failed') {
  return status?.conditions?.find((condition) => condition.type === type);
}
