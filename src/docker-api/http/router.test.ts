import { expect, test } from 'vitest';
import { Router } from './router.ts';

const router = new Router<string>([
  { method: 'GET', path: '/containers/json', handler: 'list' },
  { method: 'GET', path: '/containers/{name}/json', handler: 'inspect' },
  { method: 'DELETE', path: '/containers/{name}', handler: 'remove' },
  { method: 'GET', path: '/images/{name*}/json', handler: 'image' },
  { method: 'HEAD', path: '/containers/{name}/archive', handler: 'stat' },
  { method: 'GET', path: '/containers/{name}/archive', handler: 'copy' },
]);

test.each([
  ['GET', '/containers/json', 'list', {}],
  ['GET', '/v1.44/containers/json', 'list', {}],
  ['GET', '/v1.24/containers/a%20b/json', 'inspect', { name: 'a b' }],
  ['GET', '/v1.41/images/localhost:5000/a/b:c/json', 'image', { name: 'localhost:5000/a/b:c' }],
  ['HEAD', '/containers/json', 'list', {}],
  ['HEAD', '/containers/x/archive', 'stat', { name: 'x' }],
  ['GET', '//containers/x/archive', 'copy', { name: 'x' }],
])('%s %s is %s', (method, path, handler, params) => {
  expect(router.match(method, path)).toMatchObject({ handler, params });
});

test.each([
  ['GET', '/nonesuch', 404, 'page not found'],
  ['POST', '/containers/json', 405, 'POST is not allowed on /containers/json'],
  ['GET', '/v1.45/containers/json', 400, 'client version 1.45 is too new'],
  ['GET', '/v1.23/containers/json', 400, 'client version 1.23 is too old'],
  ['GET', '/v4.0.0/libpod/info', 400, 'client version 4.0.0 is too new'],
  ['GET', '/containers/%ff/json', 400, 'the path is not well encoded'],
])('%s %s is refused with %i', (method, path, status, message) => {
  expect(() => router.match(method, path)).toThrow(
    expect.objectContaining({ status, message: expect.stringContaining(message) }),
  );
});

test('tells a handler which version the client speaks, the newest when it does not say', () => {
  expect(router.match('GET', '/v1.30/containers/json').version).toBe('1.30');
  expect(router.match('GET', '/containers/json').version).toBe('1.44');
});
