import { describe, expect, test } from 'vitest';
import { QueueSet, Refused, type Seat } from './queue-set.ts';

const QUEUING = { queues: 64, handSize: 8, queueLengthLimit: 4 };

function queueSet(options: { limit: number; queuing?: typeof QUEUING; waitLimitMs?: number }) {
  let now = 0;
  const set = new QueueSet(
    { queuing: options.queuing },
    { limit: options.limit, waitLimitMs: options.waitLimitMs ?? 60_000, now: () => now },
  );
  const take = (distinguisher: string, seats = 1) => set.take({ schema: 's', distinguisher, seats });
  return { set, take, pass: (ms: number) => (now += ms) };
}

describe('without queues', () => {
  test('what finds no seat is refused', () => {
    const { take, set } = queueSet({ limit: 2 });
    const first = take('a') as Seat;
    take('b');
    expect(() => take('c')).toThrow(Refused);
    first.release();
    first.release();
    expect(set.seatsInUse).toBe(1);
    expect(take('c')).toMatchObject({ waitedMs: 0 });
  });

  test('more seats than there are can be had alone', () => {
    const { take } = queueSet({ limit: 2 });
    const wide = take('a', 10) as Seat;
    expect(() => take('b')).toThrow(Refused);
    wide.release();
    take('b');
    expect(() => take('a', 10)).toThrow(Refused);
  });
});

describe('with queues', () => {
  test('a flow that floods does not starve another', async () => {
    const { take, pass } = queueSet({ limit: 1, queuing: { ...QUEUING, queueLengthLimit: 50 } });
    const order: string[] = [];
    const running = take('flood') as Seat;
    const later = async (name: string) => {
      const seat = await take(name);
      order.push(name);
      pass(10);
      seat.release();
    };
    const all = Array.from({ length: 40 }, () => later('flood'));
    all.push(later('quiet'));
    pass(10);
    running.release();
    await Promise.all(all);
    expect(order).toHaveLength(41);
    expect(order.indexOf('quiet')).toBeLessThan(10);
  });

  test('a queue that is full refuses', async () => {
    const { take, set } = queueSet({ limit: 1, queuing: { queues: 1, handSize: 1, queueLengthLimit: 2 } });
    const running = take('a') as Seat;
    const waiting = [take('a'), take('b')];
    expect(() => take('c')).toThrow('queue-full');
    expect(set.waiting).toBe(2);
    running.release();
    const next = await waiting[0]!;
    expect(set.waiting).toBe(1);
    next.release();
    (await waiting[1]!).release();
    expect(set.isIdle).toBe(true);
  });

  test('who waits too long is refused, and leaves nothing behind', async () => {
    const { take, set } = queueSet({ limit: 1, queuing: QUEUING, waitLimitMs: 1 });
    const running = take('a') as Seat;
    await expect(take('b')).rejects.toThrow('time-out');
    expect([set.waiting, set.waitingSeats]).toEqual([0, 0]);
    running.release();
    expect(set.isIdle).toBe(true);
  });

  test('a higher limit lets in who waits', async () => {
    const { take, set } = queueSet({ limit: 1, queuing: QUEUING });
    take('a');
    const waiting = take('b') as Promise<Seat>;
    set.limit = 2;
    expect(await waiting).toMatchObject({ waitedMs: 0 });
  });
});
