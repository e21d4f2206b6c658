import { expect, test } from 'vitest';
import { ManualClock } from '../base/index.ts';
import { EventCorrelator, type EventDraft } from './event-correlator.ts';

const draft = (message: string, name = 'web'): EventDraft => ({
  involvedObject: { kind: 'Pod', namespace: 'default', name, uid: name },
  type: 'Warning',
  reason: 'BackOff',
  message,
  source: { component: 'kubelet' },
  workspace: 'root',
});

function write(correlator: EventCorrelator, event: EventDraft, name: string): string {
  const correlation = correlator.correlate(event);
  if (correlation.kind === 'drop') return 'drop';
  const count = correlation.kind === 'count' ? correlation.count : 1;
  correlator.remember(correlation.key, correlation.kind === 'count' ? correlation.name : name, count);
  return `${correlation.kind} ${count} ${correlation.message}`;
}

test('the same event counts up', () => {
  const correlator = new EventCorrelator(new ManualClock());
  expect([1, 2, 3].map(() => write(correlator, draft('again'), 'e'))).toEqual([
    'create 1 again',
    'count 2 again',
    'count 3 again',
  ]);
});

test('after ten similar ones they become one', () => {
  const correlator = new EventCorrelator(new ManualClock());
  const written = Array.from({ length: 12 }, (_, i) => write(correlator, draft(`no ${i}`), `e${i}`));
  expect(written.slice(0, 9).every((line) => line.startsWith('create 1 no'))).toBe(true);
  expect(written.slice(9)).toEqual([
    'create 1 (combined from similar events): no 9',
    'count 2 (combined from similar events): no 10',
    'count 3 (combined from similar events): no 11',
  ]);
});

test('an object gets 25 at once, then one every five minutes; others are not hurt', async () => {
  const clock = new ManualClock();
  const correlator = new EventCorrelator(clock);
  const written = Array.from({ length: 30 }, () => write(correlator, draft('x'), 'e'));
  expect(written.filter((line) => line === 'drop')).toHaveLength(5);
  expect(write(correlator, draft('x', 'other'), 'f')).toBe('create 1 x');
  await clock.advance(300_000);
  expect(write(correlator, draft('x'), 'e')).toBe('count 26 x');
  expect(write(correlator, draft('x'), 'e')).toBe('drop');
});
