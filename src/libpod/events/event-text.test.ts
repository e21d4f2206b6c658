import { expect, test } from 'vitest';
import { eventFromJson, eventTime, eventTimeMs, eventToJson } from './event-json.ts';
import { eventToText } from './event-text.ts';

const started = {
  Type: 'container',
  Status: 'start',
  ID: '0123456789abcdef',
  Name: 'web',
  Image: 'localhost/a:latest',
  Time: '2026-01-02T03:04:05.123450000Z',
  Attributes: { tier: 'front' },
  PodID: 'feed',
};

test("a container's line has image, name, pod and labels", () => {
  const text = eventToText(started);
  expect(text).toMatch(/^2026-01-0\d \d\d:\d\d:05\.12345 [+-]\d{4} \S+ container start 0123456789abcdef \(/);
  expect(text).toContain('(image=localhost/a:latest, name=web, pod_id=feed, tier=front)');
  expect(eventToText(started, { truncate: true })).toContain(' 0123456789ab (');
});

test('an event survives its line; a torn line is none', () => {
  const line = eventToJson(started);
  expect(eventFromJson(line)).toEqual(started);
  expect(eventFromJson(line.slice(0, 40))).toBeUndefined();
  expect(eventFromJson('{"Status":"pull"}')).toBeUndefined();
  expect(eventFromJson('null')).toBeUndefined();
});

test('times keep their fraction below a millisecond', () => {
  const time = eventTime(Date.UTC(2026, 0, 2) + 0.123);
  expect(time).toBe('2026-01-02T00:00:00.000123000Z');
  expect(eventTimeMs(time)).toBeCloseTo(Date.UTC(2026, 0, 2) + 0.123, 3);
  expect(eventTimeMs('2022-04-06T11:26:42.5+02:00')).toBe(Date.UTC(2022, 3, 6, 9, 26, 42, 500));
});
