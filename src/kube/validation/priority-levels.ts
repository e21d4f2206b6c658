import { append, type FieldError } from '../../base/index.ts';
import { mandatoryPriorityLevel } from '../flowcontrol/default-objects.ts';
import type { flowcontrolv1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, notSupported, required } from './field-errors.ts';
import { validateFlowConditions } from './flow-schemas.ts';

/** k8s.io/kubernetes/pkg/apis/flowcontrol/validation: PriorityLevelConfiguration. */

const TYPES = ['Exempt', 'Limited'];
const RESPONSES = ['Queue', 'Reject'];
const MOST_QUEUES = 10_000_000;
/** k8s.io/apiserver/pkg/util/shufflesharding.MaxHashBits. */
const HASH_BITS = 60;

export function validatePriorityLevel(level: flowcontrolv1.PriorityLevelConfiguration): FieldError[] {
  const { metadata, spec, status } = level;
  const { type = '', limited, exempt } = spec ?? {};
  const errors: FieldError[] = [];
  if ((metadata.name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalid('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  if (type === 'Exempt') {
    if (limited !== undefined) {
      errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
    }
    append(errors, validateShares(exempt, 'spec.exempt'));
  } else if (type === 'Limited') {
    if (exempt !== undefined) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
    if (limited === undefined) {
      errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    } else append(errors, validateLimited(limited, 'spec.limited'));
  } else errors.push(notSupported('spec.type', type, TYPES));
  return [
    ...errors,
    ...validateFixedSpec(metadata.name, spec),
    ...validateFlowConditions(status?.conditions),
  ];
}

/** Of `exempt` the shares may be set; `catch-all` is what it is. */
function validateFixedSpec(
  name: string,
  spec: flowcontrolv1.PriorityLevelConfigurationSpec | undefined,
): FieldError[] {
  const fixed = mandatoryPriorityLevel(name)?.spec;
  if (fixed === undefined) return [];
  if (name === 'exempt') {
    if (semanticallyEqual({ ...spec, exempt: undefined }, { ...fixed, exempt: undefined })) return [];
    const why = `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`;
    return [invalid('spec', spec, why)];
  }
  if (semanticallyEqual(spec, fixed)) return [];
  return [invalid('spec', spec, `spec of '${name}' must equal the fixed value`)];
}

type Shares = Pick<
  flowcontrolv1.ExemptPriorityLevelConfiguration,
  'nominalConcurrencyShares' | 'lendablePercent'
>;

function validateShares(shares: Shares | undefined, field: string): FieldError[] {
  const { nominalConcurrencyShares: nominal = 0, lendablePercent: lendable = 0 } = shares ?? {};
  const errors: FieldError[] = [];
  if (nominal < 0) {
    errors.push(invalid(`${field}.nominalConcurrencyShares`, nominal, 'must be a non-negative integer'));
  }
  if (lendable < 0 || lendable > 100) {
    errors.push(invalid(`${field}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive'));
  }
  return errors;
}

function validateLimited(
  limited: flowcontrolv1.LimitedPriorityLevelConfiguration,
  field: string,
): FieldError[] {
  const borrowing = limited.borrowingLimitPercent ?? 0;
  const errors = validateShares(limited, field);
  if (borrowing < 0) {
    const why = 'if specified, must be a non-negative integer';
    errors.push(invalid(`${field}.borrowingLimitPercent`, borrowing, why));
  }
  const { type = '', queuing } = limited.limitResponse ?? {};
  const at = `${field}.limitResponse`;
  if (!RESPONSES.includes(type)) errors.push(notSupported(`${at}.type`, type, RESPONSES));
  else if (type === 'Reject' && queuing !== undefined) {
    const why = 'must be nil if limited.limitResponse.type is not Limited';
    errors.push(forbidden(`${at}.queuing`, why));
  } else if (type === 'Queue' && queuing === undefined) {
    const why = 'must not be empty if limited.limitResponse.type is Limited';
    errors.push(required(`${at}.queuing`, why));
  } else if (queuing !== undefined) append(errors, validateQueuing(queuing, `${at}.queuing`));
  return errors;
}

function validateQueuing(queuing: flowcontrolv1.QueuingConfiguration, field: string): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0) {
    errors.push(invalid(`${field}.queueLengthLimit`, queueLengthLimit, 'must be positive'));
  }
  if (queues <= 0) errors.push(invalid(`${field}.queues`, queues, 'must be positive'));
  else if (queues > MOST_QUEUES) {
    errors.push(invalid(`${field}.queues`, queues, `must not be greater than ${MOST_QUEUES}`));
  }
  const why = handSizeError(queues, handSize);
  return why === undefined ? errors : [...errors, invalid(`${field}.handSize`, handSize, why)];
}

function handSizeError(queues: number, handSize: number): string | undefined {
  if (handSize <= 0) return 'must be positive';
  if (handSize > queues) return `should not be greater than queues (${queues})`;
  // The number of hands that can be dealt, as bits.
  let bits = 0;
  for (let taken = 0; taken < handSize && bits <= HASH_BITS; taken++) bits += Math.log2(queues - taken);
  if (Math.ceil(bits) <= HASH_BITS) return undefined;
  return `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HASH_BITS}`;
}
