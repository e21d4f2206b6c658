import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkStore } from '../../src/store/index.ts';
import { CommandError, checkout, run } from '../harness/cloud.ts';

const writers = join(import.meta.dirname, 'store-writers.ts');
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'orrery-backup-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** `orrery store …` from the source, in a process of its own. */
async function orrery<T>(...args: string[]): Promise<T> {
  const main = join(checkout, 'src', 'cli', 'main.ts');
  return JSON.parse(await run(process.execPath, [main, 'store', ...args, '-o', 'json'])) as T;
}

test('a store that another process writes to is backed up, whole, also when that one is killed', async () => {
  const child = spawn(process.execPath, [writers, join(home, 'data', 'store'), '32'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    child.stdout.resume();
    const revisions: number[] = [];
    for (const name of ['one', 'two', 'three']) {
      const { revision } = await orrery<{ revision: number }>(
        'backup',
        join(home, name),
        '--data-dir',
        join(home, 'data'),
      );
      revisions.push(revision);
    }
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    // What needs the store alone says who has it.
    const compacting = orrery('compact', '--data-dir', join(home, 'data'));
    await expect(compacting).rejects.toThrow(`is in use by process ${child.pid}`);
    await expect(compacting).rejects.toBeInstanceOf(CommandError);
  } finally {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
  for (const name of ['one', 'two', 'three']) {
    const place = join(home, `from-${name}`);
    const { keys } = await orrery<{ keys: number }>('restore', join(home, name), '--data-dir', place);
    expect(await checkStore(join(place, 'store'))).toMatchObject({ ok: true, keys });
  }
  expect((await checkStore(join(home, 'data', 'store'))).problems).toEqual([]);
  expect(readdirSync(home).filter((name) => name.endsWith('.part'))).toEqual([]);
});
