import { expect, test } from 'vitest';
import type { JsonSchemaProps } from '../../extensions/json-schema.ts';
import type { KubeObject } from '../../object.ts';
import { fieldErrorText } from '../../validation/field-errors.ts';
import { ConversionRules } from './conversion-rules.ts';

const text: JsonSchemaProps = { type: 'string' };
const object = (properties: Record<string, JsonSchemaProps>): JsonSchemaProps => ({
  type: 'object',
  properties,
});
const schemas = new Map([
  ['v1', object({ spec: object({ name: text, since: text }) })],
  ['v2', object({ spec: object({ first: text, last: text, colour: text }) })],
]);
const conversions = [
  {
    from: 'v1',
    to: 'v2',
    rules: [
      { field: '.spec.name', destination: '.spec.first', transformation: "self.split(' ')[0]" },
      { field: 'spec.name', destination: 'spec.last', transformation: "self.split(' ')[1]" },
    ],
    preserve: ['spec.since'],
  },
  {
    from: 'v2',
    to: 'v1',
    rules: [{ field: 'spec.first', destination: 'spec.name' }],
    preserve: ['.spec.colour'],
  },
];

const one = (apiVersion: string, spec: object) =>
  ({
    apiVersion: `example.io/${apiVersion}`,
    kind: 'Person',
    metadata: { name: 'p' },
    spec,
  }) as unknown as KubeObject;

test('rules move and change fields, and what a version has not is kept for the way back', () => {
  const { rules, errors } = ConversionRules.compile(conversions, schemas);
  expect(errors).toEqual([]);
  const [second] = rules.convert([one('v1', { name: 'Ada Lovelace', since: '1815' })], 'example.io/v2');
  expect(second).toMatchObject({
    apiVersion: 'example.io/v2',
    spec: { first: 'Ada', last: 'Lovelace' },
    metadata: { annotations: { 'preserve.conversion.apis.kcp.io/v1': '{"spec.since":"1815"}' } },
  });
  const [first] = rules.convert([second!], 'example.io/v1');
  expect(first).toMatchObject({ apiVersion: 'example.io/v1', spec: { name: 'Ada', since: '1815' } });
  expect(first!.metadata.annotations).toBeUndefined();
});

test('rules for what is not there are told', () => {
  const wrong = [
    { from: 'v3', to: 'v1', rules: [] },
    {
      from: 'v1',
      to: 'v2',
      rules: [
        { field: 'spec.nothing', destination: 'spec.first' },
        { field: 'spec.name.first', destination: 'spec.first' },
        { field: 'spec.name', destination: 'spec.first', transformation: 'self +' },
      ],
    },
  ];
  expect(
    ConversionRules.compile(wrong, schemas).errors.map((error) => fieldErrorText(error).split('\n')[0]),
  ).toEqual([
    'spec.conversions[0].from: Invalid value: "v3": unable to find structural schema for version',
    'spec.conversions[1].rules[0].field: Invalid value: "spec.nothing": field "spec.nothing" doesn\'t exist',
    'spec.conversions[1].rules[1].field: Invalid value: "spec.name.first": expected field "spec.name" to be an object',
    expect.stringContaining('error compiling CEL program: compilation failed'),
  ]);
});

test('an expression without a value fails the conversion', () => {
  const { rules } = ConversionRules.compile(conversions, schemas);
  expect(() => rules.convert([one('v1', { name: 'Ada' })], 'example.io/v2')).toThrow(
    'error converting: error executing transformation',
  );
});

test('what somebody wrote into the annotation sets only fields that are kept', () => {
  const { rules } = ConversionRules.compile(conversions, schemas);
  const note = (text: string): KubeObject => {
    const second = one('v2', { first: 'Ada' });
    second.metadata.annotations = {
      'kcp.io/cluster': 'own',
      'preserve.conversion.apis.kcp.io/v1': text,
    };
    return rules.convert([second], 'example.io/v1')[0]!;
  };
  expect(note('{"metadata.name":"other","kind":"Other","spec.since":"1815"}')).toEqual({
    apiVersion: 'example.io/v1',
    kind: 'Person',
    metadata: { name: 'p', annotations: { 'kcp.io/cluster': 'own' } },
    spec: { first: 'Ada', name: 'Ada', since: '1815' },
  });
  expect(note('{').metadata).toEqual({ name: 'p', annotations: { 'kcp.io/cluster': 'own' } });
});

test('no rule changes who an object is', () => {
  const rule = (destination: string) => ({ field: 'spec.name', destination });
  const wrong = [{ from: 'v1', to: 'v2', rules: ['kind', 'metadata.name', 'metadata.uid'].map(rule) }];
  const { rules } = ConversionRules.compile(wrong, schemas);
  expect(rules.convert([one('v1', { name: 'x' })], 'example.io/v2')[0]).toEqual(one('v2', { name: 'x' }));
});

test('no path leads to what an object inherits', () => {
  const rule = { field: 'spec.name', destination: '__proto__.polluted' };
  const { rules } = ConversionRules.compile([{ from: 'v1', to: 'v2', rules: [rule] }], schemas);
  rules.convert([one('v1', { name: 'x' })], 'example.io/v2');
  expect(({} as { polluted?: string }).polluted).toBeUndefined();
});
