import { BadRequest } from '../../base/index.ts';
import type { Schema } from '../resource.ts';
import type { FieldInfo, TypeInfo } from '../schema/fields.ts';
import { schemaType } from '../schema/schema.ts';
import { unprocessable } from './json-patch.ts';
import { cloneJson, isObject, type JsonObject, setKey } from './json-value.ts';
import {
  mergeScalars,
  noMergeKey,
  orderElements,
  partition,
  validateElementOrder,
  withoutKeys,
} from './strategic-lists.ts';

/**
 * Directives of a strategic merge patch; see
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM_PRIMITIVE_LIST = '$deleteFromPrimitiveList';
const SET_ELEMENT_ORDER = '$setElementOrder';

/** Where the merge is in the schema: a struct, a free map of a field's elements, or nowhere known. */
type Place = TypeInfo | FieldInfo | undefined;

/**
 * Strategic merge patch: lists merge by their patchMergeKey or as sets, as the field table says, and `$patch`,
 * `$retainKeys`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…` are obeyed. Neither argument is changed.
 *
 * @throws BadRequest for a malformed patch; Invalid for one that cannot be applied.
 */
export function strategicMergePatch(schema: Schema, current: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw new BadRequest('invalid JSON document');
  const original = isObject(current) ? cloneJson(current) : {};
  return mergeMap(original, cloneJson(patch), schemaType(schema));
}

/** Both maps are owned by the merge and may be changed. */
function mergeMap(original: JsonObject, patch: JsonObject, place: Place): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return followDirective(patch);
  applyRetainKeys(original, patch);
  applyElementOrders(original, patch, place);
  for (const written of Object.keys(patch)) {
    const value = patch[written];
    const isDeleteList = written.startsWith(DELETE_FROM_PRIMITIVE_LIST);
    const key = isDeleteList ? listOf(written, DELETE_FROM_PRIMITIVE_LIST) : written;
    if (value === null) {
      delete original[key];
      continue;
    }
    const had = Object.hasOwn(original, key) ? original[key] : undefined;
    if (isObject(had) && isObject(value)) original[key] = mergeField(had, value, place, key);
    else if (Array.isArray(had) && Array.isArray(value))
      original[key] = mergeList(had, value, place, key, isDeleteList);
    else if (!isDeleteList) setKey(original, key, withoutDirectives(value));
  }
  return original;
}

function followDirective(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') {
    const { [DIRECTIVE]: _, ...rest } = patch;
    return rest;
  }
  if (directive === 'delete') return {};
  throw unprocessable(`unknown patch type: ${textOf(directive)} in map: ${JSON.stringify(patch)}`);
}

/** A directive that is an object may have a `toString` of its own. */
function textOf(directive: unknown): string {
  return typeof directive === 'string' ? directive : JSON.stringify(directive);
}

function mergeField(had: JsonObject, value: JsonObject, place: Place, key: string): JsonObject {
  const field = fieldAt(place, key);
  if (field?.patchStrategies.includes('replace')) return withoutDirectives(value) as JsonObject;
  return mergeMap(had, value, below(field));
}

function mergeList(
  had: unknown[],
  value: unknown[],
  place: Place,
  key: string,
  isDeleteList: boolean,
): unknown[] {
  const field = fieldAt(place, key);
  if (!isDeleteList && field?.patchStrategies.includes('merge') !== true)
    return withoutDirectives(value) as unknown[];
  if (had.length === 0 && value.length === 0) return had;
  if (!isListOfMaps(had, value)) {
    const named = new Set(value);
    return isDeleteList ? had.filter((one) => !named.has(one)) : mergeScalars(had, value);
  }
  const mergeKey = field?.patchMergeKey;
  if (mergeKey === undefined) throw unprocessable(`cannot merge lists without merge key for ${key}`);
  return mergeListOfMaps(had as JsonObject[], value as JsonObject[], mergeKey, field?.struct);
}

function mergeListOfMaps(
  had: JsonObject[],
  patch: JsonObject[],
  mergeKey: string,
  element: TypeInfo | undefined,
): JsonObject[] {
  const order = [...had];
  const [original, items] = followListDirectives(had, patch, mergeKey);
  const places = new Map<unknown, number>();
  for (const [index, one] of original.entries())
    if (!places.has(one[mergeKey])) places.set(one[mergeKey], index);
  for (const item of items) {
    const value = item[mergeKey];
    if (value === undefined) throw noMergeKey(item, mergeKey);
    const at = places.get(value);
    if (at !== undefined) original[at] = mergeMap(original[at]!, item, element);
    else places.set(value, original.push(withoutDirectives(item) as JsonObject) - 1);
  }
  const [patched, rest] = partition(original, items, mergeKey);
  return orderElements(patched, rest, items, order, mergeKey) as JsonObject[];
}

