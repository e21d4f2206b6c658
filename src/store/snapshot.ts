import { compareKeys } from './keys.ts';
import type { LmdbTables } from './lmdb-tables.ts';
import { type RecordView, ValueSlab } from './record.ts';
import type { StoredValue } from './store.ts';

export interface SnapshotRange {
  prefix: string;
  startAfter?: string | undefined;
  revision: number;
  limit: number;
}

/**
 * The keys of a range as they were at `revision`, at most `limit`. The caller vouches that history reaches
 * back that far.
 */
export function readSnapshot(tables: LmdbTables, range: SnapshotRange): StoredValue[] {
  const items: StoredValue[] = [];
  const slab = new ValueSlab();
  for (const candidate of candidates(tables, range)) {
    const item = itemAt(tables, candidate, range.revision, slab);
    if (item !== undefined && items.push(item) >= range.limit) break;
  }
  return items;
}

/** The state of a key at `revision`; undefined when it did not exist. */
function itemAt(
  tables: LmdbTables,
  { key, lastRevision }: Candidate,
  revision: number,
  slab: ValueSlab,
): StoredValue | undefined {
  let record: RecordView | undefined = tables.existingRecord(lastRevision);
  let modRevision = lastRevision;
  while (record !== undefined && modRevision > revision) {
    modRevision = record.previousRevision;
    record = modRevision === 0 ? undefined : tables.record(modRevision);
  }
  if (record?.type !== 'put') return undefined;
  return { key, value: record.copyValue(slab), createRevision: record.createRevision, modRevision };
}

interface Candidate {
  key: string;
  lastRevision: number;
}

/** Keys that exist or did recently, in order. */
function* candidates(tables: LmdbTables, range: SnapshotRange): Generator<Candidate> {
  // Nothing in a grave is part of what is there now.
  if (range.revision === tables.counters().revision) {
    for (const { key, modRevision } of tables.heads(range)) yield { key, lastRevision: modRevision };
    return;
  }
  const graves = tables.graves(range);
  let grave = graves.next();
  try {
    for (const { key, modRevision } of tables.heads(range)) {
      for (; !grave.done && compareKeys(grave.value.key, key) < 0; grave = graves.next())
        yield { key: grave.value.key, lastRevision: grave.value.revision };
      yield { key, lastRevision: modRevision };
    }
    for (; !grave.done; grave = graves.next())
      yield { key: grave.value.key, lastRevision: grave.value.revision };
  } finally {
    graves.return?.(undefined);
  }
}
