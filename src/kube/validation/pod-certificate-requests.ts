import { constants, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { FieldError } from '../../base/index.ts';
import { parseCertificateRequest } from '../certificates/certificate-request.ts';
import type { certificatesv1beta1 } from '../types/index.generated.ts';
import { validateSignerName } from './certificate-requests.ts';
import { validateConditions } from './conditions.ts';
import { semanticallyEqual } from './equality.ts';
import { invalid, invalidEach, notSupported, required, tooLong } from './field-errors.ts';
import { dns1123Subdomain } from './formats.ts';
import { validateDomainPrefixedPath } from './names.ts';
import { validateImmutable } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/certificates/validation: PodCertificateRequest. */

type Request = certificatesv1beta1.PodCertificateRequest;
type Spec = certificatesv1beta1.PodCertificateRequestSpec;
type Status = certificatesv1beta1.PodCertificateRequestStatus;

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const MOST_DAYS = 91;
const KEY_LIMIT_BYTES = 10 * 1024;
const CHAIN_LIMIT_BYTES = 100 * 1024;
const UID_LIMIT = 128;
const TEN_MINUTES_MS = 600_000;
/** Each ends the request; `status` is fixed from then on. */
const OUTCOMES = ['Issued', 'Denied', 'Failed'];
const OMITTED = '<value omitted>';

export function validatePodCertificateRequest({ spec }: Request): FieldError[] {
  const { signerName = '', unverifiedUserAnnotations = {} } = spec ?? {};
  return [
    ...validateSignerName(signerName, 'spec.signerName'),
    ...Object.keys(unverifiedUserAnnotations).flatMap((key) =>
      validateDomainPrefixedPath(key.toLowerCase(), 'spec.unverifiedUserAnnotations'),
    ),
    ...validateReference(spec, 'podName', 'podUID'),
    ...validateReference(spec, 'serviceAccountName', 'serviceAccountUID'),
    ...validateReference(spec, 'nodeName', 'nodeUID'),
    ...validateLifetime(spec),
    ...validateKey(spec),
  ];
}

export function validatePodCertificateRequestUpdate(request: Request, old: Request): FieldError[] {
  return validateImmutable(request.spec, old.spec, 'spec');
}

function validateReference(
  spec: Spec | undefined,
  nameField: 'podName' | 'serviceAccountName' | 'nodeName',
  uidField: 'podUID' | 'serviceAccountUID' | 'nodeUID',
): FieldError[] {
  const [name, uid] = [spec?.[nameField] ?? '', spec?.[uidField] ?? ''];
  const errors = invalidEach(`spec.${nameField}`, name, dns1123Subdomain(name));
  if (uid === '') errors.push(invalid(`spec.${uidField}`, uid, 'must not be empty'));
  if (uid.length > UID_LIMIT) errors.push(tooLong(`spec.${uidField}`, UID_LIMIT));
  return errors;
}

/** Signers of Kubernetes itself give a day at most, all others a quarter. */
function validateLifetime(spec: Spec | undefined): FieldError[] {
  const field = 'spec.maxExpirationSeconds';
  const seconds = spec?.maxExpirationSeconds;
  if (seconds === undefined) return [required(field, 'must be set')];
  const domain = (spec?.signerName ?? '').split('/')[0]!;
  const most = domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io') ? DAY_S : MOST_DAYS * DAY_S;
  if (seconds >= HOUR_S && seconds <= most) return [];
  return [invalid(field, seconds, `must be in the range [${HOUR_S}, ${most}]`)];
}

/** The key comes in a certificate request signed by it or, as before 1.36, by itself with a signed pod UID. */
function validateKey(spec: Spec | undefined): FieldError[] {
  const { pkixPublicKey = '', proofOfPossession = '', stubPKCS10Request = '', podUID = '' } = spec ?? {};
  if (stubPKCS10Request !== '') {
    const field = 'spec.stubPKCS10Request';
    if (pkixPublicKey !== '' || proofOfPossession !== '') {
      const why = 'may not be set together with pkixPublicKey and proofOfPossession';
      return [invalid(field, OMITTED, why)];
    }
    if (byteLength(stubPKCS10Request) > KEY_LIMIT_BYTES) return [tooLong(field, KEY_LIMIT_BYTES)];
    try {
      parseCertificateRequest(pemRequest(stubPKCS10Request));
      return [];
    } catch (error) {
      return [invalid(field, OMITTED, (error as Error).message)];
    }
  }
  if (byteLength(pkixPublicKey) > KEY_LIMIT_BYTES) return [tooLong('spec.pkixPublicKey', KEY_LIMIT_BYTES)];
  if (byteLength(proofOfPossession) > KEY_LIMIT_BYTES)
    return [tooLong('spec.proofOfPossession', KEY_LIMIT_BYTES)];
  const key = publicKeyOf(pkixPublicKey);
  if (key === undefined) {
    return [invalid('spec.pkixPublicKey', pkixPublicKey, 'must be a valid PKIX-serialized public key')];
  }
  const weak = keyError(key);
  if (weak !== undefined) return [invalid('spec.pkixPublicKey', weak[0], weak[1])];
  if (provesPossession(key, podUID, proofOfPossession)) return [];
  return [invalid('spec.proofOfPossession', OMITTED, 'could not verify proof-of-possession signature')];
}

function byteLength(base64: string): number {
  return Buffer.byteLength(base64, 'base64');
}

function pemRequest(base64: string): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}

