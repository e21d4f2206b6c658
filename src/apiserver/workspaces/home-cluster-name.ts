import { createHash } from 'node:crypto';

const HASHED_BYTES = 8;
/** The first name of the path of homes: `user:ann`. */
const USERS = 'user';

/**
 * The logical cluster that is a user's home, whether it was made yet or not: base36 of the first bytes of a SHA-224, with
 * a zero for each leading byte that is none. Source: kcp pkg/index/rewriters/user.go.
 */
export function homeClusterName(userName: string): string {
  const hash = createHash('sha224').update(userName).digest().subarray(0, HASHED_BYTES);
  const leading = hash.findIndex((byte) => byte !== 0);
  return '0'.repeat(leading < 0 ? hash.length : leading) + BigInt(`0x${hash.toString('hex')}`).toString(36);
}

/** `user:ann:app` → `<home of ann>:app`; every other path as it is. */
export function withoutUsers(segments: readonly string[]): readonly string[] {
  const [first, userName, ...rest] = segments;
  return first === USERS && userName !== undefined ? [homeClusterName(userName), ...rest] : segments;
}

export function homePath(userName: string): string {
  return `${USERS}:${userName}`;
}
