import { BadRequest, Conflict } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import { cloneJson, equalJson } from '../patch/json-value.ts';
import type { Resource } from '../resource.ts';
import { decodeObject } from '../schema/decode.ts';
import { groupVersionString } from '../schema/schema.ts';
import {
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  pathsOf,
  recursiveDifference,
  union,
} from './field-set.ts';
import { ignoredFields, UNMANAGED_METADATA } from './ignored-fields.ts';
import { allowedByLastApplied, updateLastApplied } from './last-applied.ts';
import {
  capUpdateManagers,
  decodeManagers,
  encodeManagers,
  isSameManager,
  type Manager,
  sameManagers,
  setManagedFields,
  timestamp,
} from './managed-fields.ts';
import { PathElementError, rootShape, type Shape } from './shape.ts';
import { compareObjects, takeOver } from './track-managed-fields.ts';
import {
  type Comparison,
  fieldSetOf,
  merge,
  removeItems,
  storedFieldSetOf,
  withNamedFields,
} from './walk.ts';

export interface ApplyOptions {
  resource: Resource;
  /** What is stored now; undefined when the apply creates the object. */
  live?: KubeObject;
  /** The configuration as sent (YAML or JSON, parsed). */
  applied: unknown;
  fieldManager: string;
  force: boolean;
  subresource?: string;
  now: Date;
}

/** The manager of everything an object had before it was first applied to, when nobody tracked it. */
const BEFORE_FIRST_APPLY = 'before-first-apply';
/** kubectl apply --server-side; may take over what its own client-side apply set. */
const KUBECTL = 'kubectl';

const UNMANAGED: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    ...Object.fromEntries([...UNMANAGED_METADATA].map((name) => [`f:${name}`, {}])),
  },
};

/**
 * Server-side apply: `applied` merged into `live` by the schema, what the manager applied before and no longer
 * does (and nobody else owns) removed, managedFields updated. The result is not yet defaulted or validated.
 * `live` is not changed.
 *
 * @throws Conflict (details.causes of reason FieldManagerConflict) when others own what would change and
 *   `force` is false; BadRequest for a configuration that is malformed.
 */
export function serverSideApply(options: ApplyOptions): KubeObject {
  const { resource, live, fieldManager } = options;
  const subresource = options.subresource ?? '';
  const applied = decodeApplied(resource, options.applied);
  const before = managersBefore(options, subresource);
  const self = {
    manager: fieldManager,
    operation: 'Apply' as const,
    apiVersion: groupVersionString(resource),
    subresource,
  };
  const shape = rootShape(resource.schema);
  const named = namedBy(resource, shape, applied, subresource);
  const own = difference(named, UNMANAGED);
  const last = before.find((one) => isSameManager(one, self));
  const others = before.filter((one) => one !== last);
  const next: Manager = { ...self, time: last?.time, fields: own };
  let object = merge(shape, live, applied) as KubeObject;
  // What it names without owning it, such as its name, keeps the metadata from going with its last label.
  if (last !== undefined) object = prune(shape, object, last.fields, [...others, { ...next, fields: named }]);
  // Compared before zero values go: who applies `false` over another's `true` changes it.
  const comparison = compareObjects(resource, live, object, subresource);
  object = normalise(resource, object);
  if (!options.force) refuseConflicts(options, shape, others, comparison.changed);
  const managers = [...loseTo(others, comparison), next].filter((one) => !isEmptySet(one.fields));
  const same = live !== undefined && isUnchanged(live, object) && sameManagers(before, managers);
  if (!same) next.time = timestamp(options.now);
  setManagedFields(object, encodeManagers(capUpdateManagers(managers)));
  return fieldManager === KUBECTL ? updateLastApplied(object, applied) : object;
}

/** Typed and canonical, zero values kept: an applier owns the `false` it wrote. */
function decodeApplied(resource: Resource, sent: unknown): KubeObject {
  const decoded = decodeObject(resource, cloneJson(sent), 'Warn', undefined, { keepZeroValues: true });
  const { object, warnings } = decoded;
  if (object.metadata.managedFields !== undefined) throw new BadRequest('metadata.managedFields must be nil');
  if (warnings.length > 0) {
    const unknown = warnings.map((one) => `.${/"(.*)"/.exec(one)![1]}: field not declared in schema`);
    throw notTyped(
      resource,
      object,
      unknown.length === 1 ? unknown[0]! : `errors:\n  ${unknown.join('\n  ')}`,
    );
  }
  return object;
}

