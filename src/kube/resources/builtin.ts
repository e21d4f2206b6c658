import type { KubeObject } from '../object.ts';
import type { Resource, Subresource, Verb } from '../resource.ts';

const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

type Needed = Pick<Resource, 'kind' | 'name'>;
type Optional = Partial<Omit<Resource, 'selectableFields'>>;

/** A built-in resource: version v1 of the core group, namespaced, with all verbs, unless it says otherwise. */
export function builtin(description: Needed & Optional & { schema: { ref: string } }): Resource {
  const { kind, name } = description;
  return {
    group: '',
    version: 'v1',
    listKind: `${kind}List`,
    singularName: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: ALL_VERBS,
    subresources: [],
    hasGeneration: false,
    ...description,
    name,
  };
}

export const statusSubresource: Subresource = { name: 'status', verbs: ['get', 'patch', 'update'] };

/** `proxy` of nodes, pods and services. */
export function proxySubresource(kind: string): Subresource {
  const verbs = ['create', 'delete', 'get', 'patch', 'update'];
  return { name: 'proxy', verbs, kind: { group: '', version: 'v1', kind } };
}

export const scaleSubresource: Subresource = {
  name: 'scale',
  verbs: ['get', 'patch', 'update'],
  kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
};

/** Fields for `fieldSelector`, of the resource's own type: they are only ever asked of its objects. */
export function selectable<T extends KubeObject>(
  fields: Record<string, (object: T) => string | undefined>,
): Readonly<Record<string, (object: KubeObject) => string>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, get]) => [name, (object: KubeObject) => get(object as T) ?? '']),
  );
}

/** What an object with a status may not say of itself on create. */
export function dropStatus(status: () => object): (object: KubeObject) => void {
  return (object) => {
    (object as { status?: object }).status = status();
  };
}

/** Status is changed through its subresource only. */
export function keepStatus(object: KubeObject, old: KubeObject): void {
  const target = object as { status?: unknown };
  const { status } = old as { status?: unknown };
  if (status === undefined) delete target.status;
  else target.status = status;
}
