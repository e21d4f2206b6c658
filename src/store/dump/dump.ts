import type { Draft } from '../store.ts';

/** A live key, as it goes from one store to another or into a file. */
export interface DumpItem {
  key: string;
  createRevision: number;
  modRevision: number;
  /** With a gap where the revision belongs, so that it can get another one. */
  value: Draft;
}

/** The live keys of a store, as they were at one revision. */
export interface DumpSource {
  /** Read it and `items` in one turn of the event loop, if the items come at once. */
  readonly revision: number;
  readonly count: number;
  /** From a file mapped into memory they come at once, else as they arrive. */
  items(): Iterable<DumpItem> | AsyncIterable<DumpItem>;
  close(): Promise<void>;
}

/** An empty store that is being filled. Until `finish` it is not one that can be opened. */
export interface DumpTarget {
  add(item: DumpItem): void | Promise<void>;
  /** @param source the revision of the source: what comes is far above it. @returns the revision the store begins with. */
  finish(source: number): Promise<number>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

/**
 * How far above the source's revision a restored or moved store begins. The source may have gone on after it was
 * copied; a client that saw a revision of that time must be told 410 Gone, not be given another history under the
 * same numbers. (etcdutl snapshot restore --bump-revision is advised with the same figure.)
 */
export const REVISION_GAP = 1_000_000_000;

/** Takes the revision out of a value that carries it. */
export function draftOf(value: Uint8Array, revisionAt: number | undefined, revision: number): Draft {
  if (revisionAt === undefined) return { bytes: value };
  const digits = String(revision).length;
  return {
    bytes: Buffer.concat([value.subarray(0, revisionAt), value.subarray(revisionAt + digits)]),
    revisionAt,
  };
}

/**
 * Where format version 1 of a store, which did not write it down, has the revision: in the first resourceVersion of a
 * JSON text.
 */
export function findRevision(value: Uint8Array, revision: number): number | undefined {
  const before = '"resourceVersion":"';
  const at = Buffer.from(value.buffer, value.byteOffset, value.byteLength).indexOf(`${before}${revision}"`);
  return at < 0 ? undefined : at + before.length;
}
