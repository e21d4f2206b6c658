import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { credentialsFor } from './pull-secrets.ts';

function secret(auths: Record<string, object>): corev1.Secret {
  const text = JSON.stringify({ auths });
  return {
    metadata: { name: 's' },
    data: { '.dockerconfigjson': Buffer.from(text).toString('base64') },
  } as unknown as corev1.Secret;
}
const auth = (name: string) => ({ auth: Buffer.from(`${name}:p:w`).toString('base64') });

test.each([
  ['nginx', 'https://index.docker.io/v1/', true],
  ['team/app', 'docker.io', true],
  ['registry.example.com:5000/a/b', 'registry.example.com:5000', true],
  ['registry.example.com/a/b', 'https://registry.example.com/v2/', true],
  ['registry.example.com/a/b', '*.example.com', true],
  ['registry.example.com/a/b', 'registry.example.com/a', true],
  ['registry.example.com/ab', 'registry.example.com/a', false],
  ['registry.example.com/a', '*.com', false],
  ['other.example.com/a', 'registry.example.com', false],
])('%s with %s: %s', (image, key, isFit) => {
  const found = credentialsFor(image, [secret({ [key]: auth('user') })]);
  expect(found).toEqual(isFit ? [{ username: 'user', password: 'p:w' }] : []);
});

test('the more specific comes first', () => {
  const found = credentialsFor('r.io/a/b:1', [secret({ 'r.io': auth('host'), 'r.io/a': auth('path') })]);
  expect(found.map(({ username }) => username)).toEqual(['path', 'host']);
});

test('a secret that is no configuration is named', () => {
  const broken = { metadata: { name: 'bad' }, data: { '.dockercfg': 'AAAA' } } as unknown as corev1.Secret;
  expect(() => credentialsFor('x', [broken])).toThrow('the pull secret bad holds no Docker configuration');
});
