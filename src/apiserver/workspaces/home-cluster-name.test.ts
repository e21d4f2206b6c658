import { expect, test } from 'vitest';
import { homeClusterName, withoutUsers } from './home-cluster-name.ts';

test.each([
  ['', '36ks9xj4a2n61'],
  ['alice', 'v1u4alow0iv9'],
  ['bob', '2okdry95y5lkv'],
  ['user:with:colons', '2bqfj6xlthg3t'],
  ['user172', '0f9mt7goyif7'],
])('the home of %j is where kcp has it', (name, cluster) => {
  expect(homeClusterName(name)).toBe(cluster);
});

test('a path that begins with a user begins at home', () => {
  expect(withoutUsers(['user', 'alice', 'app'])).toEqual(['v1u4alow0iv9', 'app']);
  expect(withoutUsers(['user', 'alice'])).toEqual(['v1u4alow0iv9']);
  expect(withoutUsers(['user'])).toEqual(['user']);
  expect(withoutUsers(['root', 'user', 'alice'])).toEqual(['root', 'user', 'alice']);
});
