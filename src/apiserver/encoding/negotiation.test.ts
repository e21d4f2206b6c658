import { expect, test } from 'vitest';
import { negotiate } from './negotiation.ts';

const PROTOBUF_OR_JSON = 'application/vnd.kubernetes.protobuf,application/json';

test('a client that prefers protobuf gets it of a kind that has it, else the JSON it also takes', () => {
  expect(negotiate(PROTOBUF_OR_JSON, true)).toEqual({ format: 'protobuf', as: 'object' });
  expect(negotiate(PROTOBUF_OR_JSON, false)).toEqual({ format: 'json', as: 'object' });
  expect(() => negotiate('application/vnd.kubernetes.protobuf', false)).toThrow('media types are accepted');
});

test('metadata has a protobuf form whatever the kind, a Table never', () => {
  const as = (kind: string) =>
    `application/vnd.kubernetes.protobuf;as=${kind};g=meta.k8s.io;v=v1,application/json;as=${kind};g=meta.k8s.io;v=v1`;
  expect(negotiate(as('PartialObjectMetadata'), false).format).toBe('protobuf');
  expect(negotiate(as('Table'), true).format).toBe('json');
});

test('CBOR is passed over for what else the client takes', () => {
  expect(negotiate('application/cbor,application/json;q=0.9', true).format).toBe('json');
});

test('kubectl gets its table', () => {
  const accept =
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
  expect(negotiate(accept, false)).toEqual({ format: 'json', as: 'Table' });
});

test('a transformation we do not know falls through to the next range', () => {
  expect(negotiate('application/json;as=Table;v=v9;g=meta.k8s.io,application/yaml', false)).toEqual({
    format: 'yaml',
    as: 'object',
  });
});

test('the better quality wins', () => {
  expect(negotiate('application/json;q=0.5,application/yaml', false)).toMatchObject({ format: 'yaml' });
});

test('nothing we can write is refused by name', () => {
  expect(() => negotiate('application/cbor', false)).toThrow(
    'only the following media types are accepted: application/json',
  );
});
