import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** The key that signs service account tokens (ES256). */
export class TokenKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Upstream's: base64url of the SHA-256 of the public key's DER. */
  readonly id: string;

  constructor(pem: string) {
    this.privateKey = createPrivateKey(pem);
    this.publicKey = createPublicKey(this.privateKey);
    const der = this.publicKey.export({ type: 'spki', format: 'der' });
    this.id = createHash('sha256').update(der).digest('base64url');
  }

  /** RFC 7517. */
  publicJwk(): object {
    return { use: 'sig', kid: this.id, alg: 'ES256', ...this.publicKey.export({ format: 'jwk' }) };
  }
}
