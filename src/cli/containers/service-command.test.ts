import { expect, test } from 'vitest';
import { listenAddress } from './service-command.ts';

const tls = { certificate: 'c', key: 'k', clientAuthority: 'a' };
const root = { environment: {}, rootless: false, tls: undefined };

test.each([
  [undefined, root, { kind: 'unix', path: '/run/orrery/orrery.sock', mode: 0o660 }],
  [
    undefined,
    { ...root, rootless: true, environment: { XDG_RUNTIME_DIR: '/run/user/7' } },
    { kind: 'unix', path: '/run/user/7/orrery/orrery.sock', mode: 0o600 },
  ],
  [
    undefined,
    { ...root, environment: { LISTEN_FDS: '1', LISTEN_PID: String(process.pid) } },
    { kind: 'fd', fd: 3 },
  ],
  ['unix:///tmp/a.sock', root, { kind: 'unix', path: '/tmp/a.sock', mode: 0o600 }],
  ['unix:/tmp/a.sock', root, { kind: 'unix', path: '/tmp/a.sock', mode: 0o600 }],
  ['tcp://[::1]:2376', { ...root, tls }, { kind: 'tcp', host: '::1', port: 2376, tls }],
  ['tcp:localhost:2376', { ...root, tls }, { kind: 'tcp', host: 'localhost', port: 2376, tls }],
])('%s is listened on', (uri, facts, address) => {
  expect(listenAddress(uri, facts)).toEqual(address);
});

test.each([
  ['tcp://127.0.0.1:2375', 'tcp needs certificates for both sides'],
  ['localhost:9292', 'API Service endpoint scheme "localhost" is not supported. Try tcp://localhost:9292 or'],
  [
    'myunix.sock',
    'API Service endpoint scheme "" is not supported. Try tcp://myunix.sock or unix:/myunix.sock',
  ],
  ['unix:a.sock', "the socket's path is not absolute"],
])('%s is refused', (uri, message) => {
  expect(() => listenAddress(uri, root)).toThrow(message);
});
