import { expect, test } from 'vitest';
import { splitProxyPath } from './object-proxy.ts';
import { isProxyable, splitSchemeNamePort } from './proxy-target.ts';

test.each([
  ['web', { scheme: '', name: 'web', port: '' }],
  ['web:80', { scheme: '', name: 'web', port: '80' }],
  ['https:web:', { scheme: 'https', name: 'web', port: '' }],
  ['http:web:metrics', { scheme: 'http', name: 'web', port: 'metrics' }],
  ['ftp:web:21', undefined],
  [':80', undefined],
  ['a:b:c:d', undefined],
])('%s is read as scheme, name and port', (id, expected) => {
  expect(splitSchemeNamePort(id)).toEqual(expected);
});

test.each([
  '127.0.0.1',
  '127.8.8.8',
  '0.0.0.0',
  '169.254.169.254',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  'localhost',
  'example.com',
  '',
])('the proxy never goes to %j', (host) => {
  expect(isProxyable(host)).toBe(false);
});

test.each(['10.42.0.7', '192.0.2.1', '2001:db8::1', 'fd00::7'])('the proxy may go to %s', (host) => {
  expect(isProxyable(host)).toBe(true);
});

test.each([
  ['/api/v1/nodes/n1/proxy', '/api/v1/nodes/n1/proxy', ''],
  ['/api/v1/nodes/n1/proxy/', '/api/v1/nodes/n1/proxy', '/'],
  ['/api/v1/namespaces/a/pods/b:80/proxy/x%2Fy//z', '/api/v1/namespaces/a/pods/b:80/proxy', '/x%2Fy//z'],
  ['/clusters/root/api/v1/nodes/proxy/proxy/proxy/a', '/clusters/root/api/v1/nodes/proxy/proxy', '/proxy/a'],
])('%s is split undecoded', (path, base, rest) => {
  expect(splitProxyPath(path)).toEqual({ base, rest });
});
