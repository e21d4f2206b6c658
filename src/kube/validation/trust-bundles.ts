import { X509Certificate } from 'node:crypto';
import type { FieldError } from '../../base/index.ts';
import type { certificatesv1beta1 } from '../types/index.generated.ts';
import { validateSignerName } from './certificate-requests.ts';
import { invalid, invalidEach, tooLong } from './field-errors.ts';
import { dns1123Subdomain } from './formats.ts';
import { validateImmutable } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/certificates/validation: ClusterTrustBundle. */

type Bundle = certificatesv1beta1.ClusterTrustBundle;

const BUNDLE_LIMIT_BYTES = 1024 * 1024;
const OMITTED = '<value omitted>';
const BLOCK = /-----BEGIN ([^-\n]+)-----\r?\n([^-]*)-----END \1-----/g;

export function validateTrustBundle({ metadata, spec }: Bundle): FieldError[] {
  const { signerName = '', trustBundle = '' } = spec ?? {};
  return [
    ...validateBundleName(metadata.name ?? '', signerName),
    ...(signerName === '' ? [] : validateSignerName(signerName, 'spec.signerName')),
    ...validateAnchors(trustBundle, 'spec.trustBundle'),
  ];
}

/** What was there before and stays is not parsed again. */
export function validateTrustBundleUpdate(bundle: Bundle, old: Bundle): FieldError[] {
  const same = bundle.spec?.trustBundle === old.spec?.trustBundle;
  const errors = validateTrustBundle(bundle);
  return [
    ...(same ? errors.filter(({ field }) => field !== 'spec.trustBundle') : errors),
    ...validateImmutable(bundle.spec?.signerName, old.spec?.signerName, 'spec.signerName'),
  ];
}

/** A bundle of a signer has the signer's name, with colons, before its own. */
function validateBundleName(name: string, signerName: string): FieldError[] {
  if (signerName === '') {
    const wrong = name.includes(':')
      ? ['ClusterTrustBundle without signer name must not have ":" in its name']
      : dns1123Subdomain(name);
    return invalidEach('metadata.name', name, wrong);
  }
  const prefix = `${signerName.replaceAll('/', ':')}:`;
  const wrong = name.startsWith(prefix)
    ? dns1123Subdomain(name.slice(prefix.length))
    : [`ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`];
  return invalidEach('metadata.name', name, wrong);
}

function validateAnchors(pem: string, field: string): FieldError[] {
  if (Buffer.byteLength(pem) > BUNDLE_LIMIT_BYTES) return [tooLong(field, BUNDLE_LIMIT_BYTES)];
  const blocks = [...pem.matchAll(BLOCK)];
  const wrong = blocks.flatMap((block, index) => {
    const why = anchorError(block[1]!, block[2]!);
    return why === undefined ? [] : [invalid(field, OMITTED, `entry ${index} ${why}`)];
  });
  if (wrong.length > 0) return wrong;
  if (blocks.length === 0) return [invalid(field, OMITTED, 'at least one trust anchor must be provided')];
  const entries = Map.groupBy(blocks.keys(), (index) => blocks[index]![2]!.replace(/\s+/g, ''));
  return [...entries.values()]
    .filter((indexes) => indexes.length > 1)
    .map((indexes) => invalid(field, OMITTED, `duplicate trust anchor (indices [${indexes.join(' ')}])`));
}

function anchorError(type: string, body: string): string | undefined {
  if (type !== 'CERTIFICATE') return `has bad block type: ${type}`;
  if (body.includes(':')) return 'has PEM block headers';
  try {
    const { ca } = new X509Certificate(Buffer.from(body, 'base64'));
    return ca ? undefined : 'does not have the CA bit set';
  } catch {
    return 'does not parse as X.509';
  }
}
