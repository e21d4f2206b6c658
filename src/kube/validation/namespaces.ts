import type { FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { invalid } from './field-errors.ts';
import { validateFinalizerName } from './object-meta.ts';

export function validateNamespace({ spec }: corev1.Namespace): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((name) => validateFinalizerName(name, 'spec.finalizers'));
}

/** What PUT `…/finalize` may leave. */
export function validateNamespaceFinalize({ spec }: corev1.Namespace): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((name, index) =>
    validateFinalizerName(name, `spec.finalizers[${index}]`),
  );
}

export function validateNamespaceStatus({ metadata, status }: corev1.Namespace): FieldError[] {
  const phase = status?.phase ?? '';
  const right = metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating';
  if (phase === right) return [];
  const when = right === 'Active' ? 'is empty' : 'is not empty';
  return [invalid('status.Phase', phase, `may only be '${right}' if \`deletionTimestamp\` ${when}`)];
}
