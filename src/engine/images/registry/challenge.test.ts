import { expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';

test('several challenges, quoted values with commas and escapes', () => {
  const header =
    'Bearer realm="https://a/token",service="x \\"y\\"",scope="repository:a:pull,push", Basic realm=r';
  expect(parseChallenges(header)).toEqual([
    {
      scheme: 'bearer',
      parameters: { realm: 'https://a/token', service: 'x "y"', scope: 'repository:a:pull,push' },
    },
    { scheme: 'basic', parameters: { realm: 'r' } },
  ]);
});

test('what is malformed is no challenge', () => {
  expect(parseChallenges('')).toEqual([]);
  expect(parseChallenges('"nonsense"')).toEqual([]);
});
