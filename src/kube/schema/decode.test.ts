import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cloneJson } from '../patch/json-value.ts';
import { arbitraryObject } from './arbitrary-object.test-suite.ts';
import { decodeKind, decodeObject, type FieldValidation } from './decode.ts';
import type { TextFindings } from './duplicates.ts';

const deployment = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  schema: { ref: 'apps/v1.Deployment' },
};
const prefix = 'Deployment in version "v1" cannot be handled as a Deployment: ';

function decode(body: unknown, validation: FieldValidation = 'Strict', found?: TextFindings) {
  return decodeObject(deployment, body, validation, found);
}

describe('decodeObject', () => {
  test.each([
    [{ spec: { replicas: 'x' } }, 'string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [
      { spec: { replicas: 1.5 } },
      'number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { spec: { replicas: 3e9 } },
      'number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [{ spec: [] }, 'array into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    [{ spec: { paused: 'yes' } }, 'string into Go struct field DeploymentSpec.spec.paused of type bool'],
    [
      { metadata: { labels: { a: 1 } } },
      'number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      { metadata: { labels: 'a' } },
      'string into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      { spec: { template: { spec: { containers: 'x' } } } },
      'string into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      { spec: { template: { spec: { containers: [{ name: 5 }] } } } },
      'number into Go struct field Container.spec.template.spec.containers.name of type string',
    ],
    [
      { spec: { template: { spec: { containers: [{ imagePullPolicy: true }] } } } },
      'bool into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy',
    ],
  ])('names struct, path and Go type of a wrong JSON type: %j', (body, why) => {
    expect(() => decode(body, 'Ignore')).toThrow(`${prefix}json: cannot unmarshal ${why}`);
  });

  test('refuses unknown and duplicate fields when strict, with their paths', () => {
    const body = { spec: { foo: 1, template: { spec: { containers: [{ name: 'a', bar: 2 }] } } } };
    expect(() => decode(body, 'Strict', { repeated: ['duplicate field "spec.paused"'] })).toThrow(
      `${prefix}strict decoding error: duplicate field "spec.paused", unknown field "spec.foo", unknown field "spec.template.spec.containers[0].bar"`,
    );
  });

  test('prunes unknown fields and tells of them when told to warn, in silence when told to ignore', () => {
    const body = { spec: { foo: 1, replicas: 2 } };
    const warned = decode(cloneJson(body), 'Warn');
    expect(warned.warnings).toEqual(['unknown field "spec.foo"']);
    expect(warned.object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {},
      spec: { replicas: 2 },
    });
    expect(decode(cloneJson(body), 'Ignore').warnings).toEqual([]);
  });

  test('knows fields by their exact case only', () => {
    expect(() => decode({ spec: { Replicas: 1 } })).toThrow('unknown field "spec.Replicas"');
  });

  test('takes null for absent, in a list for the zero value', () => {
    const { object } = decode({
      metadata: { creationTimestamp: null, labels: { a: null } },
      spec: { template: { spec: { containers: [null] } } },
      status: null,
    });
    expect(object).toMatchObject({
      metadata: { labels: { a: '' } },
      spec: { template: { spec: { containers: [{}] } } },
    });
    expect(object.metadata).not.toHaveProperty('creationTimestamp');
    expect(object).not.toHaveProperty('status');
  });

  test('drops the zero values that Go omits and keeps those of pointers and required fields', () => {
    const { object } = decode({
      metadata: { labels: {}, finalizers: [], managedFields: [] },
      spec: {
        replicas: 0,
        paused: false,
        minReadySeconds: 0,
        selector: {},
        template: { spec: { containers: [], hostname: '' } },
      },
    });
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { managedFields: [] },
      spec: { replicas: 0, selector: {}, template: { spec: { containers: [] } } },
    });
  });

  test('writes quantities, times and base64 canonically', () => {
    const limits = { cpu: 0.5, memory: '1024Mi', pods: '3', storage: '1500000' };
    const body = {
      metadata: { creationTimestamp: '2026-01-01T02:00:00.75+02:00' },
      spec: { template: { spec: { containers: [{ name: 'a', resources: { limits } }] } } },
    };
    expect(decode(body).object).toMatchObject({
      metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        template: {
          spec: {
            containers: [
              { resources: { limits: { cpu: '500m', memory: '1Gi', pods: '3', storage: '1500k' } } },
            ],
          },
        },
      },
    });
    const secret = decodeKind(
      { group: '', version: 'v1', kind: 'Secret' },
      'core/v1.Secret',
      { data: { a: 'YW\nJj' } },
      'Strict',
    );
    expect(secret.object).toMatchObject({ data: { a: 'YWJj' } });
  });

  test.each([
    ['core/v1.Secret', 'Secret', { data: { a: '???' } }, 'illegal base64 data at input byte 0'],
    [
      'core/v1.Pod',
      'Pod',
      { metadata: { creationTimestamp: 'now' } },
      'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
    ],
    [
      'core/v1.Service',
      'Service',
      { spec: { ports: [{ targetPort: true }] } },
      'json: cannot unmarshal bool into Go value of type int32',
    ],
    [
      'core/v1.Pod',
      'Pod',
      { spec: { overhead: { cpu: 'lots' } } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ])('passes on what an unmarshaller says: %s %s', (ref, kind, body, why) => {
    expect(() => decodeKind({ group: '', version: 'v1', kind }, ref, body, 'Ignore')).toThrow(
      `${kind} in version "v1" cannot be handled as a ${kind}: ${why}`,
    );
  });

  test.each([
    [
      { apiVersion: 'v1', kind: 'Pod' },
      'Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion',
    ],
    [
      { apiVersion: 'x/v1', kind: 'Foo' },
      'Foo in version "v1" cannot be handled as a Deployment: no kind "Foo" is registered for version "x/v1"',
    ],
    [
      { apiVersion: 'apps/v1beta1', kind: 'Deployment' },
      'the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)',
    ],
    [
      [],
      "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct",
    ],
    [
      { kind: 5 },
      "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
    ],
  ])('refuses another kind or version: %j', (body, message) => {
    expect(() => decode(body)).toThrow(message);
  });

  test('changes nothing in what is canonical already', () => {
    for (const [group, kind, ref] of [
      ['', 'Pod', 'core/v1.Pod'],
      ['', 'Service', 'core/v1.Service'],
      ['apps', 'Deployment', 'apps/v1.Deployment'],
    ] as const)
      fc.assert(
        fc.property(arbitraryObject(ref), (object) => {
          const body = { ...object, apiVersion: group === '' ? 'v1' : `${group}/v1`, kind };
          const { object: decoded } = decodeKind(
            { group, version: 'v1', kind },
            ref,
            cloneJson(body),
            'Strict',
          );
          expect(decoded).toEqual({ metadata: {}, ...body });
        }),
        { numRuns: 100 },
      );
  });
});