function managersBefore(options: ApplyOptions, subresource: string): Manager[] {
  const { live, resource } = options;
  if (live === undefined) return [];
  const managers = decodeManagers(live.metadata.managedFields) ?? [];
  if (managers.length > 0) return managers;
  const self = {
    manager: BEFORE_FIRST_APPLY,
    operation: 'Update' as const,
    apiVersion: groupVersionString(resource),
    subresource,
  };
  return takeOver([], self, compareObjects(resource, undefined, live, subresource), timestamp(options.now));
}

function namedBy(resource: Resource, shape: Shape, applied: KubeObject, subresource: string): FieldSet {
  try {
    const set = fieldSetOf(shape, applied);
    const ignored = ignoredFields(resource, subresource);
    return ignored === undefined ? set : recursiveDifference(set, ignored);
  } catch (cause) {
    if (!(cause instanceof PathElementError)) throw cause;
    throw notTyped(resource, applied, cause.message, cause);
  }
}

function notTyped(resource: Resource, applied: KubeObject, why: string, cause?: unknown): BadRequest {
  const { namespace, name } = applied.metadata;
  const who = `${namespace === undefined ? '' : `${namespace}/`}${name ?? ''}`;
  return new BadRequest(
    `failed to create typed patch object (${who}; ${groupVersionString(resource)}, Kind=${resource.kind}): ${why}`,
    { cause },
  );
}

/**
 * Removes what was applied last time and is owned by nobody now: the manager's new set and everybody else's
 * keep what they name.
 */
function prune(shape: Shape, merged: KubeObject, last: FieldSet, managers: readonly Manager[]): KubeObject {
  const named = (set: FieldSet) => withNamedFields(shape, set);
  const lastNamed = named(last);
  const pruned = removeItems(shape, merged, lastNamed) ?? {};
  const mergedSet = named(storedFieldSetOf(shape, merged));
  let kept = named(storedFieldSetOf(shape, pruned));
  for (const one of managers) kept = union(kept, named(one.fields));
  const gone = intersection(difference(mergedSet, kept), lastNamed);
  return removeItems(shape, merged, gone) as KubeObject;
}

/** As the object would be stored: nulls and omitted zero values dropped, canonical quantities. */
function normalise(resource: Resource, object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata ?? {};
  return decodeObject(resource, cloneJson({ ...object, metadata }), 'Ignore').object;
}

function isUnchanged(live: KubeObject, object: KubeObject): boolean {
  const { managedFields: _, ...metadata } = live.metadata;
  return equalJson({ ...live, metadata }, object);
}

function loseTo(managers: readonly Manager[], { changed, removed }: Comparison): Manager[] {
  return managers.map((one) => {
    const fields = difference(difference(one.fields, changed), removed);
    return fields === one.fields ? one : { ...one, fields };
  });
}

function refuseConflicts(
  options: ApplyOptions,
  shape: Shape,
  others: readonly Manager[],
  changed: FieldSet,
): void {
  let disputed = changed;
  if (options.fieldManager === KUBECTL && options.live !== undefined)
    disputed = difference(disputed, allowedByLastApplied(options.resource, shape, options.live));
  const conflicts = others.flatMap((manager) =>
    pathsOf(intersection(manager.fields, disputed)).map((path) => ({ who: printManager(manager), path })),
  );
  if (conflicts.length > 0) throw conflictError(conflicts);
}

function conflictError(conflicts: readonly { who: string; path: string }[]): Conflict {
  const causes = conflicts.map(({ who, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${who}`,
    field: path,
  }));
  if (conflicts.length === 1) {
    const { who, path } = conflicts[0]!;
    return new Conflict(`Apply failed with 1 conflict: conflict with ${who}: ${path}`, {
      details: { causes },
    });
  }
  const lines = [...new Set(conflicts.map(({ who }) => who))]
    .sort()
    .flatMap((who) => [
      `conflicts with ${who}:`,
      ...conflicts.filter((one) => one.who === who).map(({ path }) => `- ${path}`),
    ]);
  return new Conflict(`Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`, {
    details: { causes },
  });
}

function printManager(manager: Manager): string {
  let text = JSON.stringify(manager.manager);
  if (manager.subresource !== '') text += ` with subresource ${JSON.stringify(manager.subresource)}`;
  return manager.operation === 'Update' ? `${text} using ${manager.apiVersion}` : text;
}
