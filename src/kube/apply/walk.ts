import { equalJson, isObject, type JsonObject, setKey } from '../patch/json-value.ts';
import type { FieldInfo } from '../schema/fields.ts';
import { childrenOf, type FieldSet, isEmptySet, isMember, printElement, putNode } from './field-set.ts';
import { itemElement, PathElementError, type Shape, shapeFor, shapeOf } from './shape.ts';

/** The walks of structured-merge-diff over typed values: compare, field set, merge, remove. */

export interface Comparison {
  /** Added or changed. */
  changed: FieldSet;
  removed: FieldSet;
}

function isBlank(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}

/** What differs between two values of a shape. Equal parts cost a comparison and no memory. */
export function compareInto(
  place: Shape,
  element: string,
  left: unknown,
  right: unknown,
  into: Comparison,
): void {
  if (left === right || (left !== undefined && right !== undefined && equalJson(left, right))) return;
  const shape = shapeFor(place, left, right);
  if (shape.kind === 'leaf' || (isBlank(left) && isBlank(right))) {
    putNode(right === undefined ? into.removed : into.changed, element, true, undefined);
    return;
  }
  const below: Comparison = { changed: {}, removed: {} };
  compareChildren(shape, left, right, below);
  putNode(into.changed, element, left === undefined, below.changed);
  putNode(into.removed, element, right === undefined, below.removed);
}

/** The same without the path of the value itself: for the root of an object. */
export function compareChildren(place: Shape, left: unknown, right: unknown, into: Comparison): void {
  const shape = shapeFor(place, left, right);
  if (shape.kind === 'list' || shape.kind === 'set') {
    const before = indexItems(shape, left);
    const after = indexItems(shape, right);
    const item = shape.kind === 'list' ? shape.element : shape;
    for (const [element, value] of before) compareItem(item, element, value, after.get(element), into);
    for (const [element, value] of after)
      if (!before.has(element)) compareItem(item, element, undefined, value, into);
    return;
  }
  const before = isObject(left) ? left : {};
  const after = isObject(right) ? right : {};
  const bothThere = left !== undefined && right !== undefined;
  for (const name in before) compareMember(shape, name, before[name], after[name], bothThere, into);
  for (const name in after)
    if (before[name] === undefined) compareMember(shape, name, undefined, after[name], bothThere, into);
}

function compareItem(shape: Shape, element: string, left: unknown, right: unknown, into: Comparison): void {
  if (shape.kind !== 'set') compareInto(shape, element, left, right, into);
  else if (left === undefined) putNode(into.changed, element, true, undefined);
  else if (right === undefined) putNode(into.removed, element, true, undefined);
}

function compareMember(
  shape: Shape,
  name: string,
  left: unknown,
  right: unknown,
  bothThere: boolean,
  into: Comparison,
): void {
  if (left === right) return;
  const field = shape.kind === 'struct' ? shape.type.fields.get(name) : undefined;
  const member = memberShape(shape, name);
  if (member === undefined) return;
  const absent = bothThere && field !== undefined ? whenAbsent(field) : undefined;
  compareInto(member, `f:${name}`, left ?? absent, right ?? absent, into);
}

const NO_FIELDS = Object.freeze({});

/** What Go prints for a field that is not set: a struct that is no pointer, null for a list it does not omit. */
export function whenAbsent(field: FieldInfo): unknown {
  if (field.collection !== undefined) return field.required ? null : undefined;
  return field.kind === 'struct' && !field.pointer && !field.atomic ? NO_FIELDS : undefined;
}

/** Undefined for a field the schema does not know. */
export function memberShape(shape: Shape, name: string): Shape | undefined {
  if (shape.kind === 'map') return shape.element;
  if (shape.kind === 'any') return shape;
  if (shape.kind === 'object') return shape.fields.get(name)?.() ?? shape.rest;
  const field = shape.kind === 'struct' ? shape.type.fields.get(name) : undefined;
  return field === undefined ? undefined : shapeOf(field);
}

/** The first item of each path element; items without a key are left out. */
function indexItems(shape: Extract<Shape, { kind: 'list' | 'set' }>, list: unknown): Map<string, unknown> {
  const items = new Map<string, unknown>();
  if (!Array.isArray(list)) return items;
  for (const item of list) {
    const element = elementOrUndefined(shape, item);
    if (element !== undefined && !items.has(element)) items.set(element, item);
  }
  return items;
}

function elementOrUndefined(
  shape: Extract<Shape, { kind: 'list' | 'set' }>,
  item: unknown,
): string | undefined {
  try {
    return itemElement(shape, item);
  } catch (error) {
    if (error instanceof PathElementError) return undefined;
    throw error;
  }
}

/**
 * Every leaf of a configuration, every map key and list item.
 *
 * @throws PathElementError with the path of the list, for items without key, repeated items and unknown fields
 */
export function fieldSetOf(shape: Shape, value: unknown): FieldSet {
  return collect(shape, value, '', true);
}

/** The same of what is stored, where an item may be repeated or lack its key: it then counts once or not at all. */
export function storedFieldSetOf(shape: Shape, value: unknown): FieldSet {
  return collect(shape, value, '', false);
}

