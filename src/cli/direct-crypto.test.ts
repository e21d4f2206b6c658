import * as node from 'node:crypto';
import { expect, test } from 'vitest';
import * as direct from './direct-crypto.ts';

test('digests are OpenSSL’s, of every length around the ends of blocks and of pieces', () => {
  for (const length of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 511, 512, 513, 5000]) {
    const content = node.randomBytes(length);
    const expected = node.createHash('sha256').update(content).digest();
    expect(direct.createHash('sha256').update(content).digest()).toEqual(expected);
    const pieces = direct.createHash('sha256').update(content.subarray(0, 7)).update(content.subarray(7));
    expect(pieces.digest('hex')).toBe(expected.toString('hex'));
  }
  expect(direct.createHash('sha256').digest('hex')).toBe(node.createHash('sha256').digest('hex'));
});

test('text is taken in its encoding, and other digests are as ever', () => {
  const text = 'Grüße/π';
  for (const algorithm of ['sha256', 'sha512'])
    expect(direct.createHash(algorithm).update(text, 'utf8').digest('base64')).toBe(
      node.createHash(algorithm).update(text, 'utf8').digest('base64'),
    );
});

test('bytes are as many as asked for, and others each time', () => {
  expect(direct.randomBytes(0)).toHaveLength(0);
  const made = new Set(Array.from({ length: 50 }, () => direct.randomBytes(16).toString('hex')));
  expect(made.size).toBe(50);
  for (const one of made) expect(one).toMatch(/^[0-9a-f]{32}$/);
});

test('a number is below its limit, and each is drawn', () => {
  const drawn = new Set(Array.from({ length: 400 }, () => direct.randomInt(5)));
  expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4]);
  expect(() => direct.randomInt(0)).toThrow();
  expect(direct.randomInt(7, 8)).toBe(7);
});
