import { createHash } from 'node:crypto';

/** Upper-case SHA-512 in hexadecimal, as kube-openapi and aggregated discovery use for ETags and hashes. */
export function fingerprint(content: Uint8Array | string): string {
  return createHash('sha512').update(content).digest('hex').toUpperCase();
}
