import { describe, expect, test } from 'vitest';
import type { Resource } from '../resource.ts';
import { schemaRef } from '../schema/schema.ts';
import { openApiV2Protobuf } from './gnostic.ts';
import { openApiV2, openApiV3 } from './openapi.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;

function resource(
  group: string,
  kind: string,
  name: string,
  subresources: Resource['subresources'],
): Resource {
  return {
    group,
    version: 'v1',
    kind,
    listKind: `${kind}List`,
    name,
    singularName: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: VERBS,
    subresources,
    schema: { ref: schemaRef({ group, version: 'v1', kind })! },
    hasGeneration: true,
  };
}

const resources = [
  resource('', 'Pod', 'pods', [
    { name: 'log', verbs: ['get'] },
    { name: 'eviction', verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
  ]),
  resource('apps', 'Deployment', 'deployments', [
    { name: 'status', verbs: ['get', 'patch', 'update'] },
    {
      name: 'scale',
      verbs: ['get', 'patch', 'update'],
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    },
  ]),
];
const descriptions = { 'core/v1.Pod': { '': 'A pod.', spec: 'What it should be.' } };

// biome-ignore lint/suspicious/noExplicitAny: a document is read by path
type Loose = any;
const v2: Loose = openApiV2(resources, descriptions);
const v3: Loose = openApiV3({ group: '', version: 'v1' }, resources, descriptions);

describe.each([
  ['OpenAPI 2', v2, v2.definitions, '#/definitions/'],
  ['OpenAPI 3', v3, v3.components.schemas, '#/components/schemas/'],
])('%s', (_, doc: Loose, schemas: Loose, prefix: string) => {
  test('defines every type it refers to, and nothing else', () => {
    const wanted = new Set([...JSON.stringify(doc).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!));
    for (const ref of wanted) expect(schemas).toHaveProperty([ref.slice(prefix.length)]);
    const unused = Object.keys(schemas).filter((name) => !wanted.has(prefix + name));
    expect(unused).toEqual([]);
    expect(schemas).not.toHaveProperty(['io.k8s.api.core.v1.Node']);
  });

  test('carries what kubectl reads of a definition', () => {
    expect(schemas['io.k8s.api.core.v1.Pod']).toMatchObject({
      description: 'A pod.',
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: '', kind: 'Pod', version: 'v1' }],
    });
    const spec = schemas['io.k8s.api.core.v1.PodSpec'];
    expect(spec.required).toEqual(['containers']);
    expect(spec.properties.containers).toMatchObject({
      type: 'array',
      items: { $ref: `${prefix}io.k8s.api.core.v1.Container` },
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    expect(spec.properties.volumes['x-kubernetes-patch-strategy']).toBe('merge,retainKeys');
    expect(spec.properties.nodeSelector['x-kubernetes-map-type']).toBe('atomic');
    expect(schemas['io.k8s.api.core.v1.Volume'].properties).toHaveProperty('emptyDir');
    expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector']['x-kubernetes-map-type']).toBe(
      'atomic',
    );
    expect(schemas['io.k8s.api.core.v1.Container'].properties.imagePullPolicy.enum).toEqual([
      'Always',
      'IfNotPresent',
      'Never',
    ]);
  });

  test('says on PATCH that fieldValidation and dryRun are known', () => {
    const { patch } = doc.paths['/api/v1/namespaces/{namespace}/pods/{name}'];
    expect(patch['x-kubernetes-action']).toBe('patch');
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: '', kind: 'Pod', version: 'v1' });
    const names = patch.parameters.filter((one: Loose) => one.in === 'query').map((one: Loose) => one.name);
    expect(names).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force']);
  });

  test('gives every operation an id of its own', () => {
    const ids = Object.values(doc.paths).flatMap((path: Loose) =>
      ['get', 'put', 'post', 'delete', 'patch'].flatMap((method) => path[method]?.operationId ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('listCoreV1NamespacedPod');
    expect(ids).toContain('listCoreV1PodForAllNamespaces');
    expect(ids).toContain('readCoreV1NamespacedPodLog');
  });
});

test('writes scalars with a form of their own as upstream does', () => {
  expect(v3.components.schemas['io.k8s.apimachinery.pkg.api.resource.Quantity'].oneOf).toHaveLength(2);
  expect(v2.definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toMatchObject({
    type: 'string',
    format: 'int-or-string',
  });
});

test('keeps a group version to itself', () => {
  const apps: Loose = openApiV3({ group: 'apps', version: 'v1' }, resources, {});
  expect(Object.keys(apps.paths).every((path) => path.startsWith('/apis/apps/v1/'))).toBe(true);
  expect(
    apps.components.schemas['io.k8s.api.autoscaling.v1.Scale']['x-kubernetes-group-version-kind'],
  ).toEqual([{ group: 'autoscaling', kind: 'Scale', version: 'v1' }]);
});

describe('openApiV2Protobuf', () => {
  const document = fieldsOf(openApiV2Protobuf(v2));
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
  const named = (bytes: Uint8Array) =>
    (fieldsOf(bytes).get(1) ?? fieldsOf(bytes).get(2) ?? []).map((entry) => fieldsOf(entry));

  test('has every path and definition of the document', () => {
    expect(text(document.get(1)![0])).toBe('2.0');
    const paths = (fieldsOf(document.get(8)![0]!).get(2) ?? []).map((entry) =>
      text(fieldsOf(entry).get(1)![0]),
    );
    expect(paths).toEqual(Object.keys(v2.paths));
    const definitions = named(document.get(9)![0]!).map((entry) => text(entry.get(1)![0]));
    expect(definitions).toEqual(Object.keys(v2.definitions));
  });

  test('carries references and extensions of a property', () => {
    const pod = named(document.get(9)![0]!).find(
      (entry) => text(entry.get(1)![0]) === 'io.k8s.api.core.v1.Pod',
    )!;
    const schema = fieldsOf(pod.get(2)![0]!);
    expect(text(schema.get(4)![0])).toBe('A pod.');
    const spec = named(schema.get(25)![0]!).find((entry) => text(entry.get(1)![0]) === 'spec')!;
    expect(text(fieldsOf(spec.get(2)![0]!).get(1)![0])).toBe('#/definitions/io.k8s.api.core.v1.PodSpec');
    const extension = fieldsOf(schema.get(31)![0]!);
    expect(text(extension.get(1)![0])).toBe('x-kubernetes-group-version-kind');
    const yaml = text(fieldsOf(extension.get(2)![0]!).get(2)![0]);
    expect(JSON.parse(yaml)).toEqual([{ group: '', kind: 'Pod', version: 'v1' }]);
  });
});

/** Field number → values, of a message whose fields are all length-delimited or varints. */
function fieldsOf(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const length = (tag & 7) === 2 ? varint() : 0;
    if ((tag & 7) === 0) varint();
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), bytes.subarray(at, at + length)]);
    at += length;
  }
  return fields;
}
