import fc from 'fast-check';

/** JSON.stringify keeps what was put in by its own name. */
export const ODD_KEYS = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '',
    '.',
    '/',
    '~1',
    '\u0000',
  ],
  ...[
    'a'.repeat(300),
    'é',
    '\ud800',
    'x-kubernetes-validations',
    '$ref',
    '$patch',
    '$retainKeys',
    'k:{"a":1}',
    'f:a',
  ],
];

/** Values that stand where something else was meant. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, false, 0, -1, 1.5, 1e308, -1e308, 1e21, 2 ** 31, 2 ** 53, -(2 ** 63), 65536],
    ...[
      '',
      ' ',
      '0',
      '-1',
      '1e9999',
      '1'.repeat(400),
      '99999999999999999999Ei',
      '0.0000000000001m',
      '-5',
      '50%',
      '%',
    ],
    ...[
      '2026-13-45T99:99:99Z',
      '0000-01-01T00:00:00Z',
      '9999999-01-01T00:00:00Z',
      '::1/129',
      '300.1.1.1',
      '1.2.3.4/33',
    ],
    ...[
      'a'.repeat(70_000),
      '\u0000',
      '\ud800',
      '../..',
      '*',
      '(',
      '[',
      '(a+)+$',
      '{.a',
      '$(A)',
      '* * * * *',
      '@every 1ns',
    ],
    ...['a/b/c', 'kubernetes.io/', '/x', 'object.spec.a.all(x, x == x)', '"', 'x'.repeat(254)],
    ...[[], {}, [[]], [null], [{}], [{}, {}], { a: null }, ['a', 'a']],
    Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, i])),
    Array.from({ length: 3000 }, () => ({})),
    Array.from({ length: 3000 }, (_, i) => `${i}`),
    nested(60),
    nested(600),
  ),
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc.double(),
  fc.constantFrom(...ODD_KEYS).map((key) => JSON.parse(`{${JSON.stringify(key)}:{"polluted":"yes"}}`)),
);

function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? { a: value } : [value];
  return value;
}

/** Where in an object, by numbers that are taken modulo what is there, and what happens there. */
export const mutation = fc.record({
  path: fc.array(fc.nat(1000), { maxLength: 9 }),
  do: fc.constantFrom('replace', 'replace', 'remove', 'add', 'repeat', 'swap'),
  key: fc.constantFrom(...ODD_KEYS),
  value: oddValue,
});
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

/** A copy of it, changed in one place. */
export function mutated(object: unknown, { path, key, value, ...how }: Mutation): unknown {
  const copy = structuredClone(object) as Record<string, unknown>;
  let at: Record<string, unknown> = copy;
  let last = Object.keys(at)[0];
  for (const step of path) {
    const keys = Object.keys(at);
    if (keys.length === 0) break;
    last = keys[step % keys.length]!;
    const next = at[last];
    if (typeof next !== 'object' || next === null) break;
    if (step % 3 === 2) break;
    at = next as Record<string, unknown>;
  }
  if (how.do === 'add') define(at, key, value);
  else if (last !== undefined && how.do === 'remove') delete at[last];
  else if (Array.isArray(at) && how.do === 'repeat' && at.length > 0) at.push(at[0]);
  else if (last !== undefined && how.do === 'swap') define(at, last, [at[last]]);
  else if (last !== undefined) define(at, last, value);
  return copy;
}

/** Assigning to `__proto__` would set another thing. */
function define(at: object, key: string, value: unknown): void {
  Object.defineProperty(at, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Bytes with something wrong: cut short, a byte or a length changed, a piece repeated. */
export const damage = fc.record({
  do: fc.constantFrom('cut', 'byte', 'length', 'repeat', 'none'),
  at: fc.nat(100_000),
  byte: fc.constantFrom(0, 1, 0x0a, 0x7f, 0x80, 0xff),
});
export type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

export function damaged(bytes: Uint8Array, how: Damage): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = how.at % (copy.length + 1);
  if (how.do === 'cut') return copy.subarray(0, at);
  if (how.do === 'repeat') return Buffer.concat([copy.subarray(0, at), copy]);
  // A length of many bytes, which says that gigabytes follow.
  if (how.do === 'length')
    return Buffer.concat([copy.subarray(0, at), Buffer.from('ffffffff0f', 'hex'), copy.subarray(at)]);
  if (how.do === 'byte' && at < copy.length) copy[at] = how.byte;
  return copy;
}
