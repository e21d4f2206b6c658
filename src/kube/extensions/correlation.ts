import { isJsonObject, type JsonSchemaProps } from './json-schema.ts';

/**
 * Which old item a new item of a list is: only lists of type map tell. Undefined for every item of another list.
 * Source: k8s.io/apiserver/pkg/cel/common CorrelatedObject.
 */
export function correlatedItem(schema: JsonSchemaProps, old: unknown): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map' || keys.length === 0)
    return () => undefined;
  const byKey = new Map<string, unknown>();
  for (const item of old) byKey.set(keyText(keys, item), item);
  return (item) => byKey.get(keyText(keys, item));
}

function keyText(keys: readonly string[], item: unknown): string {
  return JSON.stringify(keys.map((key) => (isJsonObject(item) ? (item[key] ?? null) : null)));
}
