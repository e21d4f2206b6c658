import { describe, expect, test } from 'vitest';
import { fieldErrorText } from '../validation/field-errors.ts';
import { compileJsonPath } from './json-path.ts';
import type { JsonSchemaProps } from './json-schema.ts';
import { applySchemaDefaults, placeText, pruneUnknown } from './prune.ts';
import { isOfFormat } from './string-formats.ts';
import { validateEmbedded } from './validate-embedded.ts';
import { validateValue } from './validate-value.ts';

const errorsOf = (schema: JsonSchemaProps, value: unknown, old?: unknown) =>
  validateValue(
    { type: 'object', properties: { x: schema } },
    { x: value },
    old === undefined ? undefined : { x: old, _: 1 },
  ).map(fieldErrorText);

test.each<[string, JsonSchemaProps, unknown, string[]]>([
  [
    'type',
    { type: 'integer' },
    'a',
    ['x: Invalid value: "string": x in body must be of type integer: "string"'],
  ],
  [
    'number for integer',
    { type: 'integer' },
    1.5,
    ['x: Invalid value: "number": x in body must be of type integer: "number"'],
  ],
  ['null', { type: 'string' }, null, ['x: Invalid value: "null": x in body must be of type string: "null"']],
  ['nullable', { type: 'string', nullable: true }, null, []],
  [
    'int or string',
    { 'x-kubernetes-int-or-string': true },
    true,
    ['x: Invalid value: "boolean": x in body must be of type integer,string: "boolean"'],
  ],
  ['length', { type: 'string', maxLength: 2 }, 'abc', ['x: Too long: may not be more than 2 bytes']],
  [
    'minLength',
    { type: 'string', minLength: 2 },
    'a',
    ['x: Invalid value: "a": x in body should be at least 2 chars long'],
  ],
  [
    'pattern',
    { type: 'string', pattern: '^a+$' },
    'b',
    ['x: Invalid value: "b": x in body should match \'^a+$\''],
  ],
  [
    'format',
    { type: 'string', format: 'date-time' },
    'b',
    ['x: Invalid value: "b": x in body must be of type date-time: "b"'],
  ],
  [
    'exclusive',
    { type: 'number', maximum: 1, exclusiveMaximum: true },
    1,
    ['x: Invalid value: 1: x in body should be less than 1'],
  ],
  ['multiple', { type: 'number', multipleOf: 0.1 }, 0.3, []],
  [
    'items',
    { type: 'array', maxItems: 1, items: { type: 'string' } },
    ['a', 1],
    [
      'x: Too many: 2: must have at most 1 item',
      'x[1]: Invalid value: "integer": x[1] in body must be of type string: "integer"',
    ],
  ],
  ['required', { type: 'object', required: ['y'] }, {}, ['x.y: Required value']],
  [
    'map',
    { type: 'object', additionalProperties: { type: 'boolean' }, minProperties: 2 },
    { a: 1 },
    [
      'x: Invalid value: 1: x in body should have at least 2 properties',
      'x.a: Invalid value: "integer": x.a in body must be of type boolean: "integer"',
    ],
  ],
  [
    'oneOf',
    { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    { a: 1, b: 1 },
    [
      '<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  ],
  [
    'anyOf',
    { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    {},
    ['<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)', 'x.a: Required value'],
  ],
  [
    'not',
    { type: 'string', not: { enum: ['a'] } },
    'a',
    ['<nil>: Invalid value: "": "x" must not validate the schema (not)'],
  ],
])('%s is judged in the words of upstream', (_, schema, value, expected) => {
  expect(errorsOf(schema, value)).toEqual(expected);
});

test('what has not changed is not judged again', () => {
  const schema: JsonSchemaProps = {
    type: 'object',
    properties: { a: { type: 'string', maxLength: 1 }, b: { type: 'integer' } },
  };
  expect(errorsOf(schema, { a: 'long', b: 1 }, { a: 'long', b: 2 })).toEqual([]);
  expect(errorsOf(schema, { a: 'longer', b: 1 }, { a: 'long', b: 1 })).toHaveLength(1);
});

test('unknown fields go, those of kept places stay', () => {
  const schema: JsonSchemaProps = {
    type: 'object',
    properties: {
      a: { type: 'object', properties: { b: { type: 'string' } } },
      free: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { in: { type: 'object' } },
      },
      list: { type: 'array', items: { type: 'object', properties: { k: { type: 'string' } } } },
    },
  };
  const object = JSON.parse(
    '{"metadata":{"x":1},"a":{"b":"c","z":1,"__proto__":{"y":1}},"free":{"q":1,"in":{"no":1}},"list":[{"k":"v","w":1}],"top":1}',
  );
  const unknown: string[] = [];
  pruneUnknown(schema, object, (place) => unknown.push(placeText(place)));
  expect(object).toEqual({ metadata: { x: 1 }, a: { b: 'c' }, free: { q: 1, in: {} }, list: [{ k: 'v' }] });
  expect(unknown).toEqual(['a.z', 'a.__proto__', 'free.in.no', 'list[0].w', 'top']);
});

test('defaults are set where their parent is, nulls give way to them', () => {
  const schema: JsonSchemaProps = {
    type: 'object',
    properties: {
      a: { type: 'object', default: {}, properties: { b: { type: 'integer', default: 1 } } },
      c: { type: 'object', properties: { d: { type: 'string', default: 'x' } } },
      n: { type: 'string', nullable: true, default: 'y' },
      o: { type: 'string' },
      p: { type: 'string', default: 'z' },
    },
  };
  const object = { n: null, o: null, p: null };
  applySchemaDefaults(schema, object);
  expect(object).toEqual({ a: { b: 1 }, n: null, p: 'z' });
});

test('embedded objects say what they are', () => {
  const schema: JsonSchemaProps = {
    type: 'object',
    properties: {
      t: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      },
    },
  };
  expect(validateEmbedded(schema, { t: { kind: 'A' } }).map(fieldErrorText)).toEqual([
    't.apiVersion: Required value: must not be empty',
  ]);
});

describe('a JSON path', () => {
  const object = {
    spec: {
      a: 1,
      'x.y': 2,
      list: [
        { n: 'p', v: 1 },
        { n: 'q', v: 2 },
      ],
    },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'False' },
      ],
    },
  };
  test.each<[string, unknown[]]>([
    ['.spec.a', [1]],
    ['.spec["x.y"]', [2]],
    ['.spec.x\\.y', [2]],
    ['.spec.list[1].v', [2]],
    ['.spec.list[-1].n', ['q']],
    ['.spec.list[*].v', [1, 2]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ["{.status.conditions[?(@.type=='Other')].status}", ['False']],
    ['.spec.list[?(@.v>1)].n', ['q']],
    ['.none.there', []],
  ])('%s', (text, expected) => {
    expect(compileJsonPath(text)!(object)).toEqual(expected);
  });
  test('that is none is refused', () => {
    for (const text of ['spec', '.spec[', '.a b', '.[?(', '..'])
      expect(compileJsonPath(text), text).toBeUndefined();
  });
});

test('formats', () => {
  const good: Record<string, string> = {
    uri: 'https://a/b',
    email: 'a@b.c',
    hostname: 'a.b',
    ipv4: '1.2.3.4',
    ipv6: '::1',
    cidr: '10.0.0.0/8',
    mac: '00:11:22:33:44:55',
    uuid: '123e4567-e89b-12d3-a456-426614174000',
    byte: 'YQ==',
    date: '2026-01-02',
    duration: '1h30m',
    'date-time': '2026-01-02T03:04:05.6+01:00',
    isbn10: '0306406152',
    creditcard: '4111111111111111',
  };
  for (const [format, text] of Object.entries(good)) expect(isOfFormat(format, text), format).toBe(true);
  for (const format of Object.keys(good)) expect(isOfFormat(format, '\u0000 no'), format).toBe(false);
  expect(isOfFormat('unheard-of', 'x')).toBe(true);
});
