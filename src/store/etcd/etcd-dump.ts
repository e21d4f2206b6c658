import { randomBytes } from 'node:crypto';
import { type DumpItem, type DumpSource, type DumpTarget, REVISION_GAP } from '../dump/dump.ts';
import { type ConnectionOptions, EtcdConnection } from './connection.ts';
import { explain } from './etcd-errors.ts';
import { compactTo } from './floor.ts';
import { beginFilling, claimPrefix, endFilling } from './format.ts';
import { decodeEnvelope, encodeEnvelope, Layout, WRITE_ID_BYTES } from './layout.ts';
import { ALARM, DEFRAGMENT, RANGE, STATUS, TXN } from './messages.ts';

export interface EtcdPlace extends ConnectionOptions {
  prefix: string;
}

const PAGE_ITEMS = 500;
const IN_FLIGHT = 256;
const DEFRAGMENT_MS = 600_000;

async function connect(place: EtcdPlace): Promise<EtcdConnection> {
  const connection = await EtcdConnection.create(place);
  try {
    await connection.verify();
    return connection;
  } catch (error) {
    connection.close();
    throw explain(error, place.endpoints.join(', '));
  }
}

/** The store below a prefix, as it is now; servers may go on using it. */
export async function openEtcdSource(place: EtcdPlace): Promise<DumpSource> {
  const connection = await connect(place);
  const layout = new Layout(place.prefix);
  const range = layout.rangeOf('');
  try {
    await claimPrefix(connection, layout, place.prefix);
    const { header, count } = await connection.call(RANGE, { ...range, countOnly: true });
    const { revision } = header;
    return {
      revision,
      count,
      items: () => readItems(connection, layout, revision),
      close: async () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw explain(error, place.endpoints.join(', '));
  }
}

async function* readItems(
  connection: EtcdConnection,
  layout: Layout,
  revision: number,
): AsyncGenerator<DumpItem> {
  const range = layout.rangeOf('');
  for (;;) {
    const page = await connection.call(RANGE, { ...range, revision, limit: PAGE_ITEMS });
    for (const { key, value, createRevision, modRevision } of page.items) {
      const draft = decodeEnvelope(key, value).draft ?? { bytes: new Uint8Array(0) };
      yield { key: layout.nameOf(key)!, createRevision, modRevision, value: draft };
    }
    if (!page.more) return;
    range.key = Buffer.concat([page.items.at(-1)!.key, Uint8Array.of(0)]);
  }
}

/**
 * A new store below an empty prefix. etcd gives every value a new revision.
 *
 * @throws StoreNotEmpty, StoreUnavailable, StoreDenied, StoreTooOld
 */
export async function openEtcdTarget(place: EtcdPlace): Promise<DumpTarget> {
  const connection = await connect(place);
  const layout = new Layout(place.prefix);
  try {
    await beginFilling(connection, { layout, prefix: place.prefix });
  } catch (error) {
    connection.close();
    throw explain(error, place.endpoints.join(', '));
  }
  return new EtcdTarget(connection, layout);
}

class EtcdTarget implements DumpTarget {
  readonly #connection: EtcdConnection;
  readonly #layout: Layout;
  readonly #putting = new Set<Promise<unknown>>();

  constructor(connection: EtcdConnection, layout: Layout) {
    this.#connection = connection;
    this.#layout = layout;
  }

  async add({ key, value }: DumpItem): Promise<void> {
    while (this.#putting.size >= IN_FLIGHT) await Promise.race(this.#putting);
    const id = randomBytes(WRITE_ID_BYTES).toString('latin1');
    const put = { key: this.#layout.keyOf(key), value: encodeEnvelope({ id, draft: value }) };
    // Nobody else writes here: a second try writes the same.
    const putting = this.#connection
      .call(TXN, { compare: [], success: [{ put }], failure: [] })
      .then(() => void this.#putting.delete(putting));
    this.#putting.add(putting);
    // Whoever awaits the others, or the end, is told.
    putting.catch(() => undefined);
  }

  async finish(source: number): Promise<number> {
    await Promise.all(this.#putting);
    const revision = await endFilling(this.#connection, this.#layout, source + REVISION_GAP);
    this.#connection.close();
    return revision;
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.#putting);
    const { range } = this.#layout;
    await this.#connection.call(TXN, { compare: [], success: [{ delete: range }], failure: [] });
    this.#connection.close();
  }
}

export interface EtcdCompaction {
  revision: number;
  bytesBefore: number;
  bytesAfter: number;
}

/** Forgets history, then gives the room back on every member, one after the other; takes the alarm NOSPACE back. */
export async function compactEtcd(
  place: EtcdPlace,
  onMember: (endpoint: string) => void,
): Promise<EtcdCompaction> {
  const connection = await connect(place);
  try {
    await claimPrefix(connection, new Layout(place.prefix), place.prefix);
    const { revision } = connection;
    const bytesBefore = (await connection.call(STATUS, {})).dbSizeBytes;
    await compactTo(connection, revision, true);
    for (const endpoint of place.endpoints) {
      onMember(endpoint);
      const member = await EtcdConnection.create({
        ...place,
        endpoints: [endpoint],
        attemptMs: DEFRAGMENT_MS,
      });
      try {
        await member.call(DEFRAGMENT, {});
      } finally {
        member.close();
      }
    }
    const { members } = await connection.call(ALARM, { action: 'get', memberId: 0n });
    for (const memberId of members) await connection.call(ALARM, { action: 'deactivate', memberId });
    return { revision, bytesBefore, bytesAfter: (await connection.call(STATUS, {})).dbSizeBytes };
  } catch (error) {
    throw explain(error, place.endpoints.join(', '));
  } finally {
    connection.close();
  }
}
