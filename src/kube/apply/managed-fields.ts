import type { KubeObject } from '../object.ts';
import type { metav1 } from '../types/index.generated.ts';
import { equalSets, type FieldSet, isEmptySet, sorted, union } from './field-set.ts';

/** One manager's fields, decoded from an entry of metadata.managedFields. */
export interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string;
  time: string | undefined;
  fields: FieldSet;
}

/** More managers of operation Update than this are merged into `ancient-changes`. */
const MAX_UPDATE_MANAGERS = 10;

/** What is understood of `entries`; undefined when one of them cannot be (all of it is then ignored). */
export function decodeManagers(
  entries: readonly metav1.ManagedFieldsEntry[] | undefined,
): Manager[] | undefined {
  const managers: Manager[] = [];
  for (const entry of entries ?? []) {
    const known = entry.operation === 'Apply' || entry.operation === 'Update';
    if (!known || (entry.fieldsType ?? 'FieldsV1') !== 'FieldsV1') return undefined;
    if (typeof entry.fieldsV1 !== 'object' || entry.fieldsV1 === null) return undefined;
    managers.push({
      manager: entry.manager ?? '',
      operation: entry.operation as Manager['operation'],
      apiVersion: entry.apiVersion ?? '',
      subresource: entry.subresource ?? '',
      time: entry.time,
      fields: entry.fieldsV1 as FieldSet,
    });
  }
  return managers;
}

/** The entries as they are stored: empty ones dropped, sorted by operation, time, manager, version, subresource. */
export function encodeManagers(managers: readonly Manager[]): metav1.ManagedFieldsEntry[] {
  return managers
    .filter((manager) => !isEmptySet(manager.fields))
    .sort(
      (a, b) =>
        compareText(a.operation, b.operation) ||
        compareText(a.time ?? '', b.time ?? '') ||
        compareText(a.manager, b.manager) ||
        compareText(a.apiVersion, b.apiVersion) ||
        compareText(a.subresource, b.subresource),
    )
    .map(encodeManager);
}

function encodeManager(manager: Manager): metav1.ManagedFieldsEntry {
  const entry = {
    manager: manager.manager,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time !== undefined && { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: sorted(manager.fields),
  };
  // Go omits an empty subresource.
  return (
    manager.subresource === '' ? entry : { ...entry, subresource: manager.subresource }
  ) as metav1.ManagedFieldsEntry;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether both speak of the same manager: an applier is the same whatever version it applies. */
export function isSameManager(
  a: Omit<Manager, 'fields' | 'time'>,
  b: Omit<Manager, 'fields' | 'time'>,
): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

export function sameManagers(a: readonly Manager[], b: readonly Manager[]): boolean {
  return (
    a.length === b.length &&
    a.every((one) =>
      b.some(
        (other) =>
          isSameManager(one, other) &&
          one.apiVersion === other.apiVersion &&
          equalSets(one.fields, other.fields),
      ),
    )
  );
}

/** Merges the oldest updaters of a version once there are more than ten. */
export function capUpdateManagers(managers: readonly Manager[]): Manager[] {
  const updaters = managers.filter((one) => one.operation === 'Update');
  let excess = updaters.length - MAX_UPDATE_MANAGERS;
  if (excess <= 0) return [...managers];
  updaters.sort((a, b) => compareText(a.time ?? '', b.time ?? '') || compareText(a.manager, b.manager));
  const kept = new Set(managers);
  const buckets = new Map<string, Manager>();
  for (const old of updaters) {
    if (excess <= 0) break;
    const first = buckets.get(old.apiVersion);
    kept.delete(old);
    if (first !== undefined) {
      kept.delete(first);
      excess--;
    }
    const bucket: Manager =
      first === undefined
        ? old
        : { ...old, manager: 'ancient-changes', subresource: '', fields: union(first.fields, old.fields) };
    buckets.set(old.apiVersion, bucket);
    kept.add(bucket);
  }
  return [...kept];
}

export function setManagedFields(object: KubeObject, entries: metav1.ManagedFieldsEntry[] | undefined): void {
  if (entries === undefined || entries.length === 0) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries;
}

/** A client asks to forget all field tracking: an empty list, or one empty entry. */
export function isReset(entries: readonly metav1.ManagedFieldsEntry[] | undefined): boolean {
  if (entries === undefined) return false;
  return (
    entries.length === 0 ||
    (entries.length === 1 && Object.values(entries[0]!).every((value) => value === ''))
  );
}

/** metav1.Time: whole seconds in UTC. */
export function timestamp(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}
