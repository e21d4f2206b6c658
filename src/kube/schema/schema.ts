import type { GroupVersionKind } from '../object.ts';
import type { Schema } from '../resource.ts';
import { hasType, type TypeInfo, typeInfo } from './fields.ts';

/** API group as in a URL → the short group of the field table. */
const SHORT_GROUPS: Readonly<Record<string, string>> = {
  '': 'core',
  'admission.k8s.io': 'admission',
  'admissionregistration.k8s.io': 'admissionregistration',
  'apidiscovery.k8s.io': 'apidiscovery',
  'apiextensions.k8s.io': 'apiextensions',
  'apiregistration.k8s.io': 'apiregistration',
  'authentication.k8s.io': 'authentication',
  'authorization.k8s.io': 'authorization',
  'certificates.k8s.io': 'certificates',
  'coordination.k8s.io': 'coordination',
  'discovery.k8s.io': 'discovery',
  'events.k8s.io': 'events',
  'flowcontrol.apiserver.k8s.io': 'flowcontrol',
  'meta.k8s.io': 'meta',
  'networking.k8s.io': 'networking',
  'node.k8s.io': 'node',
  'rbac.authorization.k8s.io': 'rbac',
  'resource.k8s.io': 'resource',
  'scheduling.k8s.io': 'scheduling',
  'storage.k8s.io': 'storage',
  'storagemigration.k8s.io': 'storagemigration',
};

/** Kinds that every group version serves though they are defined in meta/v1. */
const META_KINDS = new Set(['DeleteOptions', 'Status', 'WatchEvent', 'PartialObjectMetadata', 'Table']);

/**
 * The key in the field table of a kind: `{group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role'}` →
 * `rbac/v1.Role`. Undefined for a kind the table does not know (a custom resource).
 */
export function schemaRef(gvk: GroupVersionKind): string | undefined {
  const ref = `${SHORT_GROUPS[gvk.group] ?? gvk.group}/${gvk.version}.${gvk.kind}`;
  if (hasType(ref)) return ref;
  return META_KINDS.has(gvk.kind) && hasType(`meta/v1.${gvk.kind}`) ? `meta/v1.${gvk.kind}` : undefined;
}

export function schemaType(schema: Schema): TypeInfo {
  return typeInfo(schema.ref);
}

/** `apps/v1`, or `v1` for core. */
export function groupVersionString(gv: { group: string; version: string }): string {
  return gv.group === '' ? gv.version : `${gv.group}/${gv.version}`;
}

/** The other way round. @throws nothing: what is not `group/version` is a core version. */
export function parseGroupVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}
