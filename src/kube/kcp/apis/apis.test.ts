import { expect, test } from 'vitest';
import { fieldErrorText } from '../../validation/field-errors.ts';
import { falseCondition, trueCondition, withCondition, withSummary } from '../conditions.ts';
import type { APIResourceSchema } from '../types/apis-v1alpha1.ts';
import type { AcceptablePermissionClaim, APIBinding } from '../types/apis-v1alpha2.ts';
import { boundDefinition } from './bound-definition.ts';
import { exportLabelValue, identityHash } from './identity.ts';
import { namingConflict } from './naming-conflict.ts';
import { allowsVerb, claimOf, grantedClaim, judgeClaims } from './permission-claims.ts';
import { validateApiResourceSchema, validateApiResourceSchemaUpdate } from './schema-validation.ts';

const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };

function schemaOf(change: Partial<APIResourceSchema['spec']> = {}, name = 'v1.widgets.example.io') {
  return {
    metadata: { name, uid: 'a-uid' },
    spec: {
      group: 'example.io',
      names,
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { type: 'object' } }],
      ...change,
    },
  } as unknown as APIResourceSchema;
}

const texts = (schema: APIResourceSchema) => validateApiResourceSchema(schema).map(fieldErrorText);

test('a schema is named <prefix>.<resource>.<group>', () => {
  expect(texts(schemaOf())).toEqual([]);
  expect(texts(schemaOf({}, 'v1.gadgets.example.io'))).toEqual([
    'metadata.name: Invalid value: "v1.gadgets.example.io": must end in .widgets.example.io',
  ]);
  expect(texts(schemaOf({}, '1v.widgets.example.io'))).toEqual([
    'metadata.name: Invalid value: "1v.widgets.example.io": must match ^[a-z]([-a-z0-9]*[a-z0-9])?$ in front of .widgets.example.io',
  ]);
  expect(texts(schemaOf({ group: '' }, 'v1.widgets.core'))).toEqual([]);
});

test('a schema has one version that is stored, names that are whole and a group with a dot', () => {
  expect(texts(schemaOf({ group: 'plain' }, 'v1.widgets.plain'))).toEqual([
    'spec.group: Invalid value: "plain": should be a domain with at least one dot',
  ]);
  const version = { name: 'v1', served: true, storage: false, schema: { type: 'object' } };
  expect(texts(schemaOf({ versions: [version] }))[0]).toContain(
    'must have exactly one version marked as storage version',
  );
  expect(texts(schemaOf({ names: { plural: 'widgets', kind: 'Widget' } }))).toEqual([
    'spec.names.singular: Required value',
    'spec.names.listKind: Required value',
  ]);
});

test('a schema never changes', () => {
  const errors = validateApiResourceSchemaUpdate(schemaOf({ scope: 'Cluster' }), schemaOf());
  expect(errors.map(({ field, message }) => [field, message.slice(-12)])).toEqual([['spec', 'is immutable']]);
  expect(validateApiResourceSchemaUpdate(schemaOf(), schemaOf())).toEqual([]);
});

test('a schema is served by a definition of its own, named by its uid', () => {
  const definition = boundDefinition(schemaOf(), 'abc');
  expect(definition.metadata.name).toBe('a-uid');
  expect(definition.metadata.annotations).toMatchObject({
    'apis.kcp.io/schema-cluster': 'abc',
    'apis.kcp.io/schema-name': 'v1.widgets.example.io',
  });
  expect(definition.spec.versions[0]!.schema).toEqual({ openAPIV3Schema: { type: 'object' } });
});

test('an identity is told by the SHA-256 of its key', () => {
  expect(identityHash('secret')).toBe('2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b');
});

test('the label that finds the bindings of an export is the base 62 of a SHA-224', () => {
  expect(exportLabelValue('root', 'someExport')).toMatch(/^[0-9a-zA-Z]{36,38}$/);
  expect(exportLabelValue('root', 'someExport')).not.toBe(exportLabelValue('root', 'otherExport'));
});

