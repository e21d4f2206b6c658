import { createHash } from 'node:crypto';

/** Where a secret keeps the identity of an APIExport. */
export const IDENTITY_KEY = 'key';

/** What is told of an identity: objects of an export lie under it, nobody learns the secret from it. */
export function identityHash(key: Uint8Array | string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * The value of the label `internal.apis.kcp.io/export` of a binding: by it the bindings of an export are found.
 * Source: sdk/apis/apis/v1alpha2/permissionclaims ToAPIBindingExportLabelValue.
 */
export function exportLabelValue(cluster: string, name: string): string {
  return base62(createHash('sha224').update(`${cluster}:${name}`).digest());
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Go's big.Int.Text(62). */
function base62(bytes: Uint8Array): string {
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  do {
    text = DIGITS[Number(number % 62n)]! + text;
    number /= 62n;
  } while (number > 0n);
  return text;
}
