import { describe, expect, test } from 'vitest';
import { Conflict, ManualClock, silentLog, Terminal } from '../base/index.ts';
import { Controller } from './controller.ts';
import { WorkQueue } from './work-queue.ts';

describe('WorkQueue', () => {
  test('a key added many times is worked on once', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect([await queue.take(), await queue.take(), queue.length]).toEqual(['a', 'b', 0]);
  });

  test('a key added while it is worked on comes again only when done', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
    await queue.take();
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  test('a waiting taker gets a key at once and nobody else gets it', async () => {
    const queue = new WorkQueue();
    const taken = queue.take();
    queue.add('a');
    queue.add('a');
    expect(await taken).toBe('a');
    expect(queue.length).toBe(0);
  });

  test('of several delays the earliest counts, once', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue({ clock });
    queue.addAfter('a', 1000);
    queue.addAfter('a', 100);
    queue.addAfter('a', 500);
    await clock.advance(99);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    await clock.advance(5000);
    expect(queue.length).toBe(0);
  });

  test('failures back off from 5 ms doubling, and forget starts anew', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue({ clock });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const before = clock.now();
      queue.addRateLimited('a');
      while (queue.length === 0) await clock.advance(1);
      await queue.take();
      queue.done('a');
      waits.push(clock.now() - before);
    }
    expect(waits).toEqual([5, 10, 20, 40]);
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
  });

  test('closing wakes whoever waits', async () => {
    const queue = new WorkQueue();
    const taken = queue.take();
    queue.close();
    expect(await taken).toBeUndefined();
  });
});

describe('Controller', () => {
  async function runOnce(fail: (attempt: number) => unknown, advanceMs: number): Promise<number> {
    const clock = new ManualClock();
    const end = new AbortController();
    let attempts = 0;
    const controller = new Controller({
      name: 'test',
      log: silentLog,
      clock,
      reconcile: async () => {
        const error = fail(++attempts);
        if (error !== undefined) throw error;
        return undefined;
      },
    });
    controller.queue.add('key');
    const running = controller.run(end.signal);
    await clock.advance(0);
    await clock.advance(advanceMs);
    end.abort();
    await running;
    return attempts;
  }

  test('tries again after an error until it works', async () => {
    expect(await runOnce((attempt) => (attempt < 4 ? new Conflict('old') : undefined), 1000)).toBe(4);
  });

  test('drops a key on a terminal error', async () => {
    expect(await runOnce(() => new Terminal('never'), 10_000)).toBe(1);
  });

  test('comes back after the delay that reconcile asks for', async () => {
    const clock = new ManualClock();
    const end = new AbortController();
    const at: number[] = [];
    const startMs = clock.now();
    const controller = new Controller({
      name: 'test',
      log: silentLog,
      clock,
      reconcile: async () => {
        at.push(clock.now() - startMs);
        return at.length < 3 ? 250 : undefined;
      },
    });
    controller.queue.add('key');
    const running = controller.run(end.signal);
    await clock.advance(0);
    await clock.advance(2000);
    end.abort();
    await running;
    expect(at).toEqual([0, 250, 500]);
  });
});
