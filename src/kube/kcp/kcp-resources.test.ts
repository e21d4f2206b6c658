import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { openApiV3 } from '../openapi/index.ts';
import type { Resource } from '../resource.ts';
import { applyDefaults, decodeObject } from '../schema/index.ts';
import { tableOf } from '../table/table.ts';
import { fieldErrorText } from '../validation/field-errors.ts';
import { typeCheckPolicy } from '../validation/policy-type-check.ts';
import { validateCreate, validateStatusUpdate, validateUpdate } from '../validation/validate.ts';
import { kcpResources } from './kcp-resources.ts';

const now = new Date('2026-01-01T00:01:00Z');

function resourceOf(name: string, version?: string): Resource {
  return kcpResources.find((one) => one.name === name && (version === undefined || one.version === version))!;
}

function decoded(resource: Resource, body: object): KubeObject {
  const { object } = decodeObject(
    resource,
    { apiVersion: `${resource.group}/${resource.version}`, kind: resource.kind, ...body },
    'Strict',
  );
  applyDefaults(resource, object);
  return { ...object, metadata: { ...object.metadata, uid: 'u' } };
}

function errorsOf(resource: Resource, body: object): string[] {
  return validateCreate(resource, decoded(resource, body)).map(fieldErrorText);
}

function changeErrors(resource: Resource, before: object, after: object): string[] {
  const withRevision = (body: object) => {
    const object = decoded(resource, body);
    return { ...object, metadata: { ...object.metadata, resourceVersion: '1' } };
  };
  return validateUpdate(resource, withRevision(after), withRevision(before)).map(fieldErrorText);
}

describe('workspaces', () => {
  const workspaces = resourceOf('workspaces');

  test('begin in the phase Scheduling', () => {
    const object = decoded(workspaces, { metadata: { name: 'a' }, spec: {} });
    workspaces.prepareForCreate!(object);
    applyDefaults(workspaces, object);
    expect(object).toMatchObject({ spec: {}, status: { phase: 'Scheduling' } });
    expect(validateCreate(workspaces, object)).toEqual([]);
  });

  test('are named as DNS labels', () => {
    expect(errorsOf(workspaces, { metadata: { name: 'a.b' }, spec: {} })).toEqual([
      'metadata.name: Invalid value: "a.b": metadata.name in body should match \'^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$\'',
    ]);
  });

  test('keep their type, cluster and URL', () => {
    const metadata = { name: 'a' };
    const type = { name: 'universal', path: 'root' };
    expect(
      changeErrors(
        workspaces,
        { metadata, spec: { type } },
        { metadata, spec: { type: { ...type, name: 'b' } } },
      ),
    ).toEqual(['spec.type: Invalid value: "object": name is immutable']);
    expect(
      changeErrors(
        workspaces,
        { metadata, spec: { cluster: 'x', URL: 'https://x' } },
        { metadata, spec: {} },
      ),
    ).toEqual([
      'spec: Invalid value: "object": URL cannot be unset',
      'spec: Invalid value: "object": cluster cannot be unset',
    ]);
    expect(
      changeErrors(workspaces, { metadata, spec: { cluster: 'x' } }, { metadata, spec: { cluster: 'y' } }),
    ).toEqual(['spec.cluster: Invalid value: "string": cluster is immutable']);
  });

  test('show type, region, phase and URL', () => {
    const object = decoded(workspaces, {
      metadata: { name: 'a', labels: { region: 'eu' }, creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { type: { name: 'team' }, URL: 'https://x/clusters/root:a' },
      status: { phase: 'Ready' },
    });
    const table = tableOf(workspaces, [object], { now, includeObject: 'None', metadata: {} as never });
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual([
      ...['Name', 'Type', 'Region', 'Phase', 'URL', 'Age'],
    ]);
    expect(table.rows[0]!.cells).toEqual(['a', 'team', 'eu', 'Ready', 'https://x/clusters/root:a', '60s']);
  });

  test('may be asked for as ws', () => {
    expect(workspaces).toMatchObject({ shortNames: ['ws'], categories: ['kcp'], namespaced: false });
    expect(workspaces.subresources.map(({ name }) => name)).toEqual(['status']);
  });
});

test('a workspace type says either that nothing may be below it, or what', () => {
  const types = resourceOf('workspacetypes');
  const metadata = { name: 'a' };
  expect(decoded(types, { metadata, spec: {} })).toMatchObject({
    spec: { defaultChildWorkspaceType: { name: 'universal', path: 'root' } },
  });
  expect(errorsOf(types, { metadata, spec: { limitAllowedChildren: { none: true } } })).toEqual([]);
  expect(errorsOf(types, { metadata, spec: { limitAllowedChildren: {} } })).not.toEqual([]);
  expect(errorsOf(types, { metadata: { name: 'system' }, spec: {} })).not.toEqual([]);
});

test('a logical cluster is named cluster', () => {
  const clusters = resourceOf('logicalclusters');
  expect(errorsOf(clusters, { metadata: { name: 'cluster' } })).toEqual([]);
  expect(errorsOf(clusters, { metadata: { name: 'other' } })).toEqual([
    'metadata.name: Unsupported value: "other": supported values: "cluster"',
  ]);
  const object = decoded(clusters, { metadata: { name: 'cluster', resourceVersion: '1' } });
  const next = { ...object, status: { phase: 'Gone' } };
  expect(validateStatusUpdate(clusters, next, object, { now }).map(fieldErrorText)).not.toEqual([]);
});

test('a binding keeps its reference, and its claims their selectors', () => {
  const bindings = resourceOf('apibindings');
  expect(bindings.version).toBe('v1alpha2');
  const metadata = { name: 'a' };
  const reference = { export: { path: 'root:a', name: 'e' } };
  const claim = { resource: 'secrets', verbs: ['get'], selector: { matchAll: true }, state: 'Accepted' };
  const before = { metadata, spec: { reference, permissionClaims: [claim] } };
  expect(decoded(bindings, before)).toMatchObject({
    spec: { deletionPolicy: 'Delete', permissionClaims: [{ group: '', identityHash: '' }] },
  });
  expect(errorsOf(bindings, before)).toEqual([]);
  expect(
    changeErrors(bindings, before, {
      metadata,
      spec: {
        reference: { export: { path: 'root:a', name: 'f' } },
        permissionClaims: [{ ...claim, selector: { matchLabels: { a: 'b' } } }],
      },
    }),
  ).toEqual([
    'spec.reference: Invalid value: "object": APIExport reference must not be changed',
    'spec.permissionClaims[0].selector: Invalid value: "object": Permission claim selector is immutable',
  ]);
});

test('a claim of v1alpha1 is of all objects or of some', () => {
  const exports = resourceOf('apiexports', 'v1alpha1');
  const spec = (claim: object) => ({ metadata: { name: 'a' }, spec: { permissionClaims: [claim] } });
  expect(errorsOf(exports, spec({ resource: 'secrets', all: true }))).toEqual([]);
  expect(errorsOf(exports, spec({ resource: 'secrets', resourceSelector: [{ namespace: 'a' }] }))).toEqual(
    [],
  );
  expect(errorsOf(exports, spec({ resource: 'secrets' }))).toEqual([
    'spec.permissionClaims[0]: Invalid value: "object": either "all" or "resourceSelector" must be set',
  ]);
  expect(errorsOf(exports, spec({ resource: 'secrets', resourceSelector: [{}] }))).toEqual([
    'spec.permissionClaims[0].resourceSelector[0]: Invalid value: "object": at least one field must be set',
  ]);
});

test('labels of a partition set are checked', () => {
  const sets = resourceOf('partitionsets');
  const spec = (shardSelector: object) => ({ metadata: { name: 'a' }, spec: { shardSelector } });
  expect(errorsOf(sets, spec({ matchLabels: { 'kcp/a': 'b' } }))).toEqual([]);
  expect(errorsOf(sets, spec({ matchLabels: { 'a b': 'b' } })).join()).toContain('Label key prefixes');
  expect(
    errorsOf(sets, spec({ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] })).join(),
  ).toContain('should not be any value');
});

