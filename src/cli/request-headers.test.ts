import { expect, test } from 'vitest';
import { requestHeaderArguments, resolveRequestHeaders } from './request-headers.ts';

test('a front proxy is heard by its authority; the headers are those that are common', () => {
  expect(resolveRequestHeaders({}, {})).toEqual({});
  const { requestHeaders } = resolveRequestHeaders(
    { requestheaderClientCaFile: '/ca.crt', requestheaderAllowedNames: 'a, b' },
    {},
  );
  expect(requestHeaders).toEqual({
    clientCaFile: '/ca.crt',
    allowedNames: ['a', 'b'],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  });
  expect(requestHeaderArguments(requestHeaders)).toContain('--requestheader-client-ca-file');
});

test('headers without an authority are refused by name', () => {
  expect(() => resolveRequestHeaders({ requestheaderGroupHeaders: 'G' }, {})).toThrow(
    '--requestheader-group-headers needs --requestheader-client-ca-file',
  );
  expect(() =>
    resolveRequestHeaders({ requestheaderClientCaFile: 'x', requestheaderUsernameHeaders: 'A,,B' }, {}),
  ).toThrow('has an empty name');
});
