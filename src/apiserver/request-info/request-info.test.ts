import { describe, expect, test } from 'vitest';
import { readRequestInfo } from './request-info.ts';

const read = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string) => {
  const [path = '', query] = url.split('?');
  return readRequestInfo({ method, path, ...(query !== undefined && { query: new URLSearchParams(query) }) });
};

describe('request info', () => {
  test.each([
    ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces' }],
    ['GET', '/api/v1/namespaces/a', { verb: 'get', resource: 'namespaces', name: 'a', namespace: 'a' }],
    [
      'PUT',
      '/api/v1/namespaces/a/finalize',
      { verb: 'update', resource: 'namespaces', name: 'a', subresource: 'finalize' },
    ],
    ['GET', '/api/v1/namespaces/a/pods', { verb: 'list', resource: 'pods', namespace: 'a' }],
    ['GET', '/api/v1/namespaces/a/pods?watch=true', { verb: 'watch', resource: 'pods', namespace: 'a' }],
    ['GET', '/api/v1/namespaces/a/pods/p?watch=true', { verb: 'get', name: 'p' }],
    ['GET', '/api/v1/watch/namespaces/a/pods/p', { verb: 'watch', name: 'p', namespace: 'a' }],
    ['GET', '/api/v1/namespaces/a/pods/p/log', { verb: 'get', name: 'p', subresource: 'log' }],
    [
      'POST',
      '/apis/apps/v1/namespaces/a/deployments',
      { verb: 'create', group: 'apps', version: 'v1', resource: 'deployments' },
    ],
    ['DELETE', '/apis/apps/v1/namespaces/a/deployments', { verb: 'deletecollection' }],
    ['DELETE', '/api/v1/nodes/n', { verb: 'delete', resource: 'nodes', name: 'n' }],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/a/deployments/d/scale',
      { verb: 'patch', name: 'd', subresource: 'scale' },
    ],
  ] as const)('%s %s', (method, url, expected) => {
    expect(read(method, url)).toMatchObject({ type: 'resource', workspace: 'root', ...expected });
  });

  test('reads the workspace and hides it from the path', () => {
    expect(read('GET', '/clusters/*/api/v1/pods')).toMatchObject({
      workspace: '*',
      path: '/api/v1/pods',
      verb: 'list',
    });
    expect(read('GET', '/clusters/a%3Ab/version')).toMatchObject({
      type: 'path',
      workspace: 'a:b',
      path: '/version',
    });
  });

  test.each([
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/openapi/v3/api/v1',
    '/readyz',
  ])('%s is no resource', (path) => {
    expect(read('GET', path)).toMatchObject({ type: 'path', verb: 'get', path });
  });

  test('refuses a segment that is not percent-encoding', () => {
    expect(() => read('GET', '/api/v1/namespaces/%zz/pods')).toThrow('not valid percent-encoding');
  });
});
