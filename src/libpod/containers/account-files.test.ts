import { expect, test } from 'vitest';
import { groupLine, hostLines, passwdLine } from './account-files.ts';

const files = { passwd: 'root:x:0:0:root:/root:/bin/sh\n', group: 'wheel:x:10:root\n', home: '/work' };

test('a user that is only a number gets a line, one that the image knows does not', () => {
  expect(passwdLine({ user: '1234' }, files)).toBe('1234:*:1234:0:container user:/work:/bin/sh\n');
  expect(passwdLine({ user: '1234', group: 'wheel' }, files)).toContain(':1234:10:');
  expect(passwdLine({ user: '0' }, files)).toBe('');
  expect(passwdLine({ user: 'nobody' }, files)).toBe('');
});

test("the caller's own line has its words filled in", () => {
  const entry = '$USERNAME-x:*:$UID:$GID:$NAME:$HOME:/bin/sh';
  expect(passwdLine({ user: '7', group: '8' }, { ...files, entry })).toBe(
    '7-x:*:7:8:container user:/work:/bin/sh\n',
  );
});

test("a group that is only a number, or the user's own number, gets a line", () => {
  expect(groupLine({ user: '1234' }, files.group)).toBe('1234:x:1234:1234\n');
  expect(groupLine({ user: 'root', group: '77' }, files.group)).toBe('77:x:77:root\n');
  expect(groupLine({ user: '5', group: '10' }, files.group)).toBe('');
});

test('users of the host are added by name or id, unless the container has them', () => {
  const accounts = ['me:x:1000:100:My Name:/home/me:/bin/zsh', 'root:x:0:0:root:/root:/bin/bash'].map(
    (line) => line.split(':'),
  );
  const at = (home: string) => (home === '/home/me' ? home : '/');
  const line = 'me:*:1000:100:My Name:/home/me:/bin/sh\n';
  expect(hostLines(['me', 'root'], files.passwd, accounts, at)).toBe(line);
  expect(hostLines(['1000'], files.passwd, accounts, () => '/w')).toBe(line.replace('/home/me', '/w'));
  expect(() => hostLines(['bogus'], files.passwd, accounts, at)).toThrow('user: unknown user bogus');
});
