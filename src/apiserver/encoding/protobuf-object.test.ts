import { describe, expect, test } from 'vitest';
import { decodeProtobufObject } from './protobuf-object.ts';

/** A length-delimited field. */
function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function number(at: number, value: number): Buffer {
  return Buffer.concat([varint(at * 8), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function envelope(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  const typeMeta = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from('k8s\0'), field(1, typeMeta), field(2, raw)]);
}

const message = (...fields: Buffer[]) => Buffer.concat(fields);

describe('a protobuf body', () => {
  test('is the JSON it stands for: maps, bytes, times', () => {
    const metadata = message(
      field(1, 'settings'),
      field(8, message(number(1, 1_767_225_600))),
      field(11, message(field(1, 'app'), field(2, 'web'))),
    );
    const configMap = message(
      field(1, metadata),
      field(2, message(field(1, 'a'), field(2, 'b'))),
      field(3, message(field(1, 'raw'), field(2, Buffer.from([1, 2, 3])))),
    );
    expect(decodeProtobufObject(envelope('v1', 'ConfigMap', configMap))).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app: 'web' } },
      data: { a: 'b' },
      binaryData: { raw: 'AQID' },
    });
  });

  test('embedded structs, quantities, lists and int-or-strings', () => {
    const resources = message(field(1, message(field(1, 'cpu'), field(2, message(field(1, '50m'))))));
    const probe = message(
      field(1, message(field(2, message(field(1, '/'), field(2, message(number(1, 1), field(3, 'http'))))))),
      number(4, 5),
    );
    const container = message(
      field(1, 'main'),
      field(3, 'sh'),
      field(3, '-c'),
      field(8, resources),
      field(11, probe),
    );
    const pod = message(field(2, message(field(2, container))));
    expect(decodeProtobufObject(envelope('v1', 'Pod', pod))).toMatchObject({
      spec: {
        containers: [
          {
            name: 'main',
            command: ['sh', '-c'],
            resources: { limits: { cpu: '50m' } },
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
          },
        ],
      },
    });
  });

  test('a zero time is absent, and a field we do not know is passed over', () => {
    const configMap = message(field(1, message(field(1, 'x'), field(8, ''))), field(99, 'new'));
    expect(decodeProtobufObject(envelope('v1', 'ConfigMap', configMap))).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'x' },
    });
  });

  test('a map key that names the prototype is only a key', () => {
    const configMap = message(field(2, message(field(1, '__proto__'), field(2, 'x'))));
    const { data } = decodeProtobufObject(envelope('v1', 'ConfigMap', configMap)) as { data: object };
    expect(Object.keys(data)).toEqual(['__proto__']);
  });

  test('delete options are known in every group version', () => {
    expect(decodeProtobufObject(envelope('apps/v1', 'DeleteOptions', number(1, 0)))).toMatchObject({
      gracePeriodSeconds: 0,
    });
  });

  test.each([
    ['no prefix', Buffer.from('{}')],
    ['cut off', envelope('v1', 'ConfigMap', field(1, 'x')).subarray(0, 20)],
    ['another type on the wire', envelope('v1', 'ConfigMap', number(1, 5))],
    ['an unknown kind', envelope('v1', 'Nope', field(1, ''))],
  ])('%s is a bad request', (_what, bytes) => {
    expect(() => decodeProtobufObject(bytes)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });
});