/** Obeys `$patch: delete|replace` elements; returns the list to merge into, and the elements to merge. */
function followListDirectives(
  had: JsonObject[],
  patch: JsonObject[],
  mergeKey: string,
): [JsonObject[], JsonObject[]] {
  const deleted = new Set<unknown>();
  let replace = false;
  const items: JsonObject[] = [];
  for (const item of patch) {
    const directive = item[DIRECTIVE];
    if (directive === undefined) items.push(item);
    else if (directive === 'delete') {
      if (item[mergeKey] === undefined) throw noMergeKey(item, mergeKey);
      deleted.add(item[mergeKey]);
    } else if (directive === 'replace') replace = true;
    else if (directive === 'merge') throw unprocessable('merging lists cannot yet be specified in the patch');
    else throw unprocessable(`unknown patch type: ${textOf(directive)} in map: ${JSON.stringify(item)}`);
  }
  return replace ? [[], items] : [withoutKeys(had, mergeKey, deleted), items];
}

/** `$retainKeys`: what is not named goes, before the rest of the patch is merged. */
function applyRetainKeys(original: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return;
  const retained = patch[RETAIN_KEYS];
  delete patch[RETAIN_KEYS];
  if (!Array.isArray(retained)) throw badRetainKeys();
  const kept = new Set<unknown>(retained);
  for (const key of Object.keys(patch)) {
    const isDirective = key.startsWith(DELETE_FROM_PRIMITIVE_LIST) || key.startsWith(SET_ELEMENT_ORDER);
    if (patch[key] !== null && !isDirective && !kept.has(key)) throw badRetainKeys();
  }
  for (const key of Object.keys(original)) if (!kept.has(key)) delete original[key];
}

function badRetainKeys(): BadRequest {
  return new BadRequest('invalid patch format of retainKeys');
}

/** `$setElementOrder/list`: merges that list now and puts it into the order asked for. */
function applyElementOrders(original: JsonObject, patch: JsonObject, place: Place): void {
  for (const written of Object.keys(patch)) {
    if (!written.startsWith(SET_ELEMENT_ORDER)) continue;
    const order = patch[written];
    delete patch[written];
    const key = listOf(written, SET_ELEMENT_ORDER);
    if (!Array.isArray(order)) throw badElementOrder();
    const had = original[key];
    const value = patch[key];
    if (had !== undefined && !Array.isArray(had)) throw badElementOrder();
    if (value !== undefined && value !== null && !Array.isArray(value)) throw badElementOrder();
    if (value === null || (had === undefined && value === undefined)) continue;
    const mergeKey = fieldAt(place, key)?.patchMergeKey;
    validateElementOrder(value ?? [], order, mergeKey);
    let merged = had ?? [];
    if (value !== undefined)
      merged =
        had === undefined
          ? (withoutDirectives(value) as unknown[])
          : mergeList([...had], value, place, key, false);
    const [patched, rest] = partition(merged, order, mergeKey);
    original[key] = orderElements(patched, rest, order, had ?? [], mergeKey);
    delete patch[key];
  }
}

function badElementOrder(): BadRequest {
  return new BadRequest('invalid patch format of setElementOrder list');
}

function listOf(written: string, prefix: string): string {
  const slash = written.indexOf('/');
  if (slash >= 0 && written.slice(0, slash) === prefix) return written.slice(slash + 1);
  throw prefix === SET_ELEMENT_ORDER
    ? badElementOrder()
    : new BadRequest('invalid patch format of primitive list');
}

function isListOfMaps(had: unknown[], patch: unknown[]): boolean {
  const all = [...had, ...patch];
  if (all.some(Array.isArray)) throw unprocessable('lists of lists are not supported');
  const maps = all.filter(isObject).length;
  if (maps !== 0 && maps !== all.length)
    throw unprocessable('list element types are not identical: mixed maps and scalars');
  return maps > 0;
}

function fieldAt(place: Place, key: string): FieldInfo | undefined {
  return place !== undefined && 'fields' in place ? place.fields.get(key) : undefined;
}

/** What the members of an object field are described by: its struct; members of a free map have no fields of their own. */
function below(field: FieldInfo | undefined): Place {
  if (field === undefined || field.kind !== 'struct') return undefined;
  return field.collection === undefined ? field.struct : field;
}

/** A value that is new to the object: nulls and directives in it mean nothing and go. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .filter((one) => !isObject(one) || one[DIRECTIVE] === undefined || one[DIRECTIVE] === 'merge')
      .map(withoutDirectives);
  if (!isObject(value)) return value;
  if (value[DIRECTIVE] === 'delete') return {};
  const clean: JsonObject = {};
  for (const key of Object.keys(value)) {
    const isDirective =
      key === DIRECTIVE ||
      key === RETAIN_KEYS ||
      key.startsWith(`${SET_ELEMENT_ORDER}/`) ||
      key.startsWith(`${DELETE_FROM_PRIMITIVE_LIST}/`);
    if (!isDirective && value[key] !== null) setKey(clean, key, withoutDirectives(value[key]));
  }
  return clean;
}
