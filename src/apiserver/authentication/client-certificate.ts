import type { TLSSocket } from 'node:tls';
import type { User } from '../http/messages.ts';

export type CertificateIdentity = { type: 'none' } | { type: 'untrusted' } | { type: 'user'; user: User };

const NONE: CertificateIdentity = { type: 'none' };
const UNTRUSTED: CertificateIdentity = { type: 'untrusted' };
/** A certificate does not change while its connection lives. */
const identities = new WeakMap<TLSSocket, CertificateIdentity>();

/**
 * CN is the user, every O a group (k8s.io/apiserver/pkg/authentication/request/x509 CommonNameUserConversion).
 * The TLS layer has verified the chain against our CA, the dates and the client-auth usage: `socket.authorized`.
 */
export function identityOf(socket: TLSSocket): CertificateIdentity {
  let identity = identities.get(socket);
  if (identity === undefined) {
    identity = read(socket);
    identities.set(socket, identity);
  }
  return identity;
}

function read(socket: TLSSocket): CertificateIdentity {
  const certificate = socket.getPeerCertificate();
  if (certificate === null || certificate === undefined || Object.keys(certificate).length === 0) return NONE;
  if (!socket.authorized) return UNTRUSTED;
  const { CN, O } = certificate.subject as unknown as { CN?: string | string[]; O?: string | string[] };
  if (typeof CN !== 'string' || CN === '') return UNTRUSTED;
  const groups = O === undefined ? [] : Array.isArray(O) ? O : [O];
  return { type: 'user', user: { name: CN, groups } };
}
