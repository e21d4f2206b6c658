import type { Schema } from '../resource.ts';
import { ATOMIC_TYPES } from '../schema/atomic-types.ts';
import { type FieldInfo, type TypeInfo, typeInfo } from '../schema/fields.ts';
import { schemaType } from '../schema/schema.ts';

/** How server-side apply sees one place of an object (structured-merge-diff's schema atoms). */
export type Shape =
  /** A scalar, or a struct, list or map that is set whole. */
  | { kind: 'leaf' }
  | { kind: 'struct'; type: TypeInfo }
  /** The same of a custom resource; `rest` is the shape of what its schema does not name. */
  | { kind: 'object'; fields: ReadonlyMap<string, () => Shape>; rest?: Shape }
  /** Whatever stands there: objects field by field, the rest whole. */
  | { kind: 'any' }
  | { kind: 'map'; element: Shape }
  | { kind: 'set' }
  /** Items are told apart by their key fields; `keyDefaults` stands in for one that is left out. */
  | { kind: 'list'; keys: readonly string[]; keyDefaults: readonly unknown[]; element: Shape };

const LEAF: Shape = { kind: 'leaf' };
const SET: Shape = { kind: 'set' };
/** Of places a schema keeps without knowing them. */
export const ANY_SHAPE: Shape = { kind: 'any' };

export function leafShape(): Shape {
  return LEAF;
}

export function metadataShape(): Shape {
  return { kind: 'struct', type: typeInfo('meta/v1.ObjectMeta') };
}

/** How apply sees a whole object of a resource. */
export function rootShape(schema: Schema): Shape {
  return schema.custom?.shape ?? { kind: 'struct', type: schemaType(schema) };
}

/** A shape that depends on the value is known once the value is seen. */
export function shapeFor(shape: Shape, ...values: readonly unknown[]): Shape {
  if (shape.kind !== 'any') return shape;
  return values.some((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
    ? { kind: 'map', element: ANY_SHAPE }
    : LEAF;
}

const shapes = new WeakMap<FieldInfo, Shape>();

export function shapeOf(field: FieldInfo): Shape {
  let shape = shapes.get(field);
  if (shape === undefined) {
    shape = makeShape(field);
    shapes.set(field, shape);
  }
  return shape;
}

function makeShape(field: FieldInfo): Shape {
  if (field.atomic) return LEAF;
  const element: Shape =
    field.kind !== 'struct' || ATOMIC_TYPES.has(field.ref!) ? LEAF : { kind: 'struct', type: field.struct };
  if (field.collection === undefined) return element;
  if (field.collection === 'map') return { kind: 'map', element };
  if (field.listType === 'set' || field.kind !== 'struct') return SET;
  const keys = [...field.listMapKeys].sort();
  return {
    kind: 'list',
    keys,
    keyDefaults: keys.map((key) => field.struct.fields.get(key)?.default),
    element,
  };
}

export class PathElementError extends Error {}

/**
 * The path element of a list item: `k:{"containerPort":80,"protocol":"TCP"}`, `v:"finalizer"`.
 *
 * @throws PathElementError when the item has none of the list's keys.
 */
export function itemElement(shape: Extract<Shape, { kind: 'list' | 'set' }>, item: unknown): string {
  if (shape.kind === 'set') return `v:${JSON.stringify(item)}`;
  if (typeof item !== 'object' || item === null)
    throw new PathElementError('associative list with keys may not have non-map elements');
  const key: Record<string, unknown> = {};
  let found = false;
  for (let i = 0; i < shape.keys.length; i++) {
    const name = shape.keys[i]!;
    const value = (item as Record<string, unknown>)[name] ?? shape.keyDefaults[i];
    if (value === undefined) continue;
    key[name] = value;
    found = true;
  }
  if (!found)
    throw new PathElementError(
      `associative list with keys has an element that omits all key fields ${JSON.stringify(shape.keys)} (and doesn't have default values for any key fields)`,
    );
  return `k:${JSON.stringify(key)}`;
}
