import type { FieldError } from '../../base/index.ts';
import type { coordinationv1 } from '../types/index.generated.ts';
import { forbidden, invalid, notSupported } from './field-errors.ts';

/** k8s.io/kubernetes/pkg/apis/coordination/validation.ValidateLeaseSpec. */
export function validateLease({ spec }: coordinationv1.Lease): FieldError[] {
  const errors: FieldError[] = [];
  const {
    leaseDurationSeconds: seconds,
    leaseTransitions: transitions,
    strategy,
    preferredHolder,
  } = spec ?? {};
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
  }
  if (transitions !== undefined && transitions < 0) {
    errors.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  }
  if (strategy !== undefined && strategy !== 'OldestEmulationVersion' && !strategy.includes('/')) {
    errors.push(notSupported('spec.strategy', strategy, ['OldestEmulationVersion']));
  }
  if (preferredHolder && !strategy) {
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  }
  return errors;
}
