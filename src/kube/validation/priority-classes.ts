import type { FieldError } from '../../base/index.ts';
import type { nodev1, schedulingv1 } from '../types/index.generated.ts';
import { duplicate, forbidden, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Label } from './formats.ts';
import { repeatedIndexes } from './item-lists.ts';
import { validateImmutable, validateLabels } from './object-meta.ts';
import { validateResourceQuantity } from './resource-requirements.ts';
import { validateTolerations } from './scheduling.ts';

/** k8s.io/kubernetes/pkg/apis/{scheduling,node}/validation. */

/** Priority classes every cluster has, with their values; a pod of one may not be anybody's. */
const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

const SYSTEM_PREFIX = 'system-';
const HIGHEST_USER_PRIORITY = 1_000_000_000;
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never'];

export function validatePriorityClass(priorityClass: schedulingv1.PriorityClass): FieldError[] {
  const { metadata, value = 0, preemptionPolicy } = priorityClass;
  const errors: FieldError[] = [];
  if (metadata.name?.startsWith(SYSTEM_PREFIX)) {
    const wrong = systemClassError(priorityClass);
    if (wrong !== undefined) {
      const why = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${wrong}`;
      errors.push(forbidden('metadata.name', why));
    }
  } else if (value > HIGHEST_USER_PRIORITY) {
    const why = `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`;
    errors.push(forbidden('value', why));
  }
  if (preemptionPolicy === '') errors.push(required('preemptionPolicy'));
  else if (preemptionPolicy !== undefined && !PREEMPTION_POLICIES.includes(preemptionPolicy)) {
    errors.push(notSupported('preemptionPolicy', preemptionPolicy, PREEMPTION_POLICIES));
  }
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/scheduling.IsKnownSystemPriorityClass. */
function systemClassError(priorityClass: schedulingv1.PriorityClass): string | undefined {
  const { name } = priorityClass.metadata;
  const known = SYSTEM_PRIORITIES[name];
  if (known === undefined) return `${name} is not a known system priority class`;
  if (priorityClass.value !== known) return `value of ${name} PriorityClass must be ${known}`;
  return priorityClass.globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

export function validatePriorityClassUpdate(
  priorityClass: schedulingv1.PriorityClass,
  old: schedulingv1.PriorityClass,
): FieldError[] {
  const moved = (priorityClass.value ?? 0) !== (old.value ?? 0);
  return [
    ...(moved ? [forbidden('value', 'may not be changed in an update.')] : []),
    ...validateImmutable(priorityClass.preemptionPolicy, old.preemptionPolicy, 'preemptionPolicy'),
  ];
}

export function validateRuntimeClass(runtimeClass: nodev1.RuntimeClass): FieldError[] {
  const { handler = '', overhead, scheduling } = runtimeClass;
  const tolerations = scheduling?.tolerations ?? [];
  const repeated = repeatedIndexes(tolerations.map((one) => JSON.stringify(one)));
  return [
    ...invalidEach('handler', handler, dns1123Label(handler)),
    ...Object.entries(overhead?.podFixed ?? {}).flatMap(([name, amount]) =>
      validateResourceQuantity(name, amount, `overhead.podFixed[${name}]`),
    ),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(tolerations, 'scheduling.tolerations'),
    ...tolerations.flatMap((one, index) =>
      repeated.has(index) ? [duplicate(`scheduling.tolerations[${index}]`, one)] : [],
    ),
  ];
}

export function validateRuntimeClassUpdate(
  runtimeClass: nodev1.RuntimeClass,
  old: nodev1.RuntimeClass,
): FieldError[] {
  return validateImmutable(runtimeClass.handler, old.handler, 'handler');
}
