import { describe, expect, test } from 'vitest';
import { isTimeZone, parseCronSchedule } from './cron-schedule.ts';

function nextOf(schedule: string, after: string, zone?: string): string | undefined {
  const ms = parseCronSchedule(schedule).next(Date.parse(after), zone);
  return ms === undefined ? undefined : new Date(ms).toISOString().replace('.000Z', 'Z');
}

describe('the next time', () => {
  test.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-01-01T00:14:59Z', '2026-01-01T00:15:00Z'],
    ['0 9-17/4 * * mon-fri', '2026-01-03T00:00:00Z', '2026-01-05T09:00:00Z'],
    ['0 0 31 * *', '2026-02-01T00:00:00Z', '2026-03-31T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 0 13 * 5', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['@daily', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['@every 1h30m', '2026-01-01T00:00:00Z', '2026-01-01T01:30:00Z'],
  ])('of %s after %s is %s', (schedule, after, expected) => {
    expect(nextOf(schedule, after)).toBe(expected);
  });

  test('is in the time zone, also over a change of its clock', () => {
    expect(nextOf('30 2 * * *', '2026-01-01T00:00:00Z', 'Europe/Zurich')).toBe('2026-01-01T01:30:00Z');
    expect(nextOf('0 12 * * *', '2026-03-29T00:00:00Z', 'Europe/Zurich')).toBe('2026-03-29T10:00:00Z');
    expect(nextOf('0 12 * * *', '2026-10-25T00:00:00Z', 'Europe/Zurich')).toBe('2026-10-25T11:00:00Z');
  });

  test('is none for a day that never comes', () => {
    expect(nextOf('0 0 30 2 *', '2026-01-01T00:00:00Z')).toBeUndefined();
  });
});

test.each([
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['@never', 'unrecognized descriptor: @never'],
])('%j is refused: %s', (schedule, message) => {
  expect(() => parseCronSchedule(schedule)).toThrow(message);
});

test('time zones are those the runtime knows', () => {
  expect([isTimeZone('Europe/Zurich'), isTimeZone('Mars/Olympus')]).toEqual([true, false]);
});
