import type { CrdNames } from '../../extensions/types.ts';

/** A group and the names in it that something has taken or wants. */
export interface TakenNames {
  group: string;
  names: CrdNames;
}

/**
 * What of the names that come in is taken already; undefined when nothing is.
 * Source: pkg/reconciler/apis/apibinding/conflict_checker.go namesConflict.
 */
export function namingConflict(existing: TakenNames, incoming: TakenNames): string | undefined {
  if (existing.group !== incoming.group) return undefined;
  const { names } = incoming;
  const resources = new Set(
    [existing.names.plural, existing.names.singular, ...(existing.names.shortNames ?? [])].filter(Boolean),
  );
  const kinds = new Set([existing.names.kind, existing.names.listKind].filter(Boolean));
  if (resources.has(names.plural)) return `spec.names.plural=${names.plural} is forbidden`;
  if (resources.has(names.singular)) return `spec.names.singular=${names.singular} is forbidden`;
  if (names.shortNames?.some((name) => resources.has(name)) === true)
    return `spec.names.shortNames=[${names.shortNames.join(' ')}] is forbidden`;
  if (kinds.has(names.kind)) return `spec.names.kind=${names.kind} is forbidden`;
  if (kinds.has(names.listKind)) return `spec.names.listKind=${names.listKind} is forbidden`;
  return undefined;
}
