import { createHash } from 'node:crypto';

const HASH_LENGTH = 5;
/** A name of a Kubernetes object, less the hash and its dash. */
const LONGEST = 253 - 1 - HASH_LENGTH;
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * What the APIBinding of an export is called that a workspace has by its type: the same every time it is asked.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/initialization, generateAPIBindingName.
 */
export function bindingNameFor(clusterName: string, exportPath: string, exportName: string): string {
  const hash = createHash('sha224').update(`${clusterName}|${exportPath}|${exportName}`).digest('hex');
  const start = base62(BigInt(`0x${hash}`))
    .slice(0, HASH_LENGTH)
    .toLowerCase();
  return `${exportName.slice(0, LONGEST)}-${start}`;
}

function base62(value: bigint): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = DIGITS[Number(rest % 62n)] + text;
  return text;
}
