import fc from 'fast-check';
import { mutation, ODD_KEYS } from './mutations.ts';

const PATTERNS = [
  '^(a+)+$',
  '(a|a)*b',
  '(.*)*$',
  '[',
  '\\p{L}+',
  '^a{1,1000}$',
  '(?=a)',
  '\\1',
  'a**',
  '(?i)x',
  '\\d+',
];
const RULES = [
  ...[
    'self == self',
    'self.all(x, self.all(y, self.all(z, x == y || y == z)))',
    'size(self) < 5',
    'self.spec',
  ],
  ...['oldSelf == self', '[1,2,3].map(x, x * 1000000000000)', '"a".matches("(a+)+$")', 'self.__proto__ == 1'],
  ...['has(self.constructor)', '1 / 0 == 1', 'self[', 'self.exists(x, x', 'type(self) == map', '"x" + 1', ''],
  ...[
    'self.a.b.c.d.e',
    'duration("1h") > duration("99999999999h")',
    'quantity("1e999999999").isGreaterThan(quantity("1"))',
  ],
  ...[
    '[[[[[[1]]]]]] == self',
    'self.replace("a", "aaaaaaaaaaaaaaaa").replace("a", "aaaaaaaaaaaaaaaa").size() > 0',
  ],
];

const { schema } = fc.letrec<{ schema: Record<string, unknown> }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ type: fc.constantFrom('string', 'integer', 'object', '') }),
    fc.record(
      {
        type: fc.constantFrom('object', 'object', 'string', 'integer', 'number', 'boolean', 'array', 'any'),
        properties: fc.dictionary(
          fc.oneof(fc.constantFrom('a', 'b', 'spec', 'metadata'), fc.constantFrom(...ODD_KEYS)),
          tie('schema'),
          { maxKeys: 3 },
        ),
        items: tie('schema'),
        additionalProperties: fc.oneof(fc.boolean(), tie('schema')),
        pattern: fc.constantFrom(...PATTERNS),
        enum: fc.array(fc.constantFrom<unknown>('a', 1, null, {}, { toString: 5, valueOf: 5 }, '__proto__'), {
          maxLength: 4,
        }),
        default: fc.constantFrom<unknown>('a', 1, null, {}, { a: {} }, [], '__proto__'),
        maxLength: fc.constantFrom(0, -1, 5, 1e15),
        minimum: fc.constantFrom(0, 1e308, -1),
        multipleOf: fc.constantFrom(0, 0.1, 1e-300),
        format: fc.constantFrom(
          'date-time',
          'ipv4',
          'uuid',
          'duration',
          'quantity',
          'x',
          'byte',
          'int32',
          'date',
        ),
        nullable: fc.boolean(),
        required: fc.array(fc.constantFrom('a', 'constructor'), { maxLength: 2 }),
        anyOf: fc.array(tie('schema'), { maxLength: 2 }),
        allOf: fc.array(tie('schema'), { maxLength: 2 }),
        oneOf: fc.array(tie('schema'), { maxLength: 2 }),
        not: tie('schema'),
        $ref: fc.constant('#/definitions/x'),
        'x-kubernetes-list-type': fc.constantFrom('map', 'set', 'atomic', 'x'),
        'x-kubernetes-list-map-keys': fc.constantFrom(['a'], ['__proto__'], []),
        'x-kubernetes-int-or-string': fc.boolean(),
        'x-kubernetes-preserve-unknown-fields': fc.boolean(),
        'x-kubernetes-embedded-resource': fc.boolean(),
        'x-kubernetes-validations': fc.array(
          fc.record({ rule: fc.constantFrom(...RULES) }, { requiredKeys: ['rule'] }),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: ['type'] },
    ),
  ) as fc.Arbitrary<Record<string, unknown>>,
}));

/** Schemas that are mostly wrong; and some that are right at the top, which the kind then is served by. */
export const anySchema = schema;
export const servedSchema = fc
  .dictionary(fc.constantFrom('spec', 'a', '__proto__', 'constructor'), plain(), { minKeys: 1, maxKeys: 3 })
  .map((properties) => ({ type: 'object', properties }));

/** Structural, of any shape. */
function plain(): fc.Arbitrary<Record<string, unknown>> {
  return fc.letrec<{ one: Record<string, unknown> }>((tie) => ({
    one: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.record({
        type: fc.constant('string'),
        pattern: fc.constantFrom('^(a+)+$', '(a|a)*b', '.*', '^[a-z]{1,50}$'),
      }),
      fc.record({ type: fc.constant('integer'), default: fc.constantFrom(1, 2) }),
      fc.constant({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
      fc.constant({ 'x-kubernetes-int-or-string': true }),
      fc.record({ type: fc.constant('array'), maxItems: fc.constant(20), items: tie('one') }),
      fc.record({ type: fc.constant('object'), additionalProperties: tie('one') }),
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), tie('one'), {
          maxKeys: 3,
        }),
        'x-kubernetes-validations': fc.constantFrom(
          [{ rule: 'self == self' }],
          [{ rule: 'has(self.a) || true' }],
        ),
      }),
    ),
  })).one as fc.Arbitrary<Record<string, unknown>>;
}

/** Expressions for policies, and what policies are made of. */
export const expression = fc.oneof(
  fc.constantFrom(
    ...RULES,
    'object.metadata.name == "x"',
    'params.a',
    'request.userInfo.groups.all(g, g != "")',
  ),
  fc.constantFrom(
    'variables.x',
    'authorizer.group("").resource("pods").check("get").allowed()',
    'namespaceObject.a',
  ),
);
export const mutations = fc.array(mutation, { maxLength: 3 });
