import type { OrreryError } from '../../../base/index.ts';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { forbidden } from '../../errors.ts';

type What = Pick<AdmissionRequest, 'resource' | 'name' | 'object'>;

/** k8s.io/apiserver/pkg/admission NewForbidden. */
export function refused({ resource, name, object }: What, why: string): OrreryError {
  return forbidden(resource, name || (object?.metadata.name ?? ''), why);
}

/** Whether a request is a write of objects of this resource, or of a part of one. */
export function writes(
  { resource, operation, object }: AdmissionRequest,
  wanted: { group: string; resource: string },
): boolean {
  const isWrite = operation === 'CREATE' || operation === 'UPDATE';
  return (
    isWrite && object !== undefined && resource.group === wanted.group && resource.name === wanted.resource
  );
}

/** Several reasons in one sentence; k8s.io/apimachinery/pkg/util/errors Aggregate. */
export function aggregated(reasons: readonly string[]): string {
  return reasons.length === 1 ? reasons[0]! : `[${reasons.join(', ')}]`;
}
