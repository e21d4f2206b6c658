import { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';

/** What OpenSSL says of chains that it builds otherwise than Go; whatever else it finds stands. */
const MAY_DIFFER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const DEPTH_LIMIT = 8;
const SERVER_AUTH = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];
/** DER of the identifier of the extension nameConstraints, which is not evaluated here. */
const NAME_CONSTRAINTS = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x1e]);

/**
 * Whether Go, which kube-apiserver is written in, would trust a server that OpenSSL does not: OpenSSL takes a
 * certificate without subject and issuer for self-signed, whoever signed it; Pepr makes such ones.
 * The name is not looked at. Source: crypto/x509 Certificate.Verify.
 */
export function isTrustedByGo(socket: TLSSocket, caBundle: string, nowMs: number): boolean {
  // Its type says Error; it is the code.
  if (!MAY_DIFFER.has(socket.authorizationError as unknown as string)) return false;
  const [leaf, ...between] = presented(socket.getPeerCertificate(true));
  if (leaf === undefined) return false;
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.some((usage) => SERVER_AUTH.includes(usage)))
    return false;
  return chains(leaf, { roots: readBundle(caBundle), between, nowMs }, DEPTH_LIMIT);
}

interface Pool {
  roots: readonly X509Certificate[];
  between: readonly X509Certificate[];
  nowMs: number;
}

function chains(certificate: X509Certificate, pool: Pool, depth: number): boolean {
  if (depth === 0 || !isValid(certificate, pool.nowMs)) return false;
  const signed = (issuer: X509Certificate) =>
    issuer.ca &&
    (issuer.subject ?? '') === (certificate.issuer ?? '') &&
    isValid(issuer, pool.nowMs) &&
    certificate.verify(issuer.publicKey);
  return (
    pool.roots.some(signed) ||
    pool.between.some((issuer) => signed(issuer) && chains(issuer, pool, depth - 1))
  );
}

function isValid(certificate: X509Certificate, nowMs: number): boolean {
  const { validFromDate, validToDate, raw } = certificate;
  return (
    validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime() && !raw.includes(NAME_CONSTRAINTS)
  );
}

/** The chain as the server sent it, its own certificate first. */
function presented(peer: PeerCertificate & { issuerCertificate?: PeerCertificate }): X509Certificate[] {
  const found: X509Certificate[] = [];
  for (let one: typeof peer | undefined = peer; one?.raw !== undefined && found.length < DEPTH_LIMIT; ) {
    found.push(new X509Certificate(one.raw));
    one = one.issuerCertificate === one ? undefined : (one.issuerCertificate as typeof peer);
  }
  return found;
}

function readBundle(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
