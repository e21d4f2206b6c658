import { expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { backoffMs, SchedulingQueue } from './scheduling-queue.ts';

function setUp() {
  const clock = new ManualClock();
  const queue = new SchedulingQueue(clock);
  const end = new AbortController();
  const take = async () => (await queue.take(end.signal))!;
  return { clock, queue, end, take };
}

test('higher priority goes first, then who came earlier', async () => {
  const { clock, queue, take } = setUp();
  queue.add('late', 0);
  await clock.advance(1);
  queue.add('later', 0);
  queue.add('urgent', 100);
  expect([(await take()).key, (await take()).key, (await take()).key]).toEqual(['urgent', 'late', 'later']);
});

test('an unschedulable pod waits until the cluster changes, then out its back-off', async () => {
  const { clock, queue, take } = setUp();
  queue.add('pod', 0);
  queue.addUnschedulable(await take());
  const next = take();
  let taken = false;
  void next.then(() => {
    taken = true;
  });
  await clock.advance(60_000);
  expect(taken).toBe(false);
  queue.clusterChanged('node added');
  const again = await next;
  expect(again).toMatchObject({ key: 'pod', attempts: 2 });
  queue.addUnschedulable(again);
  queue.clusterChanged('node added');
  const third = take();
  await clock.advance(1_999);
  expect(queue.has('pod')).toBe(true);
  await clock.advance(1);
  expect((await third).attempts).toBe(3);
});

test('a pod that nothing wakes is tried again after five minutes', async () => {
  const { clock, queue, take } = setUp();
  queue.add('pod', 0);
  queue.addUnschedulable(await take());
  const next = take();
  await clock.advance(300_000);
  expect((await next).key).toBe('pod');
});

test('a removed pod does not come back', async () => {
  const { clock, queue, end, take } = setUp();
  queue.add('pod', 0);
  queue.addBackingOff(await take());
  queue.remove('pod');
  await clock.advance(20_000);
  end.abort();
  expect(await queue.take(end.signal)).toBeUndefined();
});

test('the back-off is 1 s, 2 s, 4 s, 8 s, then 10 s', () => {
  expect([1, 2, 3, 4, 5, 50].map(backoffMs)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test('a change that cannot help what keeps a pod waiting does not wake it', async () => {
  const { clock, queue, take } = setUp();
  queue.add('pod', 0);
  queue.addUnschedulable({ ...(await take()), filters: new Set(['NodeAffinity']) });
  let taken = false;
  const next = take().then((pod) => {
    taken = true;
    return pod;
  });
  queue.clusterChanged('pod removed');
  await clock.advance(20_000);
  expect(taken).toBe(false);
  queue.clusterChanged('node labels');
  expect((await next).key).toBe('pod');
});
