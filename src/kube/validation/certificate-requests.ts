import { append, type FieldError } from '../../base/index.ts';
import { parseCertificateRequest } from '../certificates/certificate-request.ts';
import type { certificatesv1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notSupported,
  required,
  tooLong,
} from './field-errors.ts';
import { dns1123Label, dns1123Subdomain } from './formats.ts';
import { repeatedIndexes } from './item-lists.ts';

/** k8s.io/kubernetes/pkg/apis/certificates/validation: CertificateSigningRequest. */

type Request = certificatesv1.CertificateSigningRequest;

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const SHORTEST_SECONDS = 600;
/** Conditions that are true or not there. */
const ONE_WAY = ['Approved', 'Denied', 'Failed'];
const STATUSES = ['False', 'True', 'Unknown'];
const SIGNER_PATH_LIMIT = 63;
const SIGNER_NAME_LIMIT = 571;

export function validateCertificateRequest(request: Request): FieldError[] {
  const { spec, status } = request;
  const { usages = [], signerName = '', expirationSeconds } = spec ?? {};
  const errors = validateEncodedRequest(spec?.request ?? '');
  if (usages.length === 0) errors.push(required('spec.usages'));
  const repeated = repeatedIndexes(usages);
  for (const [index, usage] of usages.entries()) {
    const at = `spec.usages[${index}]`;
    if (!USAGES.includes(usage)) errors.push(notSupported(at, usage, USAGES));
    if (repeated.has(index)) errors.push(duplicate(at, usage));
  }
  if (signerName === LEGACY_SIGNER) {
    const why = 'the legacy signerName is not allowed via this API version';
    errors.push(invalid('spec.signerName', signerName, why));
  } else append(errors, validateSignerName(signerName, 'spec.signerName'));
  if (expirationSeconds !== undefined && expirationSeconds < SHORTEST_SECONDS) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, why));
  }
  return [...errors, ...validateRequestConditions(status?.conditions ?? [])];
}

function validateEncodedRequest(encoded: string): FieldError[] {
  try {
    parseCertificateRequest(Buffer.from(encoded, 'base64').toString());
    return [];
  } catch (error) {
    return [invalid('spec.request', encoded, (error as Error).message)];
  }
}

/** `example.com/path`; k8s.io/kubernetes/pkg/apis/core/validation.ValidateSignerName. */
export function validateSignerName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const [domain = '', path, ...more] = name.split('/');
  if (path === undefined || more.length > 0) {
    return [
      invalid(field, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"'),
    ];
  }
  const errors =
    domain === ''
      ? [required(field, 'must be a fully qualified domain and path of the form "example.com/signer-name"')]
      : [];
  if (domain !== '') append(errors, invalidEach(field, domain, dns1123Subdomain(domain)));
  if (domain !== '' && domain.split('.').length < 2) {
    errors.push(invalid(field, domain, 'should be a domain with at least two segments separated by dots'));
  }
  for (const label of path.split('.')) {
    const wrong = dns1123Label(label).filter(
      (why) => !why.startsWith(`must be no more than ${SIGNER_PATH_LIMIT}`),
    );
    append(errors, invalidEach(field, path, wrong));
  }
  if (name.length > SIGNER_NAME_LIMIT) errors.push(tooLong(field, SIGNER_NAME_LIMIT));
  return errors;
}

function validateRequestConditions(
  conditions: readonly certificatesv1.CertificateSigningRequestCondition[],
): FieldError[] {
  const types = conditions.map(({ type = '' }) => type);
  const repeated = repeatedIndexes(types);
  const before = new Set<string>();
  const field = 'status.conditions';
  const errors: FieldError[] = [];
  for (const [index, { type = '', status = '' }] of conditions.entries()) {
    const at = `${field}[${index}]`;
    const allowed = ONE_WAY.includes(type) ? ['True'] : STATUSES;
    if (type === '') errors.push(required(`${at}.type`));
    if (status === '') errors.push(required(`${at}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${at}.status`, status, allowed));
    const other = type === 'Approved' ? 'Denied' : 'Approved';
    if ((type === 'Approved' || type === 'Denied') && before.has(other)) {
      errors.push(invalid(field, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    if (repeated.has(index)) errors.push(duplicate(`${at}.type`, type));
    before.add(type);
  }
  return errors;
}

/** A change through the main resource: neither decides nor signs. */
export function validateCertificateRequestUpdate(request: Request, old: Request): FieldError[] {
  return [...validateChange(request, old), ...keepDecision(request, old), ...keepCertificate(request, old)];
}

/** A change through `status`: may set the certificate, once. */
export function validateCertificateRequestStatus(request: Request, old: Request): FieldError[] {
  const certificate = request.status?.certificate;
  const replaced = Boolean(old.status?.certificate) && certificate !== old.status?.certificate;
  const errors = replaced
    ? [forbidden('status.certificate', 'updates may not modify existing certificate content')]
    : validateCertificate(certificate);
  return [...validateChange(request, old), ...keepDecision(request, old), ...errors];
}

/** A change through `approval`: may decide. */
export function validateCertificateRequestApproval(request: Request, old: Request): FieldError[] {
  return [...validateChange(request, old), ...keepCertificate(request, old)];
}

function validateChange(request: Request, old: Request): FieldError[] {
  const gone = ONE_WAY.filter((type) => of(request, type).length < of(old, type).length);
  return [
    ...validateCertificateRequest(request),
    ...gone.map((type) =>
      forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`),
    ),
  ];
}

function keepDecision(request: Request, old: Request): FieldError[] {
  return ['Approved', 'Denied'].flatMap((type) => {
    const [now, before] = [of(request, type), of(old, type)];
    if (now.length < before.length || semanticallyEqual(now, before)) return [];
    const verb = now.length > before.length ? 'add' : 'modify';
    const why = `updates may not ${verb} a condition of type ${JSON.stringify(type)}`;
    return [forbidden('status.conditions', why)];
  });
}

function keepCertificate(request: Request, old: Request): FieldError[] {
  if ((request.status?.certificate ?? '') === (old.status?.certificate ?? '')) return [];
  return [forbidden('status.certificate', 'updates may not set certificate content')];
}

function validateCertificate(encoded: string | undefined): FieldError[] {
  if (!encoded) return [];
  const types = [
    ...Buffer.from(encoded, 'base64')
      .toString()
      .matchAll(/^-----BEGIN ([^-]+)-----/gm),
  ];
  const other = types.find(([, type]) => type !== 'CERTIFICATE')?.[1];
  const refused = (why: string) => [invalid('status.certificate', '<certificate data>', why)];
  if (other !== undefined) {
    return refused(`only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(other)}`);
  }
  return types.length === 0 ? refused('must contain at least one CERTIFICATE PEM block') : [];
}

function of(request: Request, type: string): certificatesv1.CertificateSigningRequestCondition[] {
  return (request.status?.conditions ?? []).filter((condition) => condition.type === type);
}
