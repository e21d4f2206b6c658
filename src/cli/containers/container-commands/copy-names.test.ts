import { expect, test } from 'vitest';
import { parseCopyPath, rebase } from './copy-names.ts';

test('a container is before a colon, unless the text is clearly a path', () => {
  expect(parseCopyPath('c1:/etc/a:b')).toEqual({ container: 'c1', path: '/etc/a:b' });
  expect(parseCopyPath('./a:b')).toEqual({ path: './a:b' });
  expect(parseCopyPath('/a:b')).toEqual({ path: '/a:b' });
  expect(parseCopyPath('-')).toEqual({ path: '-' });
});

test('entries get another first name, or none', () => {
  expect(['etc/', 'etc/a/b', './etc/c', 'etc'].map((name) => rebase(name, 'new'))).toEqual([
    ...['new/', 'new/a/b', 'new/c', 'new'],
  ]);
  expect(['etc/', 'etc/a/b'].map((name) => rebase(name, ''))).toEqual(['', 'a/b']);
});
