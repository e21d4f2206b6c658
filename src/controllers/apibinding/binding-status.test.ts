import { expect, test } from 'vitest';
import type { apisv1alpha1, apisv1alpha2 } from '../../kube/index.ts';
import { type BindingWorld, bindingStatus, hasNews, type Taken } from './binding-status.ts';

const NOW = '2026-01-01T00:00:00Z';
const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
const schema = {
  metadata: { name: 'v1.widgets.example.io', uid: 'schema-uid' },
  spec: {
    group: 'example.io',
    names,
    scope: 'Namespaced',
    versions: [{ name: 'v1', served: true, storage: true, schema: {} }],
  },
} as unknown as apisv1alpha1.APIResourceSchema;
const binding = {
  metadata: { name: 'b' },
  spec: { reference: { export: { path: 'root:provider', name: 'e' } } },
} as unknown as apisv1alpha2.APIBinding;

function world(change: Partial<BindingWorld> = {}): BindingWorld {
  const exported = {
    metadata: { name: 'e' },
    spec: { resources: [{ name: 'widgets', group: 'example.io', schema: schema.metadata.name }] },
    status: { identityHash: 'hash' },
  } as unknown as apisv1alpha2.APIExport;
  return {
    exportCluster: 'abc',
    exported,
    schema: (name) => (name === schema.metadata.name ? schema : undefined),
    taken: [],
    ...change,
  };
}

const said = (status: apisv1alpha2.APIBindingStatus) =>
  (status.conditions ?? []).map(
    ({ type, status: is, reason }) => `${type}=${is}${reason ? ` ${reason}` : ''}`,
  );

test('a binding to an export that is whole is bound', () => {
  const status = bindingStatus(binding, world(), NOW);
  expect(status.phase).toBe('Bound');
  expect(status.apiExportClusterName).toBe('abc');
  expect(status.boundResources).toEqual([
    {
      group: 'example.io',
      resource: 'widgets',
      schema: { name: 'v1.widgets.example.io', UID: 'schema-uid', identityHash: 'hash' },
      storageVersions: ['v1'],
    },
  ]);
  expect(said(status)).toEqual([
    'Ready=True',
    'APIExportValid=True',
    'BindingUpToDate=True',
    'InitialBindingCompleted=True',
    'PermissionClaimsApplied=True',
    'PermissionClaimsValid=True',
  ]);
  expect(hasNews({ ...binding, status }, world())).toBe(false);
});

test('an export that is not there, has no identity or names a schema that is gone keeps a binding waiting', () => {
  const missing = bindingStatus(binding, world({ exported: undefined }), NOW);
  expect(missing.phase).toBe('Binding');
  expect(missing.conditions!.find(({ type }) => type === 'APIExportValid')).toMatchObject({
    reason: 'APIExportNotFound',
    message: 'APIExport root:provider|e not found',
  });
  const nameless = world();
  nameless.exported = { ...nameless.exported!, status: {} };
  expect(said(bindingStatus(binding, nameless, NOW))).toContain('APIExportValid=False MissingIdentityHash');
  expect(said(bindingStatus(binding, world({ schema: () => undefined }), NOW))).toContain(
    'APIExportValid=False InternalError',
  );
});

test('a name that is taken is told, and does not undo what was bound', () => {
  const taken: Taken[] = [
    { by: 'CustomResourceDefinition "widgets.example.io"', group: 'example.io', names },
  ];
  const why =
    'Unable to bind APIs: naming conflict with CustomResourceDefinition "widgets.example.io": spec.names.plural=widgets is forbidden';
  const first = bindingStatus(binding, world({ taken }), NOW);
  expect(first.conditions!.filter(({ message }) => message === why).map(({ type }) => type)).toEqual([
    'Ready',
    'BindingUpToDate',
    'InitialBindingCompleted',
  ]);
  const bound = bindingStatus(binding, world(), NOW);
  const later = bindingStatus({ ...binding, status: bound }, world({ taken }), NOW);
  expect(said(later)).toContain('InitialBindingCompleted=True');
  expect(said(later)).toContain('BindingUpToDate=False NamingConflicts');
  expect(later.boundResources).toEqual(bound.boundResources);
});

test('claims that nobody made are told', () => {
  const claim = { resource: 'configmaps', verbs: ['get'], selector: { matchAll: true }, state: 'Accepted' };
  const accepting = {
    ...binding,
    spec: { ...binding.spec, permissionClaims: [claim] },
  } as unknown as apisv1alpha2.APIBinding;
  const status = bindingStatus(accepting, world(), NOW);
  expect(status.conditions!.find(({ type }) => type === 'PermissionClaimsValid')).toMatchObject({
    reason: 'InvalidPermissionClaims',
    message:
      '1 unexpected and/or invalid permission claims (showing first 1): unexpected/invalid claim for configmaps. (identity "")',
  });
  expect(status.appliedPermissionClaims).toEqual([]);
});