test('names conflict in the same group only, and the first that does is told', () => {
  const taken = { group: 'example.io', names: { ...names, shortNames: ['wd'] } };
  const incoming = (change: object) => ({ group: 'example.io', names: { ...names, ...change } });
  expect(namingConflict(taken, incoming({}))).toBe('spec.names.plural=widgets is forbidden');
  expect(
    namingConflict(taken, {
      group: 'example.io',
      names: { plural: 'as', singular: 'a', kind: 'A', listKind: 'AList', shortNames: ['x', 'wd'] },
    }),
  ).toBe('spec.names.shortNames=[x wd] is forbidden');
  expect(namingConflict(taken, incoming({ plural: 'ws', singular: 'w' }))).toBe(
    'spec.names.kind=Widget is forbidden',
  );
  expect(namingConflict(taken, { ...incoming({}), group: 'other.io' })).toBeUndefined();
});

const claim = { group: '', resource: 'configmaps', verbs: ['get', 'list', 'create'] };
const answer = (change: object = {}): AcceptablePermissionClaim => ({
  resource: 'configmaps',
  verbs: ['get', 'list'],
  selector: { matchAll: true },
  state: 'Accepted',
  ...change,
});

test('a claim counts when it is asked for and accepted', () => {
  const stranger = answer({ resource: 'secrets' });
  const { applied, invalid } = judgeClaims([claim], [answer(), stranger]);
  expect(applied).toEqual([{ resource: 'configmaps', verbs: ['get', 'list'], selector: { matchAll: true } }]);
  expect(invalid).toEqual(['unexpected/invalid claim for secrets. (identity "")']);
  expect(judgeClaims([claim], [answer({ state: 'Rejected' })])).toEqual({ applied: [], invalid: [] });
});

test('a binding grants the verbs both sides name, on what its selector meets', () => {
  const binding = (one: AcceptablePermissionClaim) =>
    ({
      metadata: { name: 'b' },
      spec: { reference: {}, permissionClaims: [one] },
    }) as unknown as APIBinding;
  const granted = grantedClaim(binding(answer({ verbs: ['get', 'delete'] })), claim)!;
  expect([allowsVerb(granted, 'get'), allowsVerb(granted, 'delete'), allowsVerb(granted, 'list')]).toEqual([
    true,
    false,
    false,
  ]);
  const chosen = grantedClaim(binding(answer({ selector: { matchLabels: { a: 'b' } } })), claim)!;
  expect([chosen.matches({ a: 'b' }), chosen.matches({ a: 'c' }), chosen.matches(undefined)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(grantedClaim(binding(answer({ selector: {} })), claim)!.matches({ a: 'b' })).toBe(false);
  expect(grantedClaim(binding(answer({ identityHash: 'x' })), claim)).toBeUndefined();
  expect(claimOf({ spec: { permissionClaims: [claim] } }, '', 'configmaps')).toBe(claim);
});

test('conditions are ordered, Ready first, and their times move with what they say', () => {
  const early = '2026-01-01T00:00:00Z';
  const late = '2026-01-02T00:00:00Z';
  let conditions = withCondition(undefined, falseCondition('B', 'Error', 'Why', 'because'), early);
  conditions = withCondition(conditions, trueCondition('A'), early);
  conditions = withSummary(conditions, ['B'], early);
  expect(conditions.map(({ type, status }) => `${type}=${status}`)).toEqual([
    'Ready=False',
    'A=True',
    'B=False',
  ]);
  expect(conditions[0]).toMatchObject({ reason: 'Why', severity: 'Error', message: 'because' });
  const same = withCondition(conditions, trueCondition('A'), late);
  expect(same.find(({ type }) => type === 'A')!.lastTransitionTime).toBe(early);
  const mended = withSummary(withCondition(same, trueCondition('B'), late), ['B'], late);
  expect(mended[0]).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: late });
});
