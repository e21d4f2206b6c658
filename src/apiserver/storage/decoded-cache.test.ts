import { expect, test } from 'vitest';
import { DecodedCache } from './decoded-cache.ts';

const bytes = new Uint8Array(90);

test('decodes an object of one revision once', () => {
  const cache = new DecodedCache<object>(1000);
  const first = cache.get('/a', 1, bytes, () => ({}));
  expect(cache.get('/a', 1, bytes, () => ({}))).toBe(first);
  expect(cache.get('/a', 2, bytes, () => ({}))).not.toBe(first);
});

test('an older revision does not push the newer one out', () => {
  const cache = new DecodedCache<object>(1000);
  const newer = cache.get('/a', 2, bytes, () => ({}));
  cache.get('/a', 1, bytes, () => ({}));
  expect(cache.get('/a', 2, bytes, () => ({}))).toBe(newer);
});

test('stays within its bound, the least recently used going first', () => {
  const cache = new DecodedCache<object>(200);
  const a = cache.get('/a', 1, bytes, () => ({}));
  cache.get('/b', 1, bytes, () => ({}));
  expect(cache.get('/a', 1, bytes, () => ({}))).toBe(a);
  cache.get('/c', 1, bytes, () => ({}));
  expect(cache.totalBytes).toBeLessThanOrEqual(200);
  expect(cache.get('/a', 1, bytes, () => ({}))).toBe(a);
});
