import { OrreryError } from '../../base/index.ts';
import { fillDraft } from '../draft.ts';
import { endOfPrefix } from '../keys.ts';
import type { Draft } from '../store.ts';

/**
 * Where things are in etcd. Below the prefix that the user chose, `/orrery` as a rule:
 *
 * - `<prefix>/objects<key>`: the values, in envelopes;
 * - `<prefix>/store/format`: what this is, written once;
 * - `<prefix>/store/deleted`: written together with each deletion, so that its tombstone and its writer are known;
 * - `<prefix>/store/compacted`: the floor, as the server that raised it last wrote it;
 * - `<prefix>/store/barrier`: written to learn that everything before has been seen.
 */
export class Layout {
  readonly formatKey: Uint8Array;
  readonly deletedKey: Uint8Array;
  readonly compactedKey: Uint8Array;
  readonly barrierKey: Uint8Array;
  /** All of it. */
  readonly range: { key: Uint8Array; end: Uint8Array };
  readonly #objects: string;

  /** @param prefix begins with "/" and does not end with one. */
  constructor(prefix: string) {
    this.formatKey = Buffer.from(`${prefix}/store/format`);
    this.deletedKey = Buffer.from(`${prefix}/store/deleted`);
    this.compactedKey = Buffer.from(`${prefix}/store/compacted`);
    this.barrierKey = Buffer.from(`${prefix}/store/barrier`);
    this.range = { key: Buffer.from(`${prefix}/`), end: endOfPrefix(`${prefix}/`)! };
    this.#objects = `${prefix}/objects`;
  }

  /** A key of the store, in etcd. */
  keyOf(key: string): Uint8Array {
    return Buffer.from(this.#objects + key);
  }

  rangeOf(prefix: string, startAfter?: string): { key: Uint8Array; end: Uint8Array } {
    const first = this.keyOf(prefix);
    const end = endOfPrefix(this.#objects + prefix)!;
    if (startAfter === undefined) return { key: first, end };
    const after = Buffer.concat([this.keyOf(startAfter), Uint8Array.of(0)]);
    return { key: Buffer.compare(after, first) > 0 ? after : first, end };
  }

  /** The store's name of a key in etcd; undefined for what is not a value. */
  nameOf(key: Uint8Array): string | undefined {
    const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString();
    return text.startsWith(this.#objects) ? text.slice(this.#objects.length) : undefined;
  }
}

/**
 * How a value lies in etcd:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | type: 1 value, 2 nothing (a deletion without a tombstone) |
 * | 12 | the id of the write, so that its writer can find out whether it happened |
 * | 4 | where the revision belongs, big-endian; all ones for nowhere |
 * | … | the value |
 */
export interface Envelope {
  id: string;
  draft: Draft | undefined;
}

export const WRITE_ID_BYTES = 12;
const HEADER_BYTES = 17;
const NOWHERE = 0xffffffff;

export function encodeEnvelope({ id, draft }: Envelope): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + (draft?.bytes.length ?? 0));
  bytes[0] = draft === undefined ? 2 : 1;
  bytes.write(id, 1, WRITE_ID_BYTES, 'latin1');
  bytes.writeUInt32BE(draft?.revisionAt ?? NOWHERE, 13);
  if (draft !== undefined) bytes.set(draft.bytes, HEADER_BYTES);
  return bytes;
}

/** @throws OrreryError StoreForeign for what is no envelope. */
export function decodeEnvelope(key: Uint8Array, value: Uint8Array): Envelope {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const revisionAt = bytes.length < HEADER_BYTES ? 0 : bytes.readUInt32BE(13);
  const placed = revisionAt === NOWHERE || revisionAt <= bytes.length - HEADER_BYTES;
  if (bytes.length < HEADER_BYTES || (bytes[0] !== 1 && bytes[0] !== 2) || !placed)
    throw new OrreryError('StoreForeign', `the value at ${Buffer.from(key)} in etcd is not of this program`, {
      hint: 'choose a prefix (--etcd-prefix) that nobody else writes to',
    });
  const id = bytes.toString('latin1', 1, 1 + WRITE_ID_BYTES);
  if (bytes[0] === 2) return { id, draft: undefined };
  return {
    id,
    draft: { bytes: bytes.subarray(HEADER_BYTES), ...(revisionAt !== NOWHERE && { revisionAt }) },
  };
}

/** The value of an item whose last change was at `revision`. */
export function readValue(item: { key: Uint8Array; value: Uint8Array }, revision: number): Uint8Array {
  const { draft } = decodeEnvelope(item.key, item.value);
  return draft === undefined ? new Uint8Array(0) : fillDraft(draft, revision);
}
