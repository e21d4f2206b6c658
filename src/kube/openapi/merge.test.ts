import { expect, test } from 'vitest';
import { mergeOpenApiV2 } from './merge.ts';

const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
const local = {
  swagger: '2.0',
  paths: { '/api/v1/pods': { get: { schema: ref('meta.Object') } } },
  definitions: { 'meta.Object': { type: 'object', properties: { name: { type: 'string' } } } },
};

function remote(object: object) {
  return {
    prefix: '/apis/wardle.example.com/v1alpha1',
    document: {
      paths: {
        '/apis/wardle.example.com/v1alpha1/flunders': { get: { schema: ref('wardle.Flunder') } },
        '/apis/other.example.com/v1/things': { get: { schema: ref('other.Thing') } },
        '/version': { get: {} },
      },
      definitions: {
        'wardle.Flunder': { properties: { metadata: ref('meta.Object') } },
        'other.Thing': { type: 'object' },
        'meta.Object': object,
      },
    },
  };
}

test('takes the paths of the group version, and what they reach, of another server', () => {
  const merged = mergeOpenApiV2(local, [remote(local.definitions['meta.Object'])]) as typeof local;
  expect(Object.keys(merged.paths)).toEqual(['/api/v1/pods', '/apis/wardle.example.com/v1alpha1/flunders']);
  expect(Object.keys(merged.definitions)).toEqual(['meta.Object', 'wardle.Flunder']);
});

test('a definition that says something else under a name of ours gets another name', () => {
  const merged = mergeOpenApiV2(local, [remote({ type: 'object', properties: {} })]) as {
    definitions: Record<string, object>;
  };
  expect(merged.definitions['meta.Object']).toEqual(local.definitions['meta.Object']);
  expect(merged.definitions['meta.Object_v2']).toEqual({ type: 'object', properties: {} });
  expect(merged.definitions['wardle.Flunder']).toEqual({ properties: { metadata: ref('meta.Object_v2') } });
});
