import { storeForeign, storeNotEmpty } from '../store-errors.ts';
import type { EtcdConnection } from './connection.ts';
import type { Layout } from './layout.ts';
import { RANGE, TXN } from './messages.ts';

/** What stands at `store/format`. */
interface Format {
  format: 'orrery-store';
  version: 1;
  /**
   * What our revisions are above etcd's: a store that came from elsewhere goes on above the revisions it had, and
   * etcd cannot be told to.
   */
  revisionOffset: number;
  /** It is still being filled. */
  filling?: true;
}

const ORRERY: Format = { format: 'orrery-store', version: 1, revisionOffset: 0 };

/**
 * Writes down what the prefix is for, or reads it; from then on the connection counts revisions as the store does.
 *
 * @throws StoreForeign
 */
export async function claimPrefix(connection: EtcdConnection, layout: Layout, prefix: string): Promise<void> {
  const range = { key: layout.formatKey };
  // Read first: an etcd that has no room for writes can still be read.
  let [found] = (await connection.call(RANGE, range)).items;
  if (found === undefined) {
    const { ranges } = await connection.call(TXN, {
      compare: [{ key: layout.formatKey, modRevision: 0 }],
      success: [{ put: { key: layout.formatKey, value: encode(ORRERY) } }],
      failure: [{ range }],
    });
    found = ranges[0]?.items[0];
  }
  if (found === undefined) return;
  const format = decode(found.value);
  const where = `the prefix ${prefix} of etcd`;
  if (format?.format !== ORRERY.format) throw storeForeign(where, 'something else is there');
  if (format.version !== ORRERY.version)
    throw storeForeign(
      where,
      `its format version is ${format.version}, this program knows ${ORRERY.version}`,
    );
  if (format.filling) throw storeForeign(where, 'a restore or migration into it did not finish; do it again');
  connection.offset = format.revisionOffset;
}

/**
 * Writes down that the prefix is being filled. It must be empty, but for what such a try left that did not finish.
 *
 * @throws StoreNotEmpty
 */
export async function beginFilling(
  connection: EtcdConnection,
  { layout, prefix }: { layout: Layout; prefix: string },
): Promise<void> {
  const { items } = await connection.call(RANGE, { key: layout.formatKey });
  // What an earlier try left behind is nobody's: it cannot be opened.
  if (items[0] !== undefined && decode(items[0].value)?.filling)
    await connection.call(TXN, { compare: [], success: [{ delete: layout.range }], failure: [] });
  const { count } = await connection.call(RANGE, { ...layout.range, countOnly: true });
  if (count > 0) throw storeNotEmpty(`the prefix ${prefix} of etcd`);
  const filling = encode({ ...ORRERY, filling: true });
  const { succeeded } = await connection.call(TXN, {
    compare: [{ key: layout.formatKey, modRevision: 0 }],
    success: [{ put: { key: layout.formatKey, value: filling } }],
    failure: [],
  });
  if (!succeeded) throw storeNotEmpty(`the prefix ${prefix} of etcd`);
}

export async function endFilling(
  connection: EtcdConnection,
  layout: Layout,
  revisionOffset: number,
): Promise<number> {
  const put = { key: layout.formatKey, value: encode({ ...ORRERY, revisionOffset }) };
  const { header } = await connection.call(TXN, { compare: [], success: [{ put }], failure: [] });
  return header.revision + revisionOffset;
}

function encode(format: Format): Uint8Array {
  return Buffer.from(JSON.stringify(format));
}

function decode(
  value: Uint8Array,
): { format?: string; version?: number; revisionOffset: number; filling?: true } | undefined {
  try {
    return JSON.parse(Buffer.from(value).toString()) as ReturnType<typeof decode>;
  } catch {
    return undefined; // then it is not ours, and whoever asked says so
  }
}
