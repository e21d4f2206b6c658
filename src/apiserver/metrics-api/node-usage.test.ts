import { expect, test } from 'vitest';
import { ManualClock, silentLog } from '../../base/index.ts';
import { NodeUsages, type StatsSummary, usageBetween } from './node-usage.ts';

function summary(seconds: number, cpuSeconds: Record<string, number>): StatsSummary {
  const time = new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
  const stats = (used: number) => ({
    cpu: { time, usageCoreNanoSeconds: used * 1e9 },
    memory: { workingSetBytes: 1024 },
  });
  const { node = 0, ...containers } = cpuSeconds;
  const all = Object.entries(containers).map(([name, used]) => ({ name, ...stats(used) }));
  return {
    node: stats(node),
    pods: [{ podRef: { name: 'p', namespace: 'default', uid: 'u' }, containers: all }],
  };
}

test('what was used is the difference of two readings; what began anew between them is left out', () => {
  const usage = usageBetween(
    summary(0, { node: 10, main: 5, again: 9 }),
    summary(20, { node: 20, main: 6, again: 1, new: 1 }),
  );
  expect(usage).toMatchObject({ windowMs: 20_000, node: { cpuNanoCores: 5e8, memoryBytes: 1024 } });
  expect([...usage!.pods.get('u')!]).toEqual([['main', { cpuNanoCores: 5e7, memoryBytes: 1024 }]]);
});

test('a node is read twice for a first answer, once for later ones, and not at all while one is fresh', async () => {
  const clock = new ManualClock();
  const start = clock.now();
  let reads = 0;
  const usages = new NodeUsages({
    read: async () => {
      reads++;
      const seconds = (clock.now() - start) / 1000;
      return summary(seconds, { node: seconds / 2 });
    },
    clock,
    log: silentLog,
  });
  const [one, other] = [usages.of('n'), usages.of('n')];
  await clock.advance(0);
  await clock.advance(1000);
  expect(await one).toMatchObject({ windowMs: 1000, node: { cpuNanoCores: 5e8 } });
  expect(await other).toBe(await one);
  await usages.of('n');
  expect(reads).toBe(2);
  await clock.advance(20_000);
  expect(await usages.of('n')).toMatchObject({ windowMs: 20_000 });
  expect(reads).toBe(3);
});

test('a node that does not answer has no usage', async () => {
  const usages = new NodeUsages({
    read: () => Promise.reject(new Error('gone')),
    clock: new ManualClock(),
    log: silentLog,
  });
  expect(await usages.of('n')).toBeUndefined();
});
