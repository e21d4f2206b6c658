import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../base/index.ts';
import { lines, type StoreHome, textOf } from './contract.test-suite.ts';
import { fillDraft } from './draft.ts';
import { compareKeys } from './keys.ts';
import type { Store, StoredValue, StoreEvent, Write, WriteResult } from './store.ts';

/** A store as simple as can be: every change ever made, in a list. */
class StoreModel {
  revision: number;
  compacted: number;
  readonly events: StoreEvent[] = [];

  constructor(start: { revision: number; compacted: number }) {
    this.revision = start.revision;
    this.compacted = start.compacted;
  }

  /** Writes at a revision; returns it, or the code of the error. */
  write(write: Write, revision: number): number | string {
    const state = this.stateAt(this.revision).get(write.key);
    const current = state?.modRevision ?? 0;
    if (write.expect !== undefined && write.expect !== current) return 'Conflict';
    if (write.type === 'delete' && state === undefined) return 'NotFound';
    this.revision = revision;
    const draft = write.type === 'put' ? write.value : write.tombstone;
    this.events.push({
      type: write.type,
      key: write.key,
      revision,
      value: draft === undefined ? state!.value : fillDraft(draft, revision),
      ...(state !== undefined && { previous: state.value, previousRevision: state.modRevision }),
    });
    return revision;
  }

  stateAt(revision: number): Map<string, StoredValue> {
    const state = new Map<string, StoredValue>();
    for (const { type, key, value, revision: modRevision } of this.events) {
      if (modRevision > revision) break;
      const createRevision = state.get(key)?.createRevision ?? modRevision;
      if (type === 'delete') state.delete(key);
      else state.set(key, { key, value, createRevision, modRevision });
    }
    return state;
  }

  list(revision: number, prefix: string, startAfter: string): StoredValue[] {
    return [...this.stateAt(revision).values()]
      .filter(({ key }) => key.startsWith(prefix) && compareKeys(key, startAfter) > 0)
      .sort((a, b) => compareKeys(a.key, b.key));
  }
}

const KEYS = ['/a/1', '/a/2', '/a/2/x', '/a/é', '/a/\u{1f600}', '/b/1', '/b/\uffee', 'c'];
const PREFIXES = ['', '/', '/a/', '/a/2', '/b', 'c', '/none'];

