import { expect, test } from 'vitest';
import { parseTransport } from './transports.ts';

test.each([
  ['docker://a/b', { transport: 'docker', reference: 'a/b' }],
  ['host:5000/a', { transport: 'docker', reference: 'host:5000/a' }],
  ['oci:/p:name:1', { transport: 'oci', path: '/p', name: 'name:1' }],
  ['oci-archive:/p', { transport: 'oci-archive', path: '/p' }],
  ['dir:/p:q', { transport: 'dir', path: '/p:q' }],
  ['containers-storage:[overlay@/x]a', { transport: 'containers-storage', reference: 'a' }],
])('%s', (text, parsed) => {
  expect(parseTransport(text)).toEqual(parsed);
});

test('other transports are refused by name', () => {
  expect(() => parseTransport('docker-daemon:a')).toThrow('docker-daemon: is not supported');
});
