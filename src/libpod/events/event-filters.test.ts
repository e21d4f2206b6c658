import { expect, test } from 'vitest';
import type { LibpodEvent } from '../libpod.ts';
import { dockerAction, eventFilter } from './event-filters.ts';

const event = (fields: Partial<LibpodEvent>): LibpodEvent => ({
  Type: 'container',
  Status: 'start',
  ID: 'abcdef0123',
  Name: 'web',
  Time: '2026-01-01T00:00:00Z',
  ...fields,
});

test('values of one key are alternatives, keys must all match', () => {
  const matches = eventFilter({ container: ['web', 'db'], event: ['start'] });
  expect(matches(event({}))).toBe(true);
  expect(matches(event({ Name: 'db', ID: '99' }))).toBe(true);
  expect(matches(event({ Name: 'cache', ID: '99' }))).toBe(false);
  expect(matches(event({ Status: 'died' }))).toBe(false);
});

test('a container is found by the beginning of its id, and only as a container', () => {
  expect(eventFilter({ container: ['abc'] })(event({}))).toBe(true);
  expect(eventFilter({ container: ['abc'] })(event({ Type: 'image' }))).toBe(false);
  expect(eventFilter({ container: [''] })(event({}))).toBe(false);
});

test('a label is matched by its name alone or with its value', () => {
  const labelled = event({ Attributes: { tier: 'a=b' } });
  expect(eventFilter({ label: ['tier=a=b'] })(labelled)).toBe(true);
  expect(eventFilter({ label: ['tier'] })(labelled)).toBe(true);
  expect(eventFilter({ label: ['tier=a'] })(labelled)).toBe(false);
});

test("Docker's word finds Podman's event", () => {
  expect(eventFilter({ event: ['die'] })(event({ Status: 'died' }))).toBe(true);
  expect(eventFilter({ event: ['health_status: healthy'] })(event({ Status: 'health_status' }))).toBe(true);
  expect(dockerAction({ Type: 'container', Status: 'remove' })).toBe('destroy');
  expect(dockerAction({ Type: 'container', Status: 'health_status', HealthStatus: 'healthy' })).toBe(
    'health_status: healthy',
  );
});

test('a key that is no filter is refused by name', () => {
  expect(() => eventFilter({ colour: ['red'] })).toThrow('colour is an invalid filter');
});
