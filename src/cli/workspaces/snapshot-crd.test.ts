import { expect, test } from 'vitest';
import { type Definition, schemaOf } from './snapshot-crd.ts';

const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object' } } } as const;
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.io' },
  spec: {
    group: 'example.io',
    names: { plural: 'widgets', kind: 'Widget' },
    scope: 'Namespaced',
    conversion: { strategy: 'None' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
  },
} as unknown as Definition;

test('takes the API out of a definition, its schema with nothing around it', () => {
  expect(schemaOf(definition, 'today')).toEqual({
    apiVersion: 'apis.kcp.io/v1alpha1',
    kind: 'APIResourceSchema',
    metadata: { name: 'today.widgets.example.io' },
    spec: {
      group: 'example.io',
      names: { plural: 'widgets', kind: 'Widget' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: openAPIV3Schema, subresources: {} }],
    },
  });
});

test('refuses other kinds, and prefixes that make no name', () => {
  expect(() => schemaOf({ ...definition, kind: 'Pod' }, 'today')).toThrow('is no CustomResourceDefinition');
  expect(() => schemaOf(definition, 'To_day')).toThrow('Invalid value: "To_day.widgets.example.io"');
});
