import { expect, test } from 'vitest';
import { parseTokenFile, StaticTokenAuthenticator } from './static-tokens.ts';

test('reads a token file as kube-apiserver does', () => {
  expect(parseTokenFile('# comment\n\nabc,ann,1\nxyz,bob,2,"dev,ops"\n')).toEqual([
    { token: 'abc', user: { name: 'ann', uid: '1', groups: [] } },
    { token: 'xyz', user: { name: 'bob', uid: '2', groups: ['dev', 'ops'] } },
  ]);
});

test('names the line it cannot read', () => {
  expect(() => parseTokenFile('abc,ann,1\nonly\n')).toThrow('line 2');
  expect(() => parseTokenFile('abc,ann\n')).toThrow('line 1 must be token,user,uid');
});

test('knows its tokens and no others', async () => {
  const tokens = new StaticTokenAuthenticator([{ token: 'abc', user: { name: 'ann', groups: [] } }]);
  expect(await tokens.authenticate('abc')).toMatchObject({ name: 'ann' });
  expect(await tokens.authenticate('abd')).toBeUndefined();
});