function publicKeyOf(base64: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return undefined; // The caller says that it is no key.
  }
}

function keyError(key: KeyObject): [value: string, why: string] | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return undefined;
    case 'ec':
      return ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? '')
        ? undefined
        : [`curve ${namedCurve}`, 'elliptic public keys must use curve P256 or P384'];
    case 'rsa':
      return modulusLength === 3072 || modulusLength === 4096
        ? undefined
        : [`${modulusLength}-bit modulus`, 'RSA keys must have modulus size 3072 or 4096'];
    default:
      return [
        `${key.asymmetricKeyType}`,
        'unknown public key type; supported types are Ed25519, ECDSA, and RSA',
      ];
  }
}

function provesPossession(key: KeyObject, podUid: string, proof: string): boolean {
  const signature = Buffer.from(proof, 'base64');
  const padding = key.asymmetricKeyType === 'rsa' ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {};
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return verify(hash, Buffer.from(podUid), { key, ...padding }, signature);
}

/** @param now for how near the certificate's beginning must be. */
export function validatePodCertificateRequestStatus(request: Request, old: Request, now: Date): FieldError[] {
  const status = request.status ?? {};
  const errors = validateOutcome(status);
  if (errors.length > 0) return errors;
  const field = 'status';
  const outcome = outcomeOf(status);
  if (outcomeOf(old.status ?? {}) !== undefined) {
    const why = 'immutable after PodCertificateRequest is issued, denied, or failed';
    return semanticallyEqual(status, old.status ?? {}) ? [] : [invalid(field, OMITTED, why)];
  }
  if (outcome === 'Denied' || outcome === 'Failed') {
    const { conditions: _, ...others } = status;
    const why = 'non-condition status fields must be empty when denying or failing the PodCertificateRequest';
    return semanticallyEqual(others, {}) ? [] : [invalid(field, OMITTED, why)];
  }
  if (outcome === 'Issued') return validateIssued(request, old, now);
  const why = 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"';
  return semanticallyEqual(status, old.status ?? {}) ? [] : [invalid(field, OMITTED, why)];
}

function outcomeOf({ conditions }: Status): string | undefined {
  return conditions?.find(({ type, status }) => OUTCOMES.includes(type) && status === 'True')?.type;
}

function validateOutcome({ conditions = [] }: Status): FieldError[] {
  const errors: FieldError[] = [];
  let known = 0;
  for (const [index, { type, status }] of conditions.entries()) {
    const at = `status.conditions[${index}]`;
    if (!OUTCOMES.includes(type)) {
      errors.push(notSupported(`${at}.type`, type, OUTCOMES));
      continue;
    }
    if (++known > 1) {
      const why = 'There may be at most one condition with type "Issued", "Denied", or "Failed"';
      errors.push(invalid(`${at}.type`, type, why));
    }
    if (status !== 'True') errors.push(notSupported(`${at}.status`, status, ['True']));
  }
  return [...errors, ...validateConditions(conditions, 'status.conditions')];
}

