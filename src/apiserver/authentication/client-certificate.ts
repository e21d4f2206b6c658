import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { User } from '../http/messages.ts';
import type { TrustedAuthorities } from './trusted-authorities.ts';

export type CertificateIdentity = { type: 'none' } | { type: 'untrusted' } | { type: 'user'; user: User };

/** By what an audit tells one credential of a user from another; k8s.io/apiserver/pkg/authentication/user. */
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

const NONE: CertificateIdentity = { type: 'none' };
const UNTRUSTED: CertificateIdentity = { type: 'untrusted' };

/** Who a client certificate stands for, when one of `authorities` signed it. */
export class ClientCertificates {
  readonly #authorities: TrustedAuthorities;
  /** A certificate does not change while its connection lives, but it may end meanwhile. */
  readonly #identities = new WeakMap<TLSSocket, { identity: CertificateIdentity; notAfterMs: number }>();

  constructor(authorities: TrustedAuthorities) {
    this.#authorities = authorities;
  }

  /**
   * CN is the user, every O a group (k8s.io/apiserver/pkg/authentication/request/x509 CommonNameUserConversion).
   * The TLS layer has verified the chain, the dates and the client-auth usage: `socket.authorized`.
   */
  identityOf(socket: TLSSocket): CertificateIdentity {
    let known = this.#identities.get(socket);
    if (known === undefined) {
      const notAfterMs = Date.parse(socket.getPeerCertificate()?.valid_to ?? '');
      known = { identity: this.#read(socket), notAfterMs };
      this.#identities.set(socket, known);
    }
    // A watch, or a client that keeps its connection, may outlive its certificate.
    return known.identity.type === 'user' && !(Date.now() <= known.notAfterMs) ? UNTRUSTED : known.identity;
  }

  #read(socket: TLSSocket): CertificateIdentity {
    const certificate = socket.getPeerCertificate();
    if (certificate === null || certificate === undefined || Object.keys(certificate).length === 0)
      return NONE;
    if (!socket.authorized || !this.#authorities.vouchFor(socket)) return UNTRUSTED;
    const { CN, O } = certificate.subject as unknown as { CN?: string | string[]; O?: string | string[] };
    if (typeof CN !== 'string' || CN === '') return UNTRUSTED;
    const groups = O === undefined ? [] : Array.isArray(O) ? O : [O];
    const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
    const extra = { [CREDENTIAL_ID]: [`X509SHA256=${fingerprint}`] };
    return { type: 'user', user: { name: CN, groups, extra } };
  }
}
