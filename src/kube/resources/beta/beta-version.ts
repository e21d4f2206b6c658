import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';

/**
 * A stable resource in a beta version whose fields are the same: the same objects, kept in the stable one. The
 * field table has entries of its own for the version: their protobuf numbers need not agree.
 */
export function betaVersion(stable: Resource, version: string): Resource {
  const { group, name, schema } = stable;
  return {
    ...stable,
    version,
    schema: { ref: schema.ref.replace(/\/[^.]+\./, `/${version}.`) },
    storage: {
      group,
      version: stable.version,
      name,
      toStored: (object) => withVersion(object, group, stable.version),
      fromStored: (object) => withVersion(object, group, version),
    },
  };
}

/** How a version writes what the stored one writes otherwise; `apiVersion` is not its business. */
export interface OlderShape {
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/**
 * A beta version whose fields differ: what is checked, defaulted and shown is the stored shape, so that the rules
 * are said once. Paths of errors are those of the stored shape, as upstream's are.
 */
export function inOlderShape(beta: Resource, shape: OlderShape): Resource {
  const { storage, defaults, columns } = beta;
  const stored = (object: KubeObject) => shape.toStored(object);
  return {
    ...beta,
    storage: {
      ...storage!,
      toStored: (object) => storage!.toStored(stored(object)),
      fromStored: (object) => storage!.fromStored(shape.fromStored(object)),
    },
    defaults: (object) => {
      const inner = structuredClone(stored(object));
      defaults?.(inner);
      Object.assign(object, shape.fromStored(inner));
    },
    validateCreate: (object) => beta.validateCreate?.(stored(object)) ?? [],
    validateUpdate: (object, old) => beta.validateUpdate?.(stored(object), stored(old)) ?? [],
    validateStatusUpdate: (object, old, now) =>
      beta.validateStatusUpdate?.(stored(object), stored(old), now) ?? [],
    ...(columns !== undefined && {
      columns: columns.map((column) => ({
        ...column,
        cell: (object: KubeObject, now: Date) => column.cell(stored(object), now),
      })),
    }),
  };
}

function withVersion(object: KubeObject, group: string, version: string): KubeObject {
  return { ...object, apiVersion: `${group}/${version}` };
}
