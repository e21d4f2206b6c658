import { describe, expect, test } from 'vitest';
import { builtinResources, type KubeObject } from '../../../kube/index.ts';
import { FewObjects, logicalCluster, named, ROOT, refusalOf, writeOf } from './admission.test-support.ts';
import { PathAnnotation } from './path-annotation.ts';
import { reservedDefinitionAnnotations, reservedDefinitionGroups } from './reserved-definitions.ts';
import { reservedMetadata } from './reserved-metadata.ts';
import { reservedNames } from './reserved-names.ts';
import { shardAdmission } from './shard.ts';
import { workspaceTypeAdmission } from './workspace-type.ts';

const resourceOf = (name: string) => builtinResources.find((one) => one.name === name)!;

describe('names', () => {
  test.each(['any', 'system'])('of types: %s is reserved', async (name) => {
    expect(await refusalOf(writeOf('workspacetypes', named(name)), reservedNames)).toBe(
      `workspacetypes.tenancy.kcp.io "${name}" is forbidden: metadata.name: Invalid value: "${name}": name is reserved`,
    );
  });

  test('of other kinds are free', async () => {
    expect(await refusalOf(writeOf('workspaces', named('any')), reservedNames)).toBeUndefined();
    const account = writeOf('workspaces', named('kcp-rest'), { resource: resourceOf('serviceaccounts') });
    expect(await refusalOf(account, reservedNames)).toContain('name is reserved');
  });
});

describe('metadata', () => {
  const change = (before: object, after: object, more = {}) =>
    refusalOf(
      writeOf(
        'shards',
        { metadata: { name: 's', ...after } },
        {
          operation: 'UPDATE',
          oldObject: { metadata: { name: 's', ...before } } as KubeObject,
          ...more,
        },
      ),
      reservedMetadata,
    );

  test('of kcp is changed by the system alone', async () => {
    const annotations = { 'x.kcp.io': 'a' };
    const why = 'shards.core.kcp.io "s" is forbidden: modification of reserved';
    expect(await change({}, { annotations })).toBe(`${why} annotation: "x.kcp.io"`);
    expect(await change({ labels: annotations }, {})).toBe(`${why} label: "x.kcp.io"`);
    expect(await change({}, { annotations }, { user: ROOT })).toBeUndefined();
    expect(await change({ annotations }, { annotations })).toBeUndefined();
  });

  test('of others is free', async () => {
    expect(await change({}, { labels: { 'example.com/a': 'b' } })).toBeUndefined();
  });
});

describe('definitions', () => {
  const definition = (group: string, annotations = {}, workspace = 'root') =>
    refusalOf(
      writeOf(
        'workspaces',
        { metadata: { name: 'd', annotations }, spec: { group } },
        {
          resource: resourceOf('customresourcedefinitions'),
          workspace,
        },
      ),
      reservedDefinitionGroups,
      reservedDefinitionAnnotations,
    );

  test('are not of the group of exports', async () => {
    expect(await definition('apis.kcp.io')).toBe(
      'customresourcedefinitions.apiextensions.k8s.io "d" is forbidden: apis.kcp.io is a reserved group',
    );
    expect(await definition('example.com')).toBeUndefined();
  });

  test('do not say that they were bound', async () => {
    const annotations = {
      'apis.kcp.io/bound-crd': '',
      'internal.apis.kcp.io/x': '',
      'apis.kcp.io.example.com/x': '',
    };
    expect(await definition('example.com', annotations)).toContain(
      '[apis.kcp.io/bound-crd is a reserved annotation, internal.apis.kcp.io/x is a reserved annotation]',
    );
    expect(await definition('example.com', annotations, 'system:bound-crds')).toBeUndefined();
  });
});

describe('paths', () => {
  const plugin = new PathAnnotation(
    new FewObjects()
      .put('c', 'logicalclusters', logicalCluster({ 'kcp.io/path': 'root:c' }))
      .put('loose', 'logicalclusters', logicalCluster({})),
  );
  const admitted = async (resource: string, annotations: object | undefined, workspace = 'c') => {
    const metadata = { name: 'x', ...(annotations !== undefined && { annotations }) };
    const request = writeOf(resource, { metadata }, { workspace });
    return (await refusalOf(request, plugin)) ?? request.object.metadata.annotations;
  };

  test('are on what is found by them', async () => {
    expect(await admitted('apiexports', undefined)).toEqual({ 'kcp.io/path': 'root:c' });
    expect(await admitted('workspacetypes', { 'kcp.io/path': 'root:other' })).toEqual({
      'kcp.io/path': 'root:c',
    });
    expect(await admitted('workspacetypes', undefined, 'loose')).toEqual({ 'kcp.io/path': 'loose' });
  });

  test('are not on others, unless they say one', async () => {
    expect(await admitted('shards', undefined)).toBeUndefined();
    expect(await admitted('shards', { 'kcp.io/path': 'root:other' })).toEqual({ 'kcp.io/path': 'root:c' });
  });

  test('are those of a workspace that is there', async () => {
    expect(await admitted('apiexports', undefined, 'gone')).toBe(
      'apiexports.apis.kcp.io "x" is forbidden: cannot get this workspace: logicalclusters.core.kcp.io "cluster" not found',
    );
  });
});

test('a shard is reached at its base URL unless it says more', async () => {
  const request = writeOf('shards', named('s', { spec: { baseURL: 'https://a', externalURL: 'https://b' } }));
  await shardAdmission.mutate!(request);
  expect(request.object).toMatchObject({
    spec: { baseURL: 'https://a', externalURL: 'https://b', virtualWorkspaceURL: 'https://a' },
  });
});

test.each([
  [named('root'), 'root workspace type can only be created in root cluster', 'c'],
  [
    named('t', { spec: { defaultChildWorkspaceType: { name: 'a' } } }),
    '.spec.defaultChildWorkspaceType.path must be set',
  ],
  [
    named('t', { spec: { limitAllowedParents: { types: [{ name: 'a', path: 'root' }, { name: 'b' }] } } }),
    '.spec.limitAllowedParents.types[1].path must be set',
  ],
])('a type is named with its path: %j', async (object, why, workspace = 'root') => {
  expect(await refusalOf(writeOf('workspacetypes', object, { workspace }), workspaceTypeAdmission)).toBe(
    `workspacetypes.tenancy.kcp.io "${object.metadata.name}" is forbidden: ${why}`,
  );
});
