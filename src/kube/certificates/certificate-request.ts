import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import {
  type DerElement,
  derElements,
  derObjectIdentifier,
  TAG_BIT_STRING,
  TAG_OBJECT_IDENTIFIER,
  TAG_SEQUENCE,
} from './der.ts';

/** What a PKCS #10 certificate request says (RFC 2986). */
export interface CertificateRequestContent {
  /** The name as DER, for whoever issues the certificate. */
  subjectDer: Uint8Array;
  commonName: string;
  organizations: readonly string[];
  dnsNames: readonly string[];
  /** In the text form of the address family. */
  ipAddresses: readonly string[];
  emailAddresses: readonly string[];
  uris: readonly string[];
  /** SubjectPublicKeyInfo as DER. */
  publicKeyDer: Uint8Array;
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** Hash of each signature algorithm; null where the algorithm brings its own. */
const HASHES: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

/**
 * Reads a PEM certificate request and checks that it is signed with its own key.
 *
 * @throws Error whose message is why it is refused, for `spec.request` of a CertificateSigningRequest.
 */
export function parseCertificateRequest(pem: string): CertificateRequestContent {
  const block =
    /^-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----/m.exec(
      pem,
    );
  if (block === null) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  const request = Buffer.from(block[1]!.replace(/\s+/g, ''), 'base64');
  try {
    return parse(request);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) {
      throw new Error('asn1: structure error: not a PKCS #10 certificate request', { cause: error });
    }
    throw error;
  }
}

function parse(request: Uint8Array): CertificateRequestContent {
  const [whole, ...beyond] = derElements(request);
  const [info, algorithm, signature] = derElements(whole!.content);
  const tags = [whole, info, algorithm, signature].map((element) => element?.tag);
  const isBitString = tags[3] === TAG_BIT_STRING && signature!.content[0] === 0;
  if (beyond.length > 0 || !isBitString || tags.slice(0, 3).some((tag) => tag !== TAG_SEQUENCE))
    throw new RangeError('not a CertificationRequest');
  const [, subject, publicKey, attributes] = derElements(info!.content);
  checkSignature(publicKey!.whole, info!.whole, algorithm!, signature!);
  const names = subjectNames(subject!);
  return {
    subjectDer: subject!.whole,
    commonName: names.find(([type]) => type === COMMON_NAME)?.[1] ?? '',
    organizations: names.filter(([type]) => type === ORGANIZATION).map(([, value]) => value),
    publicKeyDer: publicKey!.whole,
    ...alternativeNames(attributes),
  };
}

function checkSignature(
  publicKeyDer: Uint8Array,
  signed: Uint8Array,
  algorithm: DerElement,
  signature: DerElement,
): void {
  const hash = HASHES[derObjectIdentifier(derElements(algorithm.content)[0]!.content)];
  if (hash === undefined) throw new Error('x509: cannot verify signature: algorithm unimplemented');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(publicKeyDer), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Error('x509: unsupported public key', { cause });
  }
  // A BIT STRING begins with the number of its unused bits.
  if (!verify(hash, signed, key, signature.content.subarray(1)))
    throw new Error('x509: certificate request signature does not match its public key');
}

function subjectNames(subject: DerElement): [type: string, value: string][] {
  return derElements(subject.content).flatMap((set) =>
    derElements(set.content).map((pair): [string, string] => {
      const [type, value] = derElements(pair.content);
      return [derObjectIdentifier(type!.content), Buffer.from(value!.content).toString('utf8')];
    }),
  );
}

type AlternativeNames = Pick<
  CertificateRequestContent,
  'dnsNames' | 'ipAddresses' | 'emailAddresses' | 'uris'
>;

/** The names asked for by extensionRequest (RFC 2985 5.4.2), RFC 5280 4.2.1.6. */
function alternativeNames(attributes: DerElement | undefined): AlternativeNames {
  const found = { dnsNames: [], ipAddresses: [], emailAddresses: [], uris: [] } as {
    [list in keyof AlternativeNames]: string[];
  };
  for (const extension of requestedExtensions(attributes)) {
    const parts = derElements(extension.content);
    if (derObjectIdentifier(parts[0]!.content) !== SUBJECT_ALTERNATIVE_NAME) continue;
    for (const { tag, content } of derElements(derElements(parts.at(-1)!.content)[0]!.content)) {
      const text = Buffer.from(content).toString('latin1');
      if (tag === 0x81) found.emailAddresses.push(text);
      else if (tag === 0x82) found.dnsNames.push(text);
      else if (tag === 0x86) found.uris.push(text);
      else if (tag === 0x87) found.ipAddresses.push(addressText(content));
    }
  }
  return found;
}

function requestedExtensions(attributes: DerElement | undefined): DerElement[] {
  if (attributes === undefined) return [];
  return derElements(attributes.content).flatMap((attribute) => {
    const [type, values] = derElements(attribute.content);
    const isRequest =
      type!.tag === TAG_OBJECT_IDENTIFIER && derObjectIdentifier(type!.content) === EXTENSION_REQUEST;
    return isRequest ? derElements(derElements(values!.content)[0]!.content) : [];
  });
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
