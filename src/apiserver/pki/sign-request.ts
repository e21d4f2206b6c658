import { randomBytes } from 'node:crypto';
import { BACKDATE_MS, EC, importKey, type KeyPair, library } from './certificates.ts';

/** The words of certificates.k8s.io/v1 KeyUsage that are extended usages; the others are bits of the key usage. */
const EXTENDED: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
};
const FLAGS = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'nonRepudiation',
  'key encipherment': 'keyEncipherment',
  'data encipherment': 'dataEncipherment',
  'key agreement': 'keyAgreement',
  'encipher only': 'encipherOnly',
  'decipher only': 'decipherOnly',
} as const;
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** Signs a PKCS #10 request as it is, never as an authority. */
export async function signRequest(
  authority: KeyPair,
  requestPem: string,
  options: { usages: readonly string[]; seconds: number },
  now: number,
): Promise<string> {
  const x509 = await library();
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const issuer = new x509.X509Certificate(authority.certificate);
  const names = request.getExtension(SUBJECT_ALTERNATIVE_NAME);
  const extended = options.usages.flatMap((usage) => EXTENDED[usage] ?? []);
  const flags = options.usages.reduce((bits, usage) => {
    const flag = FLAGS[usage as keyof typeof FLAGS];
    return flag === undefined ? bits : bits | x509.KeyUsageFlags[flag];
  }, 0);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(16).toString('hex'),
    subject: request.subjectName,
    issuer: issuer.subjectName,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(now + options.seconds * 1000, issuer.notAfter.getTime())),
    signingAlgorithm: EC,
    publicKey: request.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
      ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names === null || names === undefined ? [] : [names]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}
