import { type Log, messageOf } from '../../base/index.ts';
import type { EtcdConnection } from './connection.ts';
import { isCompacted } from './etcd-errors.ts';
import type { Layout } from './layout.ts';
import { COMPACT, RANGE, TXN } from './messages.ts';

/**
 * Where the history of etcd begins. etcd does not say; but it refuses to read below. So we look, beginning with what
 * a server wrote down.
 */
export async function findFloor(connection: EtcdConnection, layout: Layout): Promise<number> {
  const first = connection.offset + 1;
  const { items } = await connection.call(RANGE, { key: layout.compactedKey });
  const noted = items.length === 0 ? first : Number(Buffer.from(items[0]!.value));
  const readable = async (revision: number): Promise<boolean> => {
    try {
      await connection.call(RANGE, { key: layout.formatKey, revision, countOnly: true });
      return true;
    } catch (error) {
      if (isCompacted(error)) return false;
      throw error;
    }
  };
  let high = connection.revision;
  let low = first;
  if (noted < high && (await readable(noted))) {
    high = noted;
    if (noted > first && !(await readable(noted - 1))) return noted;
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await readable(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @returns false when it was compacted that far already. */
export async function compactTo(
  connection: EtcdConnection,
  revision: number,
  physical = false,
): Promise<boolean> {
  try {
    await connection.call(COMPACT, { revision, physical });
    return true;
  } catch (error) {
    if (isCompacted(error)) return false;
    throw error;
  }
}

/**
 * Several servers forget old history together: the one that manages to write the new floor down compacts
 * (kube-apiserver's compact_rev_key).
 */
export class SharedCompaction {
  readonly #connection: EtcdConnection;
  readonly #layout: Layout;
  readonly #log: Log;

  constructor(options: { connection: EtcdConnection; layout: Layout; log: Log }) {
    this.#connection = options.connection;
    this.#layout = options.layout;
    this.#log = options.log;
  }

  /** Raises the floor to `revision`, or leaves that to who was faster; returns the floor then. */
  async raise(revision: number): Promise<number> {
    const key = this.#layout.compactedKey;
    const { items } = await this.#connection.call(RANGE, { key });
    const noted = items.length === 0 ? 0 : Number(Buffer.from(items[0]!.value));
    if (noted < revision) {
      const put = { key, value: Buffer.from(String(revision)) };
      const compare = [{ key, modRevision: items[0]?.modRevision ?? 0 }];
      const { succeeded } = await this.#connection.call(TXN, { compare, success: [{ put }], failure: [] });
      if (!succeeded) return noted;
    }
    // Also what another server noted and did not live to do.
    const floor = Math.max(noted, revision);
    try {
      await compactTo(this.#connection, floor);
    } catch (error) {
      this.#log.warn('cannot compact etcd', { error: messageOf(error) });
      throw error;
    }
    return floor;
  }
}
