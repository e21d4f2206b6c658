import type { Draft } from './store.ts';

/** The bytes of a draft whose write got `revision`. */
export function fillDraft({ bytes, revisionAt }: Draft, revision: number): Uint8Array {
  if (revisionAt === undefined) return bytes;
  const digits = String(revision);
  const filled = Buffer.allocUnsafe(bytes.length + digits.length);
  filled.set(bytes.subarray(0, revisionAt));
  filled.write(digits, revisionAt, 'latin1');
  filled.set(bytes.subarray(revisionAt), revisionAt + digits.length);
  return filled;
}
