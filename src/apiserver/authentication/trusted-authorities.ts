import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** Longer chains of certificates nobody has. */
const MAX_CHAIN = 8;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * One set of authorities among those a port trusts. TLS tells that a client's certificate is good (dates, usage,
 * chain), not whose authority vouches for it: one that signs front proxies must not make users, nor the other way.
 */
export class TrustedAuthorities {
  readonly #certificates: readonly X509Certificate[];

  /** @throws Error for what is no certificate. */
  constructor(pem: string) {
    this.#certificates = (pem.match(PEM) ?? []).map((one) => new X509Certificate(one));
  }

  /** True when the certificate of this verified connection is signed, by way of those sent with it, by one of these. */
  vouchFor(socket: TLSSocket): boolean {
    let certificate = socket.getPeerX509Certificate();
    for (let length = 0; certificate !== undefined && length < MAX_CHAIN; length++) {
      const current = certificate;
      if (this.#certificates.some((authority) => isIssuer(authority, current))) return true;
      const issuer = current.issuerCertificate as X509Certificate | undefined;
      if (issuer === undefined || !issuer.ca || !isIssuer(issuer, current)) return false;
      certificate = issuer;
    }
    return false;
  }
}

function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
