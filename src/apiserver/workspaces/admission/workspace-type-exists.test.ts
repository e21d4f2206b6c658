import { beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../kube/index.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import { FewObjects, logicalCluster, named, refusalOf, writeOf } from './admission.test-support.ts';
import { WorkspaceTypeExists } from './workspace-type-exists.ts';

const TYPE = 'internal.tenancy.kcp.io/type';
const prefix = 'workspaces.tenancy.kcp.io "w" is forbidden: ';
let objects: FewObjects;
/** `<logical cluster>/<type>` that Jane may not use, and that she may not even look at. */
let forbidden: string[];
let hidden: string[];

const roles: Authorizer = {
  authorize: ({ workspace, verb, resource }) => {
    expect([resource!.group, resource!.resource]).toEqual(['tenancy.kcp.io', 'workspacetypes']);
    const type = `${workspace}/${resource!.name}`;
    const isForbidden = hidden.includes(type) || (verb === 'use' && forbidden.includes(type));
    return { verdict: isForbidden ? 'no opinion' : 'allow', reason: '' };
  },
};

function addType(cluster: string, path: string, name: string, spec: object = {}): void {
  const metadata = { name, annotations: { 'kcp.io/path': path } };
  objects.put(cluster, 'workspacetypes', { metadata, spec } as object as KubeObject);
}

const at = (name: string, path = 'root') => ({ name, path });

beforeEach(() => {
  forbidden = [];
  hidden = [];
  objects = new FewObjects()
    .put('root', 'logicalclusters', logicalCluster({ 'kcp.io/path': 'root', [TYPE]: 'root:root' }))
    .put('root', 'workspaces', named('org', { spec: { cluster: 'c-org' } }))
    .put(
      'c-org',
      'logicalclusters',
      logicalCluster({ 'kcp.io/path': 'root:org', [TYPE]: 'root:organization' }),
    );
  addType('root', 'root', 'root', { defaultChildWorkspaceType: at('organization') });
  addType('root', 'root', 'universal');
  addType('root', 'root', 'organization', {
    extend: { with: [at('universal')] },
    defaultChildWorkspaceType: at('universal'),
    limitAllowedParents: { types: [at('root')] },
    additionalWorkspaceLabels: { level: 'org', mine: 'theirs' },
  });
});

async function admit(spec: object, more: { workspace?: string; labels?: Record<string, string> } = {}) {
  const { workspace = 'root', labels } = more;
  const request = writeOf(
    'workspaces',
    { metadata: { name: 'w', ...(labels !== undefined && { labels }) }, spec },
    { workspace },
  );
  const plugin = new WorkspaceTypeExists({ objects, roles });
  const refusal = await refusalOf(request, plugin);
  const { spec: admitted, metadata } = request.object as KubeObject & { spec: { type?: object } };
  return { refusal, type: admitted.type, labels: metadata.labels };
}

describe('the type of a new workspace', () => {
  test('is the one its parent names, with its path and labels', async () => {
    expect(await admit({}, { labels: { mine: 'kept' } })).toEqual({
      refusal: undefined,
      type: at('organization'),
      labels: { level: 'org', mine: 'kept' },
    });
    expect((await admit({}, { workspace: 'c-org' })).type).toEqual(at('universal'));
  });

  test('is looked for above, up to the root', async () => {
    expect((await admit({ type: { name: 'universal' } }, { workspace: 'c-org' })).type).toEqual(
      at('universal'),
    );
    addType('c-org', 'root:org', 'universal');
    expect((await admit({ type: { name: 'universal' } }, { workspace: 'c-org' })).type).toEqual(
      at('universal', 'root:org'),
    );
    expect((await admit({ type: { name: 'none' } }, { workspace: 'c-org' })).refusal).toBe(
      `${prefix}workspace type "none" cannot be resolved`,
    );
  });

  test('exists', async () => {
    expect((await admit({ type: at('none', 'root:org') })).refusal).toBe(
      `${prefix}workspacetypes.tenancy.kcp.io "root:org:none" not found`,
    );
    expect((await admit({ type: at('universal', 'root:nowhere') })).refusal).toContain('not found');
  });

  test('may be used, and so may all that it extends', async () => {
    forbidden = ['root/universal'];
    const why = "missing verb='use' permission on workspacetype";
    expect((await admit({ type: at('universal') })).refusal).toBe(
      `${prefix}unable to use cluster workspace type root:universal: ${why}`,
    );
    expect((await admit({ type: at('organization') })).refusal).toContain('root:universal');
  });

  test('does not extend itself, nor what is not there', async () => {
    addType('root', 'root', 'a', { extend: { with: [at('b')] } });
    addType('root', 'root', 'b', { extend: { with: [at('a')] } });
    expect((await admit({ type: at('a') })).refusal).toBe(
      `${prefix}circular dependency detected in workspace type root:a: root:a -> root:b`,
    );
    addType('root', 'root', 'c', { extend: { with: [at('none')] } });
    expect((await admit({ type: at('c') })).refusal).toBe(
      `${prefix}unable to find inherited workspace type root:none`,
    );
  });

  test('does not extend itself under another name of its workspace', async () => {
    addType('c-org', 'root:org', 'a', { extend: { with: [at('a', 'c-org')] } });
    expect((await admit({ type: at('a', 'root:org') })).refusal).toBe(
      `${prefix}circular dependency detected in workspace type root:org:a: root:org:a`,
    );
  });

  test('that may not be looked at is as one that is not there', async () => {
    addType('c-org', 'root:org', 'secret');
    addType('root', 'root', 'a', { extend: { with: [at('secret', 'root:org')] } });
    const answers = async () =>
      Promise.all([
        admit({ type: at('secret', 'root:org') }),
        admit({ type: { name: 'secret' } }, { workspace: 'c-org' }),
        admit({ type: at('a') }),
      ]);
    hidden = ['c-org/secret'];
    const there = await answers();
    hidden = [];
    objects.delete('c-org', 'workspacetypes', 'secret');
    expect(there).toEqual(await answers());
    expect(there.map(({ refusal }) => refusal)).toEqual([
      `${prefix}workspacetypes.tenancy.kcp.io "root:org:secret" not found`,
      `${prefix}workspace type "secret" cannot be resolved`,
      `${prefix}unable to find inherited workspace type root:org:secret`,
    ]);
  });

  test('extended on two ways is no loop', async () => {
    addType('root', 'root', 'a', { extend: { with: [at('universal'), at('organization')] } });
    expect((await admit({ type: at('a') })).refusal).toBeUndefined();
  });

  test('is not needed for what is mounted', async () => {
    const mount = { ref: { apiVersion: 'v1', kind: 'K', name: 'n' } };
    expect(await admit({ mount })).toEqual({ refusal: undefined, type: undefined, labels: undefined });
  });
});

describe('limits', () => {
  test('of parents are kept, those of what is extended too', async () => {
    expect((await admit({ type: at('organization') }, { workspace: 'c-org' })).refusal).toBe(
      `${prefix}workspace type root:organization only allows [root:root] parent workspaces, ` +
        'but parent type root:organization only implements [root:organization root:universal]',
    );
    addType('root', 'root', 'special', { extend: { with: [at('organization')] } });
    expect((await admit({ type: at('special') }, { workspace: 'c-org' })).refusal).toBe(
      `${prefix}workspace type root:special extends root:organization, which only allows [root:root] parent workspaces, ` +
        'but parent type root:organization only implements [root:organization root:universal]',
    );
  });

  test('of children are kept', async () => {
    addType('root', 'root', 'organization', { limitAllowedChildren: { types: [at('team')] } });
    addType('root', 'root', 'team', { extend: { with: [at('universal')] } });
    expect((await admit({ type: at('universal') }, { workspace: 'c-org' })).refusal).toBe(
      `${prefix}workspace type root:organization only allows [root:team] child workspaces, ` +
        'but child type root:universal only implements [root:universal]',
    );
    expect((await admit({ type: at('team') }, { workspace: 'c-org' })).refusal).toBeUndefined();
  });

  test('may be that there are none', async () => {
    addType('root', 'root', 'organization', { limitAllowedChildren: { none: true } });
    expect((await admit({ type: at('universal') }, { workspace: 'c-org' })).refusal).toBe(
      `${prefix}workspace type root:organization cannot have any children`,
    );
    addType('root', 'root', 'home', { limitAllowedParents: { none: true } });
    expect((await admit({ type: at('home') })).refusal).toBe(
      `${prefix}workspace type root:home cannot have any parents`,
    );
  });
});

test('a parent that does not say its type has no children', async () => {
  objects.put('bare', 'logicalclusters', logicalCluster({}));
  expect((await admit({}, { workspace: 'bare' })).refusal).toBe(
    `${prefix}annotation ${TYPE} on LogicalCluster must be set`,
  );
});
