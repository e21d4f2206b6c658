import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { groupVersionString, schemaType } from '../schema/schema.ts';
import { difference, type FieldSet, isEmptySet, putNode, recursiveDifference, union } from './field-set.ts';
import { ignoredFields, UNMANAGED_METADATA } from './ignored-fields.ts';
import {
  capUpdateManagers,
  decodeManagers,
  encodeManagers,
  isReset,
  isSameManager,
  type Manager,
  setManagedFields,
  timestamp,
} from './managed-fields.ts';
import { type Shape, shapeOf } from './shape.ts';
import { type Comparison, compareChildren, compareInto, memberShape, whenAbsent } from './walk.ts';

export interface TrackOptions {
  resource: Resource;
  /** What is stored now; undefined on create. */
  old?: KubeObject;
  /** What will be stored, defaulted; gets metadata.managedFields. */
  object: KubeObject;
  manager: string;
  subresource?: string;
  now: Date;
}

/**
 * Field management of create, update and patch (operation Update): what changed is owned by `manager`, what is
 * gone is owned by nobody. An object whose tracking was reset or never begun stays untracked.
 *
 * Costs one comparison of the two objects when nothing that anybody owns has changed.
 */
export function trackManagedFields(options: TrackOptions): void {
  const { resource, old, object } = options;
  const subresource = options.subresource ?? '';
  const sent = object.metadata.managedFields;
  const managers = currentManagers(old, object, subresource !== '');
  if (managers.length === 0 && old !== undefined) {
    setManagedFields(object, undefined);
    return;
  }
  const comparison = compareObjects(resource, old, object, subresource);
  if (isEmptySet(comparison.changed) && isEmptySet(comparison.removed)) {
    const unchanged = sent === undefined || subresource !== '' ? old?.metadata.managedFields : sent;
    setManagedFields(object, unchanged);
    return;
  }
  const self = {
    manager: options.manager,
    operation: 'Update' as const,
    apiVersion: groupVersionString(resource),
    subresource,
  };
  const updated = takeOver(managers, self, comparison, timestamp(options.now));
  setManagedFields(object, encodeManagers(capUpdateManagers(updated)));
}

/** The managers the request speaks of, or the stored ones for a client that knows nothing of managedFields. */
function currentManagers(old: KubeObject | undefined, object: KubeObject, isSubresource: boolean): Manager[] {
  const live = old?.metadata.managedFields;
  const sent = object.metadata.managedFields;
  if (isSubresource) return decodeManagers(live) ?? [];
  if (isReset(sent)) return [];
  const decoded = decodeManagers(sent);
  return decoded !== undefined && decoded.length > 0 ? decoded : (decodeManagers(live) ?? []);
}

/** What differs between two objects, of what can be owned. */
export function compareObjects(
  resource: Resource,
  old: KubeObject | undefined,
  object: KubeObject,
  subresource: string,
): Comparison {
  const into: Comparison = { changed: {}, removed: {} };
  const { custom } = resource.schema;
  const before = (old ?? {}) as unknown as Record<string, unknown>;
  const after = object as unknown as Record<string, unknown>;
  if (custom !== undefined) compareCustom(custom.shape, before, after, into);
  else
    for (const field of schemaType(resource.schema).fields.values()) {
      const { name } = field;
      if (name === 'apiVersion' || name === 'kind' || before[name] === after[name]) continue;
      if (name === 'metadata') compareMetadata(shapeOf(field), before[name], after[name], into);
      else {
        const absent = whenAbsent(field);
        compareInto(shapeOf(field), `f:${name}`, before[name] ?? absent, after[name] ?? absent, into);
      }
    }
  const ignored = ignoredFields(resource, subresource);
  if (ignored === undefined) return into;
  return {
    changed: recursiveDifference(into.changed, ignored),
    removed: recursiveDifference(into.removed, ignored),
  };
}

function compareCustom(
  root: Shape,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  into: Comparison,
): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const shape = memberShape(root, name);
    if (name === 'apiVersion' || name === 'kind' || shape === undefined) continue;
    if (name === 'metadata') compareMetadata(shape, before[name], after[name], into);
    else compareInto(shape, `f:${name}`, before[name], after[name], into);
  }
}

function compareMetadata(
  shape: ReturnType<typeof shapeOf>,
  old: unknown,
  now: unknown,
  into: Comparison,
): void {
  const below: Comparison = { changed: {}, removed: {} };
  compareChildren(shape, managedMetadata(old), managedMetadata(now), below);
  putNode(into.changed, 'f:metadata', false, below.changed);
  putNode(into.removed, 'f:metadata', false, below.removed);
}

function managedMetadata(metadata: unknown): Record<string, unknown> {
  const managed: Record<string, unknown> = {};
  for (const name in metadata as object)
    if (!UNMANAGED_METADATA.has(name)) managed[name] = (metadata as Record<string, unknown>)[name];
  return managed;
}

/** Whoever else owned what changed loses it; what was removed nobody owns. */
export function takeOver(
  managers: readonly Manager[],
  self: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
  { changed, removed }: Comparison,
  time: string,
): Manager[] {
  const lose = (fields: FieldSet) => difference(difference(fields, changed), removed);
  const others: Manager[] = [];
  let own: Manager | undefined;
  for (const one of managers) {
    const fields = lose(one.fields);
    if (isSameManager(one, self)) own = { ...one, fields };
    else others.push(fields === one.fields ? one : { ...one, fields });
  }
  if (!isEmptySet(changed))
    own = { ...self, time, fields: own === undefined ? changed : union(own.fields, changed) };
  return own === undefined ? others : [...others, own];
}
