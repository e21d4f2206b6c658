import type { Invalid } from '../../base/index.ts';
import { unprocessable } from './json-patch.ts';
import { isObject, type JsonObject } from './json-value.ts';

/** The list half of strategic merge: finding elements by merge key, and putting merged lists in order. */

export function noMergeKey(item: JsonObject, mergeKey: string): Invalid {
  return unprocessable(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
}

export function withoutKeys(
  list: JsonObject[],
  mergeKey: string,
  values: ReadonlySet<unknown>,
): JsonObject[] {
  return values.size === 0 ? list : list.filter((item) => !values.has(item[mergeKey]));
}

/** The union of two lists of scalars, ordered as orderElements does. */
export function mergeScalars(had: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const merged = [...new Set([...had, ...patch])];
  const [patched, rest] = partition(merged, patch, undefined);
  return orderElements(patched, rest, patch, had, undefined);
}

/** Splits a list into what stands in `by` (compared by merge key), and the rest. */
export function partition(
  list: readonly unknown[],
  by: readonly unknown[],
  mergeKey: string | undefined,
): [unknown[], unknown[]] {
  const inside: unknown[] = [];
  const outside: unknown[] = [];
  const position = positionsIn(by, mergeKey);
  for (const item of list) (position(item) >= 0 ? inside : outside).push(item);
  return [inside, outside];
}

/**
 * The patch's elements in the patch's order, the server's own in the live order, interleaved as the live
 * order says where it knows both.
 */
export function orderElements(
  patched: unknown[],
  serverOnly: unknown[],
  patchOrder: readonly unknown[],
  liveOrder: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const left = sortBy(serverOnly, liveOrder, mergeKey);
  const right = sortBy(patched, patchOrder, mergeKey);
  const position = positionsIn(liveOrder, mergeKey);
  const ordered: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const l = position(left[i]);
    const r = position(right[j]);
    ordered.push(l >= 0 && r >= 0 && l < r ? left[i++] : right[j++]);
  }
  return [...ordered, ...left.slice(i), ...right.slice(j)];
}

/** By the position in `order`; what it does not know keeps its place behind. */
function sortBy(
  list: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const position = positionsIn(order, mergeKey);
  const placed = list.map((item) => ({ item, at: position(item) }));
  placed.sort(
    (a, b) => (a.at < 0 ? Number.MAX_SAFE_INTEGER : a.at) - (b.at < 0 ? Number.MAX_SAFE_INTEGER : b.at),
  );
  return placed.map(({ item }) => item);
}

/**
 * Where an element stands first in a list, or -1: by its merge key, or as it is. The list is read once, however many
 * are asked for.
 */
function positionsIn(list: readonly unknown[], mergeKey: string | undefined): (item: unknown) => number {
  const byItem = new Map<unknown, number>();
  const byKey = new Map<unknown, number>();
  for (const [index, one] of list.entries()) {
    if (!byItem.has(one)) byItem.set(one, index);
    if (mergeKey !== undefined && isObject(one) && !byKey.has(one[mergeKey])) byKey.set(one[mergeKey], index);
  }
  return (item) => {
    if (mergeKey === undefined || !isObject(item)) return byItem.get(item) ?? -1;
    if (item[mergeKey] === undefined) throw noMergeKey(item, mergeKey);
    return byKey.get(item[mergeKey]) ?? -1;
  };
}

/** The patch's elements must stand in the order they name. @throws Invalid */
export function validateElementOrder(
  patch: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string | undefined,
): void {
  if (patch.length === 0 || order.length === 0) return;
  let at = 0;
  for (const item of patch) {
    if (isObject(item) && item.$patch !== undefined) continue;
    const isSame = sameAs(item, mergeKey);
    while (at < order.length && !isSame(order[at])) at++;
    if (at++ === order.length)
      throw unprocessable(
        `The order in patch list:\n${JSON.stringify(patch)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
      );
  }
}

function sameAs(item: unknown, mergeKey: string | undefined): (one: unknown) => boolean {
  if (mergeKey === undefined || !isObject(item)) return (one) => one === item;
  if (item[mergeKey] === undefined) throw noMergeKey(item, mergeKey);
  return (one) => isObject(one) && one[mergeKey] === item[mergeKey];
}
