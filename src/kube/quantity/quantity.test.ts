import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseQuantity } from './quantity.ts';

describe('parseQuantity', () => {
  test.each([
    ['0', '0'],
    ['0.5', '500m'],
    [0.5, '500m'],
    [1, '1'],
    ['1000m', '1'],
    ['100m', '100m'],
    ['1500m', '1500m'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['1000Ki', '1000Ki'],
    ['512', '512'],
    ['1Ki', '1Ki'],
    ['0.5Ki', '512'],
    ['1000', '1k'],
    ['128974848', '128974848'],
    ['129e6', '129e6'],
    ['1e3', '1e3'],
    ['100e3', '100e3'],
    ['10e3', '10e3'],
    ['12E', '12E'],
    ['1E3', '1e3'],
    ['.5', '500m'],
    ['5.', '5'],
    ['-100m', '-100m'],
    ['+1', '1'],
    ['0.0000000001', '1n'],
    ['100000000000000000000', '9223372036854775807'],
    ['16Ei', '9223372036854775807'],
    ['0.1Mi', '104857600m'],
  ])('reads %s and prints %s', (input, canonical) => {
    expect(parseQuantity(input).toString()).toBe(canonical);
  });

  test.each([
    ['', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
    ['abc', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
    ['1 Gi', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
    ['1K', "unable to parse quantity's suffix"],
    ['1mi', "unable to parse quantity's suffix"],
    ['.', 'unable to parse numeric part of quantity'],
  ])('refuses %j with Kubernetes’ sentence', (input, message) => {
    expect(() => parseQuantity(input)).toThrow(message);
  });

  test('values round up', () => {
    expect(parseQuantity('1001m').value()).toBe(2);
    expect(parseQuantity('1u').milliValue()).toBe(1);
    expect(parseQuantity('250m').milliValue()).toBe(250);
    expect(parseQuantity('1Gi').value()).toBe(1073741824);
  });

  test('rounds a resource list to thousandths', () => {
    expect(parseQuantity('1u').roundUpToMilli().toString()).toBe('1m');
    expect(parseQuantity('64Mi').roundUpToMilli().toString()).toBe('64Mi');
  });

  test('does not spend time on absurd exponents', () => {
    expect(parseQuantity('1e-999999999').toString()).toBe('1e-9');
    expect(parseQuantity('1e999999999').value()).toBe(Number(2n ** 63n - 1n));
  });
});

const quantities = fc
  .tuple(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-3', 'e6'),
  )
  .map(([number, suffix]) => `${number}${suffix}`);

describe('quantities as numbers', () => {
  test('the canonical string reads back as the same value and is its own canonical string', () => {
    fc.assert(
      fc.property(quantities, (text) => {
        const quantity = parseQuantity(text);
        const again = parseQuantity(quantity.toString());
        expect(again.compare(quantity)).toBe(0);
        expect(again.toString()).toBe(quantity.toString());
      }),
    );
  });

  test('what is added can be taken away again', () => {
    fc.assert(
      fc.property(quantities, quantities, (left, right) => {
        const a = parseQuantity(left);
        const b = parseQuantity(right);
        expect(a.add(b).sub(b).compare(a)).toBe(0);
        expect(a.add(b).compare(b.add(a))).toBe(0);
      }),
    );
  });

  test('order is antisymmetric and agrees with subtraction', () => {
    fc.assert(
      fc.property(quantities, quantities, (left, right) => {
        const a = parseQuantity(left);
        const b = parseQuantity(right);
        expect(a.compare(b) + b.compare(a)).toBe(0);
        expect(a.sub(b).isZero()).toBe(a.compare(b) === 0);
      }),
    );
  });
});