const key = fc.constantFrom(...KEYS);
const prefix = fc.constantFrom(...PREFIXES);
const write = fc.record({
  type: fc.constantFrom('put', 'put', 'delete', 'tombstone'),
  key,
  expect: fc.constantFrom('anything', 'nothing', 'right', 'wrong'),
  bytes: fc.constantFrom(0, 10, 5000),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('write' as const), writes: fc.array(write, { maxLength: 12 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      prefix,
      startAfter: fc.option(fc.constantFrom('', '/a/2', '/zzz', ...KEYS), { nil: undefined }),
      limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      back: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('watch' as const), prefix, back: fc.nat(20) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  model!: StoreModel;
  readonly #home: StoreHome;
  readonly #ordered: boolean;
  #store!: Store;
  #counter = 0;

  constructor(home: StoreHome, ordered: boolean) {
    this.#home = home;
    this.#ordered = ordered;
  }

  async open(): Promise<void> {
    this.#store = await this.#home.open({ clock: systemClock });
    this.model ??= new StoreModel({
      revision: this.#store.revision(),
      compacted: this.#store.compactedRevision(),
    });
  }

  async step(step: Step): Promise<void> {
    if (step.do === 'write') await this.#write(step.writes);
    else if (step.do === 'list') await this.#list(step);
    else if (step.do === 'watch') await this.#watch(step.prefix, step.back);
    else if (step.do === 'compact') await this.#compact(step.back);
    else {
      await this.close();
      await this.open();
    }
    if (this.#ordered) expect(this.#store.revision()).toBe(this.model.revision);
    else expect(this.#store.revision()).toBeGreaterThanOrEqual(this.model.revision);
    expect(this.#store.compactedRevision()).toBe(this.model.compacted);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** All at once, where they keep their order: the store must come to the result of one after the other. */
  async #write(choices: Extract<Step, { do: 'write' }>['writes']): Promise<void> {
    const writes = choices.map((choice) => this.#writeOf(choice));
    const results: PromiseSettledResult<WriteResult>[] = [];
    if (this.#ordered)
      results.push(...(await Promise.allSettled(writes.map((each) => this.#store.write(each)))));
    else for (const each of writes) results.push(...(await Promise.allSettled([this.#store.write(each)])));
    const found = results.map((result) =>
      result.status === 'fulfilled' ? result.value.revision : (result.reason as { code: string }).code,
    );
    const expected = writes.map((each, i) => {
      const next = this.model.revision + 1;
      const given = found[i]!;
      return this.model.write(
        each,
        !this.#ordered && typeof given === 'number' && given >= next ? given : next,
      );
    });
    expect(found).toEqual(expected);
  }

  #writeOf(choice: Extract<Step, { do: 'write' }>['writes'][number]): Write {
    const current = this.model.stateAt(this.model.revision).get(choice.key)?.modRevision ?? 0;
    const expected = { anything: undefined, nothing: 0, right: current, wrong: current + 1 }[choice.expect];
    const number = this.#counter++;
    const before = Buffer.from(`${number}@`);
    const bytes = Buffer.concat([before, Buffer.alloc(choice.bytes, '.')]);
    const draft = { bytes, revisionAt: before.length };
    const common = { key: choice.key, ...(expected !== undefined && { expect: expected }) };
    if (choice.type === 'put') return { type: 'put', ...common, value: draft };
    return { type: 'delete', ...common, ...(choice.type === 'tombstone' && { tombstone: draft }) };
  }

  async #list(options: Extract<Step, { do: 'list' }>): Promise<void> {
    const { prefix, startAfter, limit } = options;
    const revision = this.model.revision - options.back;
    const listing = this.#store.list({
      prefix,
      revision,
      ...(startAfter !== undefined && { startAfter }),
      ...(limit !== undefined && { limit }),
    });
    if (revision < this.model.compacted) return expect(listing).rejects.toMatchObject({ code: 'Gone' });
    const found = await listing;
    const all = this.model.list(revision, prefix, startAfter ?? '');
    const expected = all.slice(0, limit);
    expect(found.items.map(readable)).toEqual(expected.map(readable));
    expect(found).toMatchObject({ revision, more: expected.length < all.length });
    if (found.more && options.back === 0) expect(found.remaining).toBe(all.length - expected.length);
    if (options.back === 0)
      expect(await this.#store.count(prefix)).toBe(this.model.list(revision, prefix, '').length);
  }

  async #watch(prefix: string, back: number): Promise<void> {
    const after = Math.max(this.model.revision - back, this.model.compacted);
    const expected = this.model.events.filter(
      (event) => event.revision > after && event.key.startsWith(prefix),
    );
    const ending = new AbortController();
    const found: StoreEvent[] = [];
    const progressMs = 20;
    for await (const batch of this.#store.watch({ prefix, after, signal: ending.signal, progressMs })) {
      found.push(...batch.events);
      if (batch.revision >= this.model.revision) break;
    }
    expect(lines(found)).toEqual(lines(expected));
  }

  async #compact(back: number): Promise<void> {
    const floor = Math.max(this.model.revision - back, this.model.compacted);
    await this.#store.compact(floor);
    this.model.compacted = floor;
  }
}

const readable = (item: StoredValue) => ({ ...item, value: textOf(item.value) });

export interface ModelOptions {
  runs: number;
  /** Writes made at once come in the order they were made, each a revision after the one before. */
  ordered: boolean;
}

/** Holds a driver to a list of all changes, under any sequence of what can be done to a store. */
export function testStoreModel(
  driver: string,
  makeHome: () => Promise<StoreHome>,
  options: ModelOptions,
): void {
  test(`${driver} does what a list of all changes would do`, { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const home = await makeHome();
        const run = new Run(home, options.ordered);
        await run.open();
        try {
          for (const each of steps) await run.step(each);
        } finally {
          await run.close();
          await home.remove();
        }
      }),
      { numRuns: options.runs, seed: 20_261_122 },
    );
  });
}
