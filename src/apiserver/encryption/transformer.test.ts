import { expect, test } from 'vitest';
import { parseEncryptionConfiguration } from './encryption-configuration.ts';
import { Transformer } from './transformer.ts';

const secret = (bytes: number, fill: number) => Buffer.alloc(bytes, fill);
const KEY = '/core/secrets/root/default/s';
const plain = Buffer.from('{"kind":"Secret"}');
const gcm = (name: string, fill = 1) => ({
  type: 'aesgcm' as const,
  keys: [{ name, secret: secret(32, fill) }],
});
const cbc = (name: string) => ({ type: 'aescbc' as const, keys: [{ name, secret: secret(16, 2) }] });
const IDENTITY = { type: 'identity' as const };

test.each([
  ['aesgcm', gcm('one')],
  ['aescbc', cbc('one')],
])("%s has Kubernetes' prefix, hides the value and gives it back", (type, provider) => {
  const transformer = new Transformer([provider]);
  const stored = Buffer.from(transformer.encrypt(KEY, plain));
  expect(stored.toString('latin1')).toMatch(new RegExp(`^k8s:enc:${type}:v1:one:`));
  expect(stored.includes('Secret')).toBe(false);
  expect(transformer.decrypt(KEY, stored)).toEqual({ value: plain, isOutdated: false });
});

test('the first provider writes, the others still read, and what they read is outdated', () => {
  const before = new Transformer([gcm('old')]).encrypt(KEY, plain);
  const rotating = new Transformer([gcm('new', 9), gcm('old'), IDENTITY]);
  expect(rotating.decrypt(KEY, before)).toEqual({ value: plain, isOutdated: true });
  expect(rotating.decrypt(KEY, plain)).toEqual({ value: plain, isOutdated: true });
  expect(Buffer.from(rotating.encrypt(KEY, plain)).toString('latin1')).toContain('v1:new:');
});

test('a value moved to another key is not opened', () => {
  const transformer = new Transformer([gcm('one')]);
  const stored = transformer.encrypt(KEY, plain);
  expect(() => transformer.decrypt('/core/secrets/root/kube-system/s', stored)).toThrow(
    'cipher: message authentication failed',
  );
});

test('says why a value cannot be read', () => {
  const stored = new Transformer([gcm('one')]).encrypt(KEY, plain);
  const why = (...providers: ConstructorParameters<typeof Transformer>[0]) => {
    const transformer = new Transformer(providers);
    return () => transformer.decrypt(KEY, stored);
  };
  expect(why(gcm('one', 7))).toThrow('cipher: message authentication failed');
  expect(why(gcm('two'))).toThrow('no matching key was found for the provided AES transformer');
  expect(why(cbc('one'))).toThrow('no matching prefix found');
  expect(why(IDENTITY)).toThrow('identity transformer tried to read encrypted data');
  expect(why(gcm('one', 7), IDENTITY)).toThrow(
    '[cipher: message authentication failed, identity transformer tried to read encrypted data]',
  );
});

const configuration = (resources: unknown) =>
  parseEncryptionConfiguration(
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }),
  );
const key = (bytes = 32) => ({ name: 'k', secret: secret(bytes, 1).toString('base64') });
const entry = (resources: string[], providers: unknown[] = [{ identity: {} }]) => ({ resources, providers });

test('a configuration names providers by resource, wildcards last', async () => {
  const read = await configuration([
    entry(['secrets', 'configmaps.'], [{ aesgcm: { keys: [key(16)] } }, { identity: {} }]),
    entry(['*.apps']),
    entry(['*.*'], [{ aescbc: { keys: [key()] } }]),
  ]);
  expect([...read].map(([name, providers]) => [name, providers.map(({ type }) => type)])).toEqual([
    ['secrets', ['aesgcm', 'identity']],
    ['configmaps', ['aesgcm', 'identity']],
    ['*.apps', ['identity']],
    ['*.*', ['aescbc']],
  ]);
});

test.each([
  [[], 'resources: Required value: at least one resources is required'],
  [[entry([])], 'resources[0].resources: Required value'],
  [[entry(['secrets'], [])], 'resources[0].providers: Required value'],
  [[entry(['secrets', 'secrets'])], 'the same resource cannot be specified multiple times'],
  [[entry(['secrets', '*.'])], "using overlapping resources such as 'secrets' and '*.'"],
  [
    [entry(['Secrets'])],
    'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain',
  ],
  [[entry(['*'])], "use '*.' to encrypt all the resources from core API group"],
  [[entry(['events.events.k8s.io'])], "Use 'events' instead"],
  [[entry(['secrets.*'])], 'encrypting the same resource across groups is not supported'],
  [[entry(['*.*']), entry(['secrets'])], 'resource "secrets" is masked by earlier rule "*.*"'],
  [[entry(['secrets'], [{}])], 'provider does not contain any of the expected providers'],
  [[entry(['secrets'], [{ identity: {}, aesgcm: { keys: [key()] } }])], 'more than one provider specified'],
  [[entry(['secrets'], [{ aesgcm: { keys: [] } }])], 'aesgcm.keys: Required value: at least one keys'],
  [[entry(['secrets'], [{ aesgcm: { keys: [key(20)] } }])], 'got 20, expected one of [16 24 32]'],
  [
    [entry(['secrets'], [{ aesgcm: { keys: [{ name: 'k', secret: '!' }] } }])],
    '"REDACTED": secrets must be base64',
  ],
  [[entry(['secrets'], [{ kms: { name: 'x' } }])], 'resources[0].providers[0].kms is not supported'],
  [
    [entry(['secrets'], [{ secretbox: { keys: [key()] } }])],
    'resources[0].providers[0].secretbox is not supported',
  ],
  [[{ ...entry(['secrets']), more: 1 }], 'unknown field "resources[0].more"'],
])('refuses %j', async (resources, why) => {
  await expect(configuration(resources)).rejects.toThrow(why);
});
