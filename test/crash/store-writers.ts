/**
 * Writes into a store with many writers at once until it is killed. After each acknowledgement one line
 * goes to standard output, at once: revision, key, and the value or `-` for a deletion.
 *
 *     node store-writers.ts DIRECTORY WRITERS
 */
import { writeSync } from 'node:fs';
import { silentLog } from '../../src/base/index.ts';
import { openLmdbStore, type Store } from '../../src/store/index.ts';

const [directory, writers] = process.argv.slice(2);
const store = await openLmdbStore({
  directory: directory!,
  log: silentLog,
  // So small that forgetting history is under way whenever the end comes.
  compaction: { maxEntries: 2000 },
});
await Promise.all(Array.from({ length: Number(writers) }, (_, i) => write(store, `/writers/${i}`)));

async function write(store: Store, prefix: string): Promise<never> {
  for (let n = 0; ; n++) {
    const key = `${prefix}/${n % 20}`;
    const existing = await store.get(key);
    const expected = { expect: existing?.modRevision ?? 0 };
    if (n % 7 === 0 && existing !== undefined) {
      const { revision } = await store.write({ type: 'delete', key, ...expected });
      writeSync(1, `${revision} ${key} -\n`);
    } else {
      const value = `${process.pid}.${n}`;
      const padded = Buffer.from(value.padEnd(n % 50 === 0 ? 20_000 : 1000, ' '));
      const { revision } = await store.write({ type: 'put', key, value: { bytes: padded }, ...expected });
      writeSync(1, `${revision} ${key} ${value}\n`);
    }
  }
}
