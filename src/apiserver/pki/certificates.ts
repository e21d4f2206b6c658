import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { provideReflectMetadata } from './reflect-metadata.ts';

/** A certificate and its key, both PEM; the key is PKCS #8, EC P-256. */
export interface KeyPair {
  certificate: string;
  key: string;
}

export interface CertificateRequest {
  commonName: string;
  organizations?: readonly string[];
  /** DNS names and IP addresses. */
  hosts?: readonly string[];
  usages: readonly ('client' | 'server')[];
  validDays: number;
}

const DAY_MS = 24 * 3600 * 1000;
export const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Machines' clocks differ: a new certificate is valid a little before it was made. */
export const BACKDATE_MS = 5 * 60 * 1000;

/** A new self-signed CA. */
export async function makeAuthority(commonName: string, now: number, validDays: number): Promise<KeyPair> {
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString('hex'),
    name: [{ CN: [commonName] }],
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + validDays * DAY_MS),
    signingAlgorithm: EC,
    keys: keys.pair,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.pair.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: keys.pem };
}

/** A new key and a certificate for it, signed by `authority`. */
export async function makeCertificate(
  authority: KeyPair,
  request: CertificateRequest,
  now: number,
): Promise<KeyPair> {
  const x509 = await library();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const usage = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' };
  const hosts = request.hosts ?? [];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(16).toString('hex'),
    subject: [...(request.organizations ?? []).map((O) => ({ O: [O] })), { CN: [request.commonName] }],
    issuer: issuer.subject,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(now + request.validDays * DAY_MS, issuer.notAfter.getTime())),
    signingAlgorithm: EC,
    publicKey: keys.pair.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(request.usages.map((name) => usage[name])),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(hosts.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host })),
            ),
          ]),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: keys.pem };
}

/** An EC P-256 private key, PKCS #8 PEM. */
export function makePrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return privateKey;
}

/** True when the certificate is the authority's, fits its key, names every host, and lives `withinDays` longer. */
export function isUsable(
  pair: KeyPair,
  authority: string,
  options: { hosts: readonly string[]; now: number; withinDays: number },
): boolean {
  const certificate = new X509Certificate(pair.certificate);
  if (!certificate.verify(new X509Certificate(authority).publicKey)) return false;
  if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return false;
  if (certificate.validToDate.getTime() - options.now < options.withinDays * DAY_MS) return false;
  return options.hosts.every((host) =>
    isIP(host) === 0 ? certificate.checkHost(host) !== undefined : certificate.checkIP(host) !== undefined,
  );
}

/** 150 ms to load: only when a certificate has to be made. */
export async function library() {
  provideReflectMetadata();
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

async function newKeys(): Promise<{ pair: webcrypto.CryptoKeyPair; pem: string }> {
  const pair = (await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey));
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return { pair, pem: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n` };
}

export function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, EC, false, ['sign']);
}
