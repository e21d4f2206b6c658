import type { Log } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import { fillDraft } from '../draft.ts';
import type { StoreEvent } from '../store.ts';
import { decodeEnvelope, type Envelope, type Layout, readValue } from './layout.ts';
import type { WatchEvent } from './watch-messages.ts';

/** A change, and which write made it; '' for one that is not ours. */
export interface Entry {
  event: StoreEvent;
  writeId: string;
}

export interface DecodedEvents {
  entries: Entry[];
  /** The floor that a server wrote down, if one did. */
  floor: number | undefined;
}

/** What changes of whole revisions mean. What somebody else wrote among our keys is told of in the log, and skipped. */
export function decodeEvents(events: readonly WatchEvent[], layout: Layout, log: Log): DecodedEvents {
  const deletions = new Map<number, Envelope>();
  let floor: number | undefined;
  for (const { type, item } of events) {
    if (type !== 'put') continue;
    if (Buffer.compare(item.key, layout.deletedKey) === 0)
      deletions.set(item.modRevision, decodeEnvelope(item.key, item.value));
    else if (Buffer.compare(item.key, layout.compactedKey) === 0) floor = Number(Buffer.from(item.value));
  }
  const entries: Entry[] = [];
  for (const event of events) {
    const key = layout.nameOf(event.item.key);
    if (key === undefined) continue;
    try {
      entries.push(decodeEvent(key, event, deletions.get(event.item.modRevision)));
    } catch (error) {
      log.error('somebody else changes keys of this store', { key, error: messageOf(error) });
    }
  }
  return { entries, floor };
}

function decodeEvent(key: string, event: WatchEvent, deletion: Envelope | undefined): Entry {
  const { item, previous: before } = event;
  const revision = item.modRevision;
  const previous = before && readValue(before, before.modRevision);
  const common = {
    key,
    revision,
    ...(previous !== undefined && { previous, previousRevision: before!.modRevision }),
  };
  if (event.type === 'put') {
    const { id, draft } = decodeEnvelope(item.key, item.value);
    return { event: { type: 'put', value: fillDraft(draft ?? NOTHING, revision), ...common }, writeId: id };
  }
  // Without a tombstone, the last value with the revision of its deletion, as kube-apiserver has it.
  const value =
    deletion?.draft !== undefined
      ? fillDraft(deletion.draft, revision)
      : before === undefined
        ? NOTHING.bytes
        : readValue(before, revision);
  return { event: { type: 'delete', value, ...common }, writeId: deletion?.id ?? '' };
}

const NOTHING = { bytes: new Uint8Array(0) };
