import { expect, test } from 'vitest';
import { parseRuntimeConfig, servedResources } from './runtime-config.ts';

const betas = (text: string) =>
  servedResources(parseRuntimeConfig(text))
    .filter(({ version }) => version.includes('beta'))
    .map(({ group, version, name }) => `${group}/${version}/${name}`);

test('beta versions are served unless they are switched off, all, by version or by resource', () => {
  expect(betas('')).toContain('certificates.k8s.io/v1beta1/clustertrustbundles');
  expect(betas('api/beta=false')).toEqual([]);
  expect(betas('api/beta=false,networking.k8s.io/v1beta1=true')).toEqual([
    'networking.k8s.io/v1beta1/ipaddresses',
    'networking.k8s.io/v1beta1/servicecidrs',
  ]);
  expect(betas('networking.k8s.io/v1beta1/ipaddresses=false')).not.toContain(
    'networking.k8s.io/v1beta1/ipaddresses',
  );
  expect(betas('api/all')).toEqual(betas(''));
});

test('what is stable stays', () => {
  expect(servedResources(parseRuntimeConfig('api/beta=false')).some(({ name }) => name === 'pods')).toBe(
    true,
  );
  expect(() => parseRuntimeConfig('apps/v1=false')).toThrow('apps/v1 is stable and cannot be switched off');
  expect(() => parseRuntimeConfig('api/all=false')).toThrow('cannot be switched off');
});

test('a key that names nothing and a value that is none are refused', () => {
  expect(() => parseRuntimeConfig('batch/v2alpha1=true')).toThrow('unknown api groups batch/v2alpha1');
  expect(() => parseRuntimeConfig('api/beta=maybe')).toThrow('invalid value of api/beta=maybe');
  expect(() => parseRuntimeConfig('api/alpha=true')).toThrow('no alpha versions');
});
