import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ATOMIC_TYPES } from './atomic-types.ts';
import { OPTIONAL_FIELDS, REQUIRED_FIELDS } from './corrections.ts';
import { fieldFacts, typeInfo, typeRefs } from './fields.ts';
import { schemaRef } from './schema.ts';

const checkout = resolve(import.meta.dirname, '../../..');
const shared = join(checkout, '../shared/kubernetes-fields.json');
const models = join(checkout, 'node_modules/@kubernetes/client-node/dist/gen/models');

describe('the field table', () => {
  test('compiles every type, with embedded structs flattened', () => {
    for (const ref of typeRefs()) expect(typeInfo(ref).fields.size).toBeGreaterThanOrEqual(0);
    const volume = typeInfo('core/v1.Volume').fields;
    expect([...volume.keys()].slice(0, 2)).toEqual(['name', 'hostPath']);
    expect(volume.get('emptyDir')?.struct.name).toBe('EmptyDirVolumeSource');
    expect(fieldFacts('core/v1.Volume').VolumeSource).toMatchObject({ inl: 1, n: 2 });
  });

  test('names only types and fields that exist in its corrections', () => {
    for (const ref of ATOMIC_TYPES) expect(typeRefs(), ref).toContain(ref);
    for (const corrections of [OPTIONAL_FIELDS, REQUIRED_FIELDS])
      for (const [ref, names] of Object.entries(corrections))
        for (const name of names) expect(typeInfo(ref).fields.has(name), `${ref}.${name}`).toBe(true);
  });

  test('has every merge key and list map key among the fields of its items', () => {
    for (const ref of typeRefs())
      for (const field of typeInfo(ref).fields.values()) {
        if (field.kind !== 'struct') continue;
        for (const key of [
          ...field.listMapKeys,
          ...(field.patchMergeKey === undefined ? [] : [field.patchMergeKey]),
        ])
          expect(field.struct.fields.has(key), `${ref}.${field.name}: ${key}`).toBe(true);
      }
  });

  test.skipIf(!existsSync(models))('requires what upstream publishes as required', () => {
    const wrong: string[] = [];
    for (const ref of typeRefs()) {
      const required = requiredUpstream(ref);
      if (required === undefined) continue;
      for (const field of typeInfo(ref).fields.values())
        if (
          field.name !== 'metadata' &&
          required.has(field.name) &&
          required.get(field.name) !== field.required
        )
          wrong.push(`${ref}.${field.name}`);
    }
    expect(wrong).toEqual([]);
  });

  test.skipIf(!existsSync(shared))(
    'holds the facts it was made from (skipped without ../shared/kubernetes-fields.json)',
    () => {
      const { types } = JSON.parse(readFileSync(shared, 'utf8')) as {
        types: Record<
          string,
          { fields: Record<string, { number?: number; listType?: string; patchMergeKey?: string }> }
        >;
      };
      const wrong: string[] = [];
      for (const [ref, { fields }] of Object.entries(types)) {
        if (/\.(Time|MicroTime|Duration)$/.test(ref) && ref.startsWith('meta/')) continue;
        const own = fieldFacts(ref);
        for (const [name, fact] of Object.entries(fields)) {
          if (/TypeMeta$/.test(name)) continue;
          const { n, lt, pk } = own[name] ?? {};
          if (n !== fact.number || lt !== fact.listType || pk !== fact.patchMergeKey)
            wrong.push(`${ref}.${name}`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );
});

/** Field → required, of client-node's declaration; undefined when it has none. */
function requiredUpstream(ref: string): Map<string, boolean> | undefined {
  const [, group, version, name] = /^([^/]+)\/([^.]+)\.(.+)$/.exec(ref) ?? [];
  if (group === undefined) return undefined;
  const title = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  const file = [`${title(group)}${title(version!)}${name}`, `${title(version!)}${name}`]
    .map((one) => join(models, `${one}.d.ts`))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const found = new Map<string, boolean>();
  for (const [, field, optional] of readFileSync(file, 'utf8').matchAll(/^ {4}'([^']+)'(\?)?: /gm))
    found.set(field!.replace(/^_/, ''), optional === undefined);
  return found;
}

describe('schemaRef', () => {
  test.each([
    [{ group: '', version: 'v1', kind: 'Pod' }, 'core/v1.Pod'],
    [{ group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' }, 'rbac/v1.Role'],
    [{ group: 'apps', version: 'v1', kind: 'DeleteOptions' }, 'meta/v1.DeleteOptions'],
    [{ group: 'example.com', version: 'v1', kind: 'Pod' }, undefined],
  ])('%j is %s', (gvk, ref) => {
    expect(schemaRef(gvk)).toBe(ref);
  });
});
