import { expect, test } from 'vitest';
import { bindOptions, parseBind } from './mounts.ts';

test('O stands alone, with U, or with both of its folders', () => {
  for (const good of ['O', 'O,U', 'O,upperdir=/u,workdir=/w'])
    expect(parseBind(`/a:/b:${good}`).options).toEqual(good.split(','));
  expect(() => parseBind('/a:/b:O,ro')).toThrow("can't use 'O' with other options");
  expect(() => parseBind('/a:/b:O,upperdir=/u')).toThrow('must specify both');
  expect(() => parseBind('/a:/b:upperdir=/u')).toThrow('needs the option O');
});

test('what is ours alone is not told to the runtime', () => {
  expect(bindOptions(['z', 'U', 'ro'])).toEqual(['rbind', 'rprivate', 'ro']);
});

test('idmap is refused by name', () => {
  expect(() => parseBind('/a:/b:idmap')).toThrow('the mount option idmap is not supported');
});
