import { createHash } from 'node:crypto';

/** Long enough that two of 2^26 logical clusters share a name once in a billion times. */
const CLUSTER_NAME_LENGTH = 16;
const SHARD_HASH_LENGTH = 8;

/**
 * The name of the logical cluster behind a Workspace, from its uid: whoever computes it again, after whatever crash,
 * gets the same, and a Workspace that is made anew under an old name gets another.
 * The form is kcp's: base36 of a SHA-224, 16 characters (it hashes a random token, and stores it before using it).
 */
export function clusterNameOf(workspaceUid: string): string {
  return base36Sha224(workspaceUid).slice(0, CLUSTER_NAME_LENGTH);
}

/** What stands for a shard in annotations. Source: pkg/reconciler/tenancy/workspace ByBase36Sha224NameValue. */
export function shardHashOf(shardName: string): string {
  return base36Sha224(shardName).slice(0, SHARD_HASH_LENGTH);
}

/** Lower case, without leading zeros. */
function base36Sha224(text: string): string {
  return BigInt(`0x${createHash('sha224').update(text).digest('hex')}`).toString(36);
}
