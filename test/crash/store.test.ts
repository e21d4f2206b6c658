import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { checkStore, openLmdbStore, type Store, type StoreEvent } from '../../src/store/index.ts';

const KILLS = 20;
const WRITERS = 64;
const script = join(import.meta.dirname, 'store-writers.ts');

interface Acknowledged {
  revision: number;
  key: string;
  /** Undefined for a deletion. */
  value: string | undefined;
}

/** Runs the writers, kills them at some instant after the first acknowledgement, and returns all they said. */
async function runAndKill(directory: string, afterMs: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [script, directory, `${WRITERS}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  await sleep(afterMs);
  child.kill('SIGKILL');
  const [, signal] = await closed;
  expect(signal, 'the writers ended by themselves').toBe('SIGKILL');
  // The last line may have been cut off in the middle.
  const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
  return lines.map((line) => {
    const [revision, key, value] = line.split(' ') as [string, string, string];
    return { revision: Number(revision), key, value: value === '-' ? undefined : value };
  });
}

async function readHistory(store: Store): Promise<Map<number, StoreEvent>> {
  const events = new Map<number, StoreEvent>();
  const { signal } = new AbortController();
  const watch = store.watch({ prefix: '', after: store.compactedRevision(), signal, progressMs: 10 });
  for await (const batch of watch) {
    for (const event of batch.events) events.set(event.revision, event);
    if (batch.revision >= store.revision()) break;
  }
  return events;
}

const trimmed = ({ value }: { value: Uint8Array }): string => Buffer.from(value).toString().trim();

test('no acknowledged write is lost when its process is killed, however often', {
  timeout: 240_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orrery-crash-'));
  const last = new Map<string, Acknowledged>();
  let highest = 1;
  let total = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const acknowledged = await runAndKill(directory, Math.random() * 400);
      total += acknowledged.length;
      const revisions = acknowledged.map(({ revision }) => revision);
      expect(new Set(revisions).size).toBe(revisions.length);
      expect(Math.min(...revisions)).toBeGreaterThan(highest);
      for (const each of acknowledged) last.set(each.key, each);

      expect((await checkStore(directory)).problems).toEqual([]);
      const store = await openLmdbStore({ directory, log: silentLog });
      expect(store.revision()).toBeGreaterThanOrEqual(Math.max(...revisions));
      highest = store.revision();
      const history = await readHistory(store);
      const deletedAt = new Map(
        [...history.values()].map(({ type, key, revision }) => [key, type === 'put' ? 0 : revision]),
      );
      for (const { revision, key, value } of last.values()) {
        const found = await store.get(key);
        const now = { revision: found?.modRevision ?? highest, key, value: found && trimmed(found) };
        last.set(key, now);
        // A later write may have reached the disk and died before its acknowledgement.
        const later = found === undefined ? deletedAt.get(key)! > revision : found.modRevision > revision;
        if (!later) expect(now.value).toBe(value);
      }
      for (const { revision, key, value } of acknowledged) {
        if (revision <= store.compactedRevision()) continue;
        const event = history.get(revision);
        expect(event).toMatchObject({ key, type: value === undefined ? 'delete' : 'put' });
        if (value !== undefined) expect(trimmed(event!)).toBe(value);
      }
      await store.close();
    }
    expect(total).toBeGreaterThan(KILLS * WRITERS);
    console.log(`${total} acknowledged writes, ${KILLS} kills, revision ${highest}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
