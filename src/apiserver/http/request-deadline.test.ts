import { expect, test } from 'vitest';
import { allottedMs, withDeadline } from './request-deadline.ts';

const allotted = (timeout: string) => allottedMs({ query: new URLSearchParams({ timeout }) }, 60_000);

test('a client may ask for less time, not for more', () => {
  expect(allottedMs({}, 60_000)).toBe(60_000);
  for (const [asked, ms] of [
    ['10s', 10_000],
    ['1m30s', 60_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['0', 60_000],
    ['0s', 60_000],
    ['-5s', 60_000],
    ['2h', 60_000],
  ] as const)
    expect(allotted(asked)).toBe(ms);
});

test('what is no duration is refused in the words of Go', () => {
  const why = (text: string) => `invalid timeout specified in the request URL - time: ${text}`;
  expect(() => allotted('soon')).toThrow(why('invalid duration "soon"'));
  expect(() => allotted('10')).toThrow(why('missing unit in duration "10"'));
  expect(() => allotted('10d')).toThrow(why('unknown unit "d" in duration "10d"'));
  expect(() => allotted('1constructor')).toThrow(
    why('unknown unit "constructor" in duration "1constructor"'),
  );
});

test('work that takes too long ends in a Timeout', async () => {
  await expect(withDeadline(Promise.withResolvers<void>().promise, 1)).rejects.toThrow(
    'Timeout: request did not complete within the allotted timeout',
  );
  expect(await withDeadline(Promise.resolve(1), 1000)).toBe(1);
  await expect(withDeadline(Promise.reject(new Error('own')), 1000)).rejects.toThrow('own');
});
