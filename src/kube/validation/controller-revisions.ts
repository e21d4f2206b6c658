import type { FieldError } from '../../base/index.ts';
import type { appsv1 } from '../types/index.generated.ts';
import { required } from './field-errors.ts';
import { validateImmutable, validateNonNegative } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateControllerRevision. */
export function validateControllerRevision(revision: appsv1.ControllerRevision): FieldError[] {
  return [
    ...(revision.data === undefined || revision.data === null ? [required('data', 'data is mandatory')] : []),
    ...validateNonNegative(revision.revision, 'revision'),
  ];
}

export function validateControllerRevisionUpdate(
  revision: appsv1.ControllerRevision,
  old: appsv1.ControllerRevision,
): FieldError[] {
  return [...validateControllerRevision(revision), ...validateImmutable(revision.data, old.data, 'data')];
}
