import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinResources, type KubeObject, schemaRef } from '../../kube/index.ts';
import { arbitraryObject } from '../../kube/schema/arbitrary-object.test-suite.ts';
import {
  encodeProtobufEvent,
  encodeProtobufList,
  encodeProtobufObject,
  protobufType,
  sharedProtobufMessage,
} from './protobuf-encoder.ts';
import { decodeProtobufObject } from './protobuf-object.ts';
import { readFields } from './protobuf-reader.ts';

function roundTrip(object: Record<string, unknown>) {
  return decodeProtobufObject(encodeProtobufObject(protobufType(object)!, object));
}

describe('every built-in kind', () => {
  test.each(
    builtinResources.map((resource) => [`${resource.group}/${resource.version} ${resource.kind}`, resource]),
  )('%s comes back from protobuf as it was', (_name, { group, version, kind, listKind, schema, verbs }) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    expect(protobufType({ apiVersion, kind })).toBe(schema.ref);
    if (verbs.includes('list')) expect(schemaRef({ group, version, kind: listKind })).toBeDefined();
    fc.assert(
      fc.property(arbitraryObject(schema.ref), (fields) => {
        const object = { ...fields, apiVersion, kind };
        expect(roundTrip(object)).toEqual(object);
      }),
      { numRuns: 15, seed: 20 },
    );
  });
});

describe('an object as protobuf', () => {
  test('a schema that may be a bool, a list or a schema, and subresources without fields', () => {
    const object = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'crontabs.example.com' },
      spec: {
        versions: [
          {
            name: 'v1',
            subresources: { status: {} },
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: {
                  free: { type: 'object', additionalProperties: true, default: { a: [1, null] } },
                  typed: { type: 'object', additionalProperties: { type: 'string', enum: ['a', 1] } },
                  closed: { type: 'object', additionalProperties: false },
                  list: { type: 'array', items: { type: 'number', minimum: -1.5, maximum: 1e300 } },
                },
              },
            },
          },
        ],
      },
    };
    expect(roundTrip(object)).toEqual(object);
  });

  test('a zero behind a pointer, large and negative numbers, other scripts, long texts', () => {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'x',
        generation: 4_503_599_627_370_497,
        annotations: { ä: '日本語 '.repeat(20), __x: '' },
        managedFields: [{ fieldsV1: { 'f:metadata': {} }, time: '1969-12-31T23:59:59Z' }],
      },
      spec: {
        terminationGracePeriodSeconds: 0,
        priority: -5,
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: 'i'.repeat(5000), ports: [{ containerPort: 80 }] }],
      },
    };
    expect(roundTrip(object)).toEqual(object);
  });

  test('begins with the prefix and says what it is before its content', () => {
    const bytes = encodeProtobufObject('meta/v1.Status', { apiVersion: 'v1', kind: 'Status', code: 404 });
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      'k8s\0\n\x0c\n\x02v1\x12\x06Status\x12\x03\x30\x94\x03\x1a\x00\x22\x00',
    );
  });

  test('a list is its metadata and its items, which carry no kind', () => {
    const items = ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } }));
    const head = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '7', continue: 'x' } };
    const messages = items.map((item) => sharedProtobufMessage('core/v1.Pod', item as KubeObject));
    expect(decodeProtobufObject(encodeProtobufList(head, messages))).toEqual({
      ...head,
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
    });
  });

  test('an event of a watch is a length and a message of type and object', () => {
    const object = encodeProtobufObject('core/v1.ConfigMap', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      data: { a: 'b' },
    });
    const frame = Buffer.from(encodeProtobufEvent('ADDED', object));
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
    const [type, raw] = [...readFields(frame.subarray(4))];
    expect(Buffer.from(type!.value as Uint8Array).toString()).toBe('ADDED');
    const [embedded] = [...readFields(raw!.value as Uint8Array)];
    expect(decodeProtobufObject(embedded!.value as Uint8Array)).toMatchObject({ data: { a: 'b' } });
  });
});
