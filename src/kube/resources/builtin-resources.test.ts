import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { applyDefaults, decodeObject } from '../schema/index.ts';
import { groupVersionString } from '../schema/schema.ts';
import { tableOf } from '../table/table.ts';
import { fieldErrorText } from '../validation/field-errors.ts';
import { validateCreate, validateUpdate } from '../validation/validate.ts';
import { builtinResources } from './builtin-resources.ts';
import { olderSamples, samples } from './samples.test-data.ts';

const now = new Date('2026-01-01T00:01:00Z');

function keyOf({ group, name }: Resource): string {
  return `${group}/${name}`;
}

/** What the API server does to a POST before storing it. */
function created(resource: Resource, body: unknown): KubeObject {
  const { object } = decodeObject(resource, structuredClone(body), 'Ignore');
  applyDefaults(resource, object);
  object.metadata.uid = 'u';
  resource.prepareForCreate?.(object);
  return object;
}

function asStored(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, uid: 'u', resourceVersion: '7' } };
}

describe.each(builtinResources.map((resource) => [keyOf(resource), resource] as const))(
  '%s',
  (key, resource) => {
    // A kind that is served in several versions has one sample, of what they have in common.
    const sample: KubeObject = {
      ...(olderSamples[`${key}@${resource.version}`] ?? samples[key]!),
      apiVersion: groupVersionString(resource),
    };

    test('accepts its sample', () => {
      expect(validateCreate(resource, created(resource, sample)).map(fieldErrorText)).toEqual([]);
    });

    test('an update that changes nothing is accepted', () => {
      const old = asStored(created(resource, sample));
      const next = structuredClone(old);
      applyDefaults(resource, next);
      resource.prepareForUpdate?.(next, old);
      expect(validateUpdate(resource, next, old).map(fieldErrorText)).toEqual([]);
      expect(next).toEqual(old);
    });

    test('defaults of what is defaulted change nothing', () => {
      const once = created(resource, sample);
      const twice = structuredClone(once);
      applyDefaults(resource, twice);
      expect(twice).toEqual(once);
    });

    test('prints a cell for every column', () => {
      const table = tableOf(resource, [asStored(created(resource, sample))], {
        now,
        includeObject: 'Metadata',
        metadata: { resourceVersion: '7', continue: '' },
      });
      expect(table.rows[0]!.cells).toHaveLength(table.columnDefinitions.length);
      expect(table.rows[0]!.cells).not.toContain(undefined);
    });

    test('anything missing or emptied gives field errors or none, never a crash', () => {
      for (const broken of [...mutations(sample)]) {
        let object: KubeObject;
        try {
          object = created(resource, broken);
        } catch (error) {
          // Decoding refuses wrong types before any of our rules see them.
          expect((error as { code?: string }).code).toBe('BadRequest');
          continue;
        }
        validateCreate(resource, object);
        validateUpdate(resource, object, asStored(created(resource, sample)));
        tableOf(resource, [object], {
          now,
          includeObject: 'None',
          metadata: { resourceVersion: '7', continue: '' },
        });
        for (const get of Object.values(resource.selectableFields ?? {}))
          expect(get(object)).toBeTypeOf('string');
      }
    });
  },
);

/** The sample with each part left out, or replaced by an empty or odd value, one at a time. */
function* mutations(sample: unknown): Generator<unknown> {
  for (const path of pathsOf(sample, [])) {
    if (path[0] === 'apiVersion' || path[0] === 'kind' || path.length === 0) continue;
    if (path.length === 1 && path[0] === 'metadata') continue;
    for (const replacement of [undefined, null, {}, [], '', 0, -1, 'a=b/!', [{}], { x: {} }]) {
      const copy = structuredClone(sample) as Record<string, unknown>;
      replace(copy, path, replacement);
      yield copy;
    }
  }
}

function* pathsOf(value: unknown, path: string[]): Generator<string[]> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) yield* pathsOf(child, [...path, key]);
}

function replace(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const parent = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, target);
  const last = path.at(-1)!;
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}
