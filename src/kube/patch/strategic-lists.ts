import type { Invalid } from '../../base/index.ts';
import { unprocessable } from './json-patch.ts';
import { isObject, type JsonObject } from './json-value.ts';

/** The list half of strategic merge: finding elements by merge key, and putting merged lists in order. */

export function noMergeKey(item: JsonObject, mergeKey: string): Invalid {
  return unprocessable(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
}

export function indexOfKey(list: readonly JsonObject[], mergeKey: string, value: unknown): number {
  return list.findIndex((item) => item[mergeKey] === value);
}

export function deleteMatching(list: JsonObject[], mergeKey: string, value: unknown): JsonObject[] {
  return list.filter((item) => item[mergeKey] !== value);
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
  for (const item of list) (positionOf(by, item, mergeKey) >= 0 ? inside : outside).push(item);
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
  const ordered: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const l = positionOf(liveOrder, left[i], mergeKey);
    const r = positionOf(liveOrder, right[j], mergeKey);
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
  const placed = list.map((item) => ({ item, at: positionOf(order, item, mergeKey) }));
  placed.sort(
    (a, b) => (a.at < 0 ? Number.MAX_SAFE_INTEGER : a.at) - (b.at < 0 ? Number.MAX_SAFE_INTEGER : b.at),
  );
  return placed.map(({ item }) => item);
}

function positionOf(list: readonly unknown[], item: unknown, mergeKey: string | undefined): number {
  if (mergeKey === undefined || !isObject(item)) return list.indexOf(item);
  if (item[mergeKey] === undefined) throw noMergeKey(item, mergeKey);
  return list.findIndex((one) => isObject(one) && one[mergeKey] === item[mergeKey]);
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
    const found = positionOf(order.slice(at), item, mergeKey);
    if (found < 0)
      throw unprocessable(
        `The order in patch list:\n${JSON.stringify(patch)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
      );
    at += found + 1;
  }
}