function validateIssued(request: Request, old: Request, now: Date): FieldError[] {
  const { certificateChain = '', notBefore, notAfter, beginRefreshAt } = request.status ?? {};
  const chainField = 'status.certificateChain';
  if (Buffer.byteLength(certificateChain) > CHAIN_LIMIT_BYTES)
    return [tooLong(chainField, CHAIN_LIMIT_BYTES)];
  const chain = readChain(certificateChain);
  if (typeof chain === 'string') return [invalid(chainField, certificateChain, chain)];
  const [leaf] = chain;
  if (!leaf!.publicKey.equals(requestedKey(old.spec))) {
    const why = 'leaf certificate was not issued to the requested public key';
    return [invalid(chainField, certificateChain, why)];
  }
  const consistent = 'must be present and consistent with the issued certificate';
  const refresh = 'must be present and in the range [notbefore+10min, notafter-10min]';
  const missing = [
    ...(notBefore === undefined ? [required('status.notBefore', consistent)] : []),
    ...(notAfter === undefined ? [required('status.notAfter', consistent)] : []),
    ...(beginRefreshAt === undefined ? [required('status.beginRefreshAt', refresh)] : []),
  ];
  if (missing.length > 0) return missing;
  return validateTimes(leaf!, request, now);
}

/** The certificates, or why they are none. */
function readChain(pem: string): X509Certificate[] | string {
  const blocks = [...pem.matchAll(/-----BEGIN ([^-\n]+)-----[^-]*-----END \1-----/g)];
  if (blocks.length === 0) return 'issued certificate chain must contain at least one certificate';
  if (blocks.some(([, type]) => type !== 'CERTIFICATE'))
    return 'issued certificate chain must consist entirely of CERTIFICATE PEM blocks';
  const chain: X509Certificate[] = [];
  for (const [block] of blocks) {
    try {
      chain.push(new X509Certificate(block));
    } catch {
      return `${chain.length === 0 ? 'leaf' : 'intermediate'} certificate does not parse as valid X.509`;
    }
  }
  return chain;
}

function requestedKey(spec: Spec): KeyObject {
  const der = spec.stubPKCS10Request
    ? Buffer.from(parseCertificateRequest(pemRequest(spec.stubPKCS10Request)).publicKeyDer)
    : Buffer.from(spec.pkixPublicKey ?? '', 'base64');
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

function validateTimes(leaf: X509Certificate, { spec, status }: Request, now: Date): FieldError[] {
  const [from, to, refresh] = [status!.notBefore!, status!.notAfter!, status!.beginRefreshAt!];
  const time = (text: string) => new Date(text).getTime();
  if (time(from) !== time(leaf.validFrom)) {
    const why = 'must be set to the NotBefore time encoded in the leaf certificate';
    return [invalid('status.notBefore', from, why)];
  }
  if (Math.abs(time(from) - now.getTime()) >= TEN_MINUTES_MS / 2) {
    const why = "must be set to within 5 minutes of kube-apiserver's current time";
    return [invalid('status.notBefore', from, why)];
  }
  if (time(to) !== time(leaf.validTo)) {
    const why = 'must be set to the NotAfter time encoded in the leaf certificate';
    return [invalid('status.notAfter', to, why)];
  }
  const lifetimeS = (time(to) - time(from)) / 1000;
  if (lifetimeS < HOUR_S) {
    return [
      invalid('status.certificateChain', `${lifetimeS}s`, 'leaf certificate lifetime must be >= 1 hour'),
    ];
  }
  if (lifetimeS > (spec.maxExpirationSeconds ?? 0)) {
    const why = `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${spec.maxExpirationSeconds})`;
    return [invalid('status.certificateChain', `${lifetimeS}s`, why)];
  }
  if (time(refresh) < time(from) + TEN_MINUTES_MS)
    return [invalid('status.beginRefreshAt', refresh, 'must be at least 10 minutes after status.notBefore')];
  if (time(refresh) > time(to) - TEN_MINUTES_MS)
    return [invalid('status.beginRefreshAt', refresh, 'must be at least 10 minutes before status.notAfter')];
  return [];
}
