import { expect, test } from 'vitest';
import { etcdArguments, etcdOptions, resolveEtcd } from './store-options.ts';

test('etcd is found without a word, below /orrery', () => {
  expect(resolveEtcd({}, {})).toEqual({ prefix: '/orrery' });
  expect(resolveEtcd({}, { ORRERY_ETCD_PREFIX: '/other' })).toEqual({ prefix: '/other' });
});

test('a certificate and its key need each other, and a prefix is one', () => {
  expect(() => resolveEtcd({ etcdCertfile: 'a.pem' }, {})).toThrow('--etcd-certfile and --etcd-keyfile');
  for (const etcdPrefix of ['', '/', 'orrery', '/orrery/', '/a//b', '/a b'])
    expect(() => resolveEtcd({ etcdPrefix }, {})).toThrow(`--etcd-prefix "${etcdPrefix}"`);
});

test('what goes to the background is told the same, with whole paths', () => {
  const flags = { etcdCafile: 'ca', etcdCertfile: '/c', etcdKeyfile: '/k', etcdPrefix: '/x/y' };
  const config = resolveEtcd(flags, {});
  expect(etcdArguments(config)).toEqual([
    ...['--etcd-cafile', `${process.cwd()}/ca`],
    ...['--etcd-certfile', '/c', '--etcd-keyfile', '/k', '--etcd-prefix', '/x/y'],
  ]);
  expect(etcdArguments(resolveEtcd({}, {}))).toEqual([]);
});

test('a file that cannot be read is named by its flag', async () => {
  const config = resolveEtcd({ etcdCafile: '/none/such.pem' }, {});
  await expect(etcdOptions(config)).rejects.toThrow('--etcd-cafile "/none/such.pem" cannot be read');
});
