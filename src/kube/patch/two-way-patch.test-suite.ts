import type { FieldInfo, TypeInfo } from '../schema/fields.ts';
import { equalJson, isObject, type JsonObject } from './json-value.ts';

/** What kubectl's side makes: the strategic merge patch that turns `original` into `modified`. */
export function twoWayPatch(
  type: TypeInfo | undefined,
  original: JsonObject,
  modified: JsonObject,
): JsonObject {
  const patch: JsonObject = {};
  for (const key of Object.keys(original)) if (modified[key] === undefined) patch[key] = null;
  for (const key of Object.keys(modified)) {
    const [before, after] = [original[key], modified[key]];
    if (equalJson(before, after)) continue;
    const field = type?.fields.get(key);
    if (isObject(before) && isObject(after)) patch[key] = mapPatch(field, before, after);
    else if (Array.isArray(before) && Array.isArray(after)) listPatch(patch, key, field, before, after);
    else patch[key] = after;
  }
  return patch;
}

function mapPatch(field: FieldInfo | undefined, before: JsonObject, after: JsonObject): JsonObject {
  if (field?.patchStrategies.includes('replace')) return after;
  const struct = field?.kind === 'struct' && field.collection === undefined ? field.struct : undefined;
  const patch = twoWayPatch(struct, before, after);
  if (field?.patchStrategies.includes('retainKeys')) patch.$retainKeys = Object.keys(after);
  return patch;
}

function listPatch(
  patch: JsonObject,
  key: string,
  field: FieldInfo | undefined,
  before: unknown[],
  after: unknown[],
): void {
  if (!field?.patchStrategies.includes('merge')) {
    patch[key] = after;
    return;
  }
  const mergeKey = field.patchMergeKey;
  if (mergeKey === undefined) {
    const gone = before.filter((one) => !after.includes(one));
    const added = after.filter((one) => !before.includes(one));
    if (gone.length > 0) patch[`$deleteFromPrimitiveList/${key}`] = gone;
    if (added.length > 0) patch[key] = added;
    patch[`$setElementOrder/${key}`] = after;
    return;
  }
  const [had, has] = [before as JsonObject[], after as JsonObject[]];
  const items: JsonObject[] = [];
  for (const item of has) {
    const old = had.find((one) => one[mergeKey] === item[mergeKey]);
    if (old === undefined) items.push(item);
    else if (!equalJson(old, item)) {
      const change = twoWayPatch(field.struct, old, item);
      if (field.patchStrategies.includes('retainKeys')) change.$retainKeys = Object.keys(item);
      items.push({ ...change, [mergeKey]: item[mergeKey] });
    }
  }
  for (const item of had)
    if (!has.some((one) => one[mergeKey] === item[mergeKey]))
      items.push({ $patch: 'delete', [mergeKey]: item[mergeKey] });
  if (items.length > 0) patch[key] = items;
  patch[`$setElementOrder/${key}`] = has.map((item) => ({ [mergeKey]: item[mergeKey] }));
}