function collect(place: Shape, value: unknown, path: string, strict: boolean): FieldSet {
  const shape = shapeFor(place, value);
  const set: FieldSet = {};
  if (shape.kind === 'list' || shape.kind === 'set') {
    const items = strict ? checkedItems(shape, value, path) : indexItems(shape, value);
    for (const [element, item] of items)
      putNode(
        set,
        element,
        true,
        shape.kind === 'list' ? below(shape.element, item, path, strict) : undefined,
      );
    return set;
  }
  if (!isObject(value)) return set;
  for (const name of Object.keys(value)) {
    const member = memberShape(shape, name);
    const one = value[name];
    const known = member === undefined ? undefined : shapeFor(member, one);
    if (known === undefined) {
      if (!strict) continue;
      throw new PathElementError(`${path}.${name}: field not declared in schema`);
    }
    const blankMap =
      (known.kind === 'struct' || known.kind === 'object' || known.kind === 'map') && isBlank(one);
    const isLeaf = known.kind === 'leaf' || blankMap;
    putNode(set, `f:${name}`, isLeaf || shape.kind === 'map', below(known, one, `${path}.${name}`, strict));
  }
  return set;
}

function below(shape: Shape, value: unknown, path: string, strict: boolean): FieldSet | undefined {
  return shape.kind === 'leaf' ? undefined : collect(shape, value, path, strict);
}

function checkedItems(
  shape: Extract<Shape, { kind: 'list' | 'set' }>,
  list: unknown,
  path: string,
): Map<string, unknown> {
  const items = new Map<string, unknown>();
  if (!Array.isArray(list)) return items;
  list.forEach((item, index) => {
    let element: string;
    try {
      element = itemElement(shape, item);
    } catch (error) {
      if (!(error instanceof PathElementError)) throw error;
      throw new PathElementError(`${path}: element ${index}: ${error.message}`);
    }
    if (items.has(element))
      throw new PathElementError(`${path}: duplicate entries for key ${printElement(element)}`);
    items.set(element, item);
  });
  return items;
}

/** `right` laid over `left`: leaves of the right win, lists and maps are united. Shares parts with both. */
export function merge(place: Shape, left: unknown, right: unknown): unknown {
  const shape = shapeFor(place, left, right);
  if (right === undefined) return left;
  if (left === undefined || shape.kind === 'leaf' || (isBlank(left) && isBlank(right))) return right;
  if (shape.kind === 'list' || shape.kind === 'set') return mergeItems(shape, left, right);
  if (!isObject(left) || !isObject(right)) return right;
  const merged: JsonObject = { ...left };
  for (const name of Object.keys(right)) {
    const member = memberShape(shape, name);
    const had = Object.hasOwn(left, name) ? left[name] : undefined;
    setKey(merged, name, member === undefined ? right[name] : merge(member, had, right[name]));
  }
  return merged;
}

/** The right's order for what it names; what only the left has keeps its place among the shared ones. */
function mergeItems(
  shape: Extract<Shape, { kind: 'list' | 'set' }>,
  left: unknown,
  right: unknown,
): unknown[] {
  const before = Array.isArray(left) ? left : [];
  const after = indexItems(shape, right);
  const had = indexItems(shape, before);
  const merged: unknown[] = [];
  const take = (element: string) => {
    const value = after.get(element);
    merged.push(shape.kind === 'list' ? merge(shape.element, had.get(element), value) : value);
  };
  const order = [...after.keys()];
  let next = 0;
  for (const item of before) {
    const element = elementOrUndefined(shape, item);
    if (element === undefined || !after.has(element)) {
      merged.push(item);
      continue;
    }
    // Shared, but the right wants another shared one first: it comes when the right gets there.
    const nextShared = order.findIndex((one, at) => at >= next && had.has(one));
    if (order[nextShared] !== element) continue;
    for (; next <= nextShared; next++) take(order[next]!);
  }
  for (; next < order.length; next++) take(order[next]!);
  return merged;
}

/** `value` without the paths of `remove`; undefined when nothing is left of it. */
export function removeItems(place: Shape, value: unknown, remove: FieldSet): unknown {
  const shape = shapeFor(place, value);
  if (shape.kind === 'leaf' || isBlank(value)) return undefined;
  if (shape.kind === 'list' || shape.kind === 'set') {
    const kept: unknown[] = [];
    for (const item of value as unknown[]) {
      const node = remove[elementOrUndefined(shape, item) ?? ''];
      if (isMember(node)) continue;
      const below = childrenOf(node);
      kept.push(below === undefined || shape.kind === 'set' ? item : removeItems(shape.element, item, below));
    }
    return kept.length === 0 ? undefined : kept;
  }
  const kept: JsonObject = {};
  for (const name of Object.keys(value as JsonObject)) {
    const node = remove[`f:${name}`];
    if (isMember(node)) continue;
    let one = (value as JsonObject)[name];
    const below = childrenOf(node);
    if (below !== undefined) one = removeItems(memberShape(shape, name) ?? { kind: 'leaf' }, one, below);
    if (one !== undefined) setKey(kept, name, one);
  }
  return isBlank(kept) ? undefined : kept;
}

/** The set with every struct field on the way to a member made a member itself (map keys and items are not). */
export function withNamedFields(shape: Shape, set: FieldSet): FieldSet {
  const result: FieldSet = {};
  for (const element in set) {
    if (element === '.') continue;
    const node = set[element]!;
    const below = childrenOf(node);
    const member = element.startsWith('f:') ? memberShape(shape, element.slice(2)) : itemShape(shape);
    const named =
      (shape.kind === 'struct' || shape.kind === 'object') &&
      element.startsWith('f:') &&
      member !== undefined;
    const children =
      below === undefined || isEmptySet(below)
        ? undefined
        : withNamedFields(member ?? { kind: 'leaf' }, below);
    putNode(result, element, isMember(node) || named, children);
  }
  return result;
}

function itemShape(shape: Shape): Shape | undefined {
  return shape.kind === 'list' ? shape.element : undefined;
}
