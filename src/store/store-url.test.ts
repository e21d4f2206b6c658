import { expect, test } from 'vitest';
import { parseStoreUrl } from './store-url.ts';

test("reads one or several endpoints, with kube-apiserver's way to write them too", () => {
  const plain = { driver: 'etcd', secure: false };
  expect(parseStoreUrl('etcd://10.0.0.1')).toEqual({ ...plain, endpoints: ['10.0.0.1:2379'] });
  expect(parseStoreUrl('etcd://a:1,b:2,[::1]:3')).toEqual({ ...plain, endpoints: ['a:1', 'b:2', '[::1]:3'] });
  expect(parseStoreUrl('http://a:1,http://b:2/')).toEqual({ ...plain, endpoints: ['a:1', 'b:2'] });
  expect(parseStoreUrl('https://a:1,https://b:2')).toMatchObject({ secure: true, endpoints: ['a:1', 'b:2'] });
  expect(parseStoreUrl('etcds://a')).toMatchObject({ secure: true });
  expect(parseStoreUrl('lmdb:/var/lib/x')).toEqual({ driver: 'lmdb', directory: '/var/lib/x' });
});

test('refuses what it is not, quoting it', () => {
  for (const url of [
    '',
    'etcd://',
    'a:2379',
    'mysql://a',
    'etcd://user:word@a',
    'etcd://a/path',
    'etcd://a:0',
    'etcd://a:70000',
    'etcd://a,,b',
    'http://a,https://b',
    'lmdb:relative',
  ])
    expect(() => parseStoreUrl(url), url).toThrow(`"${url}"`);
});
