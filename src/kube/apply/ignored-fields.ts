import type { Resource } from '../resource.ts';
import type { FieldSet } from './field-set.ts';

/** Never owned by anybody; see managedfields/internal/stripmeta.go. */
export const UNMANAGED_METADATA: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]);

const STATUS: FieldSet = { 'f:status': {} };
const ALL_BUT_STATUS: FieldSet = { 'f:spec': {}, 'f:metadata': { 'f:labels': {} } };

/** What a write through this (sub)resource resets to the live value, so cannot come to own. */
export function ignoredFields(resource: Resource, subresource: string): FieldSet | undefined {
  if (subresource === 'status') return ALL_BUT_STATUS;
  return resource.subresources.some((one) => one.name === 'status') ? STATUS : undefined;
}
