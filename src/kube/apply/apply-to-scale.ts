import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { groupVersionString } from '../schema/schema.ts';
import type { autoscalingv1 } from '../types/index.generated.ts';
import { scaleOf } from '../workloads/scale.ts';
import { difference, type FieldSet, intersection, isEmptySet, union } from './field-set.ts';
import {
  decodeManagers,
  encodeManagers,
  isSameManager,
  type Manager,
  setManagedFields,
} from './managed-fields.ts';
import { type ApplyOptions, serverSideApply } from './server-side-apply.ts';

const SCALE: Resource = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  listKind: '',
  name: 'scale',
  singularName: 'scale',
  shortNames: [],
  categories: [],
  namespaced: true,
  verbs: [],
  subresources: [],
  schema: { ref: 'autoscaling/v1.Scale' },
  hasGeneration: false,
};

/**
 * Server-side apply of an autoscaling/v1 Scale: the scale as it is to be, and the scaled object's managedFields
 * after it. Of the managers of the scaled object those take part that own its replicas.
 *
 * Source: k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go.
 * @throws what serverSideApply throws, in the words of a Scale.
 */
export function applyToScale(options: ApplyOptions & { live: KubeObject }): {
  scale: autoscalingv1.Scale;
  managedFields: KubeObject['metadata']['managedFields'];
} {
  const { resource, live } = options;
  const path = replicasPath(resource);
  const managers = decodeManagers(live.metadata.managedFields) ?? [];
  const before = scaleOf(resource, live) as KubeObject;
  setManagedFields(before, encodeManagers(toScale(managers, path)));
  const applied = serverSideApply({ ...options, resource: SCALE, live: before, subresource: 'scale' });
  const holder = { metadata: {} } as KubeObject;
  const after = decodeManagers(applied.metadata.managedFields) ?? [];
  setManagedFields(
    holder,
    encodeManagers(toScaled(managers, after, { path, apiVersion: groupVersionString(resource) })),
  );
  return { scale: applied as autoscalingv1.Scale, managedFields: holder.metadata.managedFields };
}

const IN_SCALE = fieldSetAt(['spec', 'replicas']);

function replicasPath(resource: Resource): FieldSet {
  return resource.scale === undefined ? IN_SCALE : fieldSetAt(resource.scale.replicasPath);
}

function fieldSetAt(names: readonly string[]): FieldSet {
  return names.reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), {});
}

function owns(fields: FieldSet, path: FieldSet): boolean {
  return !isEmptySet(intersection(fields, path));
}

function toScale(managers: readonly Manager[], path: FieldSet): Manager[] {
  const apiVersion = groupVersionString(SCALE);
  return managers
    .filter(({ fields }) => owns(fields, path))
    .map((one) => ({ ...one, apiVersion, fields: IN_SCALE }));
}

/** Who no longer owns the replicas of the scale loses those of the object; who came to own them gets them. */
function toScaled(
  managers: readonly Manager[],
  inScale: readonly Manager[],
  { path, apiVersion }: { path: FieldSet; apiVersion: string },
): Manager[] {
  const owners = inScale
    .filter(({ fields }) => owns(fields, IN_SCALE))
    .map((one) => ({ ...one, apiVersion }));
  const kept = managers.map((one): Manager => {
    const owner = owners.find((other) => isSameManager(one, other));
    if (owner === undefined) return { ...one, fields: difference(one.fields, path) };
    return { ...one, time: owner.time, fields: union(one.fields, path) };
  });
  const fresh = owners
    .filter((one) => !managers.some((other) => isSameManager(one, other)))
    .map((one) => ({ ...one, fields: path }));
  return [...kept, ...fresh];
}
