import { expect, test } from 'vitest';
import type { apisv1alpha2, tenancyv1alpha1 } from '../../kube/index.ts';
import { bindingNameFor } from './binding-name.ts';
import { defaultBindings, waitingCondition } from './default-bindings.ts';

function type(
  cluster: string,
  ...references: { path?: string; export: string }[]
): tenancyv1alpha1.WorkspaceType {
  const metadata = { name: 't', annotations: { 'kcp.io/cluster': cluster } } as never;
  return { metadata, spec: { defaultAPIBindings: references } };
}

function exported(name: string): apisv1alpha2.APIExport {
  const claim = { resource: 'configmaps', verbs: ['get'] };
  return { metadata: { name } as never, spec: { permissionClaims: [claim] } };
}

test('binds each export of all types once, and grants what it claims', () => {
  const asked: string[] = [];
  const { wanted, isExportMissing } = defaultBindings(
    'c',
    [type('abc', { export: 'a' }), type('abc', { export: 'a' }, { path: 'root:up', export: 'b' })],
    (path, name) => {
      asked.push(`${path}:${name}`);
      return exported(name);
    },
  );
  expect(isExportMissing).toBe(false);
  expect(asked).toContain('abc:a');
  expect(wanted.map(({ spec }) => spec.reference.export)).toEqual([
    { path: 'abc', name: 'a' },
    { path: 'root:up', name: 'b' },
  ]);
  expect(wanted[0]?.spec.permissionClaims).toMatchObject([
    { selector: { matchAll: true }, state: 'Accepted' },
  ]);
});

test('an export that is not there is told, and the others are bound', () => {
  const both = type('abc', { export: 'a' }, { export: 'b' });
  const { wanted, isExportMissing } = defaultBindings('c', [both], (_, name) =>
    name === 'a' ? undefined : exported(name),
  );
  expect(isExportMissing).toBe(true);
  expect(wanted).toHaveLength(1);
});

test('names are the same every time, and fit', () => {
  expect(bindingNameFor('c', 'root', 'widgets')).toMatch(/^widgets-[0-9a-z]{5}$/);
  expect(bindingNameFor('c', 'root', 'widgets')).toBe(bindingNameFor('c', 'root', 'widgets'));
  expect(bindingNameFor('d', 'root', 'widgets')).not.toBe(bindingNameFor('c', 'root', 'widgets'));
  expect(bindingNameFor('c', 'root', 'x'.repeat(300))).toHaveLength(253);
});

test('waits for bindings that are not there or not bound', () => {
  const draft = { metadata: { name: 'a-1' }, spec: { reference: {} } };
  const binding = (status: 'True' | 'False') => ({
    metadata: { name: 'a-1' } as never,
    spec: { reference: {} },
    status: { conditions: [{ type: 'InitialBindingCompleted', status, lastTransitionTime: '' }] },
  });
  expect(waitingCondition('X', [draft], [], 'bound')?.message).toBe('APIBinding(s) not yet fully bound: a-1');
  expect(waitingCondition('X', [draft], [binding('False')], 'bound')).toBeDefined();
  expect(waitingCondition('X', [draft], [binding('True')], 'bound')).toBeUndefined();
});
