import { expect, test } from 'vitest';
import { hostOf, loopbackAccess, registryAuth, registryConfig } from './registry-auth.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('reads credentials of a header, also those that stand in one string', () => {
  expect(registryAuth(encode({ username: 'u', password: 'p' }))).toEqual({ username: 'u', password: 'p' });
  const auth = Buffer.from('u:p:q').toString('base64');
  expect(registryAuth(encode({ auth }))).toEqual({ username: 'u', password: 'p:q' });
  expect(registryAuth(encode({}))).toBeUndefined();
  expect(registryAuth(undefined)).toBeUndefined();
});

test('refuses what is no JSON, and tokens that would be left unused', () => {
  expect(() => registryAuth('abcd')).toThrow('X-Registry-Auth');
  expect(() => registryAuth(encode({ identitytoken: 't' }))).toThrow('identity tokens');
});

test('a build has credentials by registry', () => {
  const map = registryConfig(
    encode({ 'https://index.docker.io/v1/': { username: 'u', password: 'p' }, x: {} }),
  );
  expect([...map]).toEqual([['docker.io', { username: 'u', password: 'p' }]]);
  expect(hostOf('localhost:5000/')).toBe('localhost:5000');
});

test.each([
  ['localhost:5000/a:1', { tlsVerify: false }],
  ['127.0.0.2/a', { tlsVerify: false }],
  ['[::1]:5000/a', { tlsVerify: false }],
  ['docker.io/library/a:1', {}],
  ['localhost.example.com/a', {}],
  ['127.0.0.1.example.com/a', {}],
])('%s is spoken to with %j', (server, access) => {
  expect(loopbackAccess(server)).toEqual(access);
});
