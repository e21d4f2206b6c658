import { expect, test } from 'vitest';
import { negotiate } from './negotiation.ts';

test('a client that prefers protobuf and takes JSON gets JSON', () => {
  expect(negotiate('application/vnd.kubernetes.protobuf,application/json')).toEqual({
    format: 'json',
    as: 'object',
  });
});

test('kubectl gets its table', () => {
  const accept =
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
  expect(negotiate(accept)).toEqual({ format: 'json', as: 'Table' });
});

test('a transformation we do not know falls through to the next range', () => {
  expect(negotiate('application/json;as=Table;v=v9;g=meta.k8s.io,application/yaml')).toEqual({
    format: 'yaml',
    as: 'object',
  });
});

test('the better quality wins', () => {
  expect(negotiate('application/json;q=0.5,application/yaml')).toMatchObject({ format: 'yaml' });
});

test('nothing we can write is refused by name', () => {
  expect(() => negotiate('application/cbor')).toThrow(
    'only the following media types are accepted: application/json',
  );
});