test('expressions of policies are checked against its fields', () => {
  const workspaces = resourceOf('workspaces');
  const kind = { group: workspaces.group, version: workspaces.version, kind: workspaces.kind };
  const type = workspaces.schema.custom!.celType(workspaces.kind);
  const warningsOf = (expression: string) =>
    typeCheckPolicy(
      { metadata: {}, spec: { validations: [{ expression }] } } as Parameters<typeof typeCheckPolicy>[0],
      [{ kind, type }],
      undefined,
    ).map(({ warning }) => warning);
  expect(warningsOf('object.spec.type.name != "team" || object.metadata.name != ""')).toEqual([]);
  expect(warningsOf('object.spec.tipe != ""').join()).toContain("undefined field 'tipe'");
});

test('an unknown field is refused', () => {
  expect(() => decoded(resourceOf('shards'), { metadata: { name: 'a' }, spec: { baseUrl: 'x' } })).toThrow(
    'unknown field "spec.baseUrl"',
  );
});

test('every field is described', () => {
  const bare: string[] = [];
  for (const resource of kcpResources) {
    const document = openApiV3(resource, [resource]) as { components: { schemas: Record<string, object> } };
    const name = Object.keys(document.components.schemas).find((one) => one.endsWith(`.${resource.kind}`))!;
    walk(document.components.schemas[name] as Node, resource.kind, bare);
  }
  expect(bare).toEqual([]);
});

interface Node {
  description?: string;
  properties?: Record<string, Node>;
  items?: Node;
  $ref?: string;
  allOf?: Node[];
}

function walk(node: Node, path: string, bare: string[]): void {
  if (path.endsWith('.metadata')) return;
  if (!node.description) bare.push(path);
  for (const [name, one] of Object.entries(node.properties ?? {})) walk(one, `${path}.${name}`, bare);
  if (node.items?.properties !== undefined) walk(node.items, `${path}[]`, bare);
}
