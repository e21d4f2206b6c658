import type { FieldError } from '../../base/index.ts';
import type { corev1, metav1 } from '../types/index.generated.ts';
import { duplicate, forbidden, invalid, notSupported, required } from './field-errors.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateLabelName } from './object-meta.ts';

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];
const NODE_POLICIES = ['Honor', 'Ignore'];

export function validateTopologySpread(
  constraints: readonly corev1.TopologySpreadConstraint[] | undefined,
  field: string,
): FieldError[] {
  const all = constraints ?? [];
  return all.flatMap((constraint, index) => {
    const at = `${field}[${index}]`;
    const repeated = all
      .slice(index + 1)
      .some(
        (o) =>
          o.topologyKey === constraint.topologyKey && o.whenUnsatisfiable === constraint.whenUnsatisfiable,
      );
    const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
    return [
      ...validateConstraint(constraint, at),
      ...(repeated ? [duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair)] : []),
    ];
  });
}

function validateConstraint(constraint: corev1.TopologySpreadConstraint, field: string): FieldError[] {
  const { maxSkew = 0, topologyKey, whenUnsatisfiable = '', minDomains } = constraint;
  const errors: FieldError[] = [];
  if (maxSkew <= 0) errors.push(invalid(`${field}.maxSkew`, maxSkew, 'must be greater than zero'));
  if (!topologyKey) errors.push(required(`${field}.topologyKey`, 'can not be empty'));
  if (!ACTIONS.includes(whenUnsatisfiable)) {
    errors.push(notSupported(`${field}.whenUnsatisfiable`, whenUnsatisfiable, ACTIONS));
  }
  if (minDomains !== undefined) {
    const at = `${field}.minDomains`;
    if (minDomains <= 0) errors.push(invalid(at, minDomains, 'must be greater than zero'));
    if (whenUnsatisfiable !== 'DoNotSchedule') {
      const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(invalid(at, minDomains, why));
    }
  }
  for (const name of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
    const policy = constraint[name];
    if (policy !== undefined && !NODE_POLICIES.includes(policy)) {
      errors.push(notSupported(`${field}.${name}`, policy, NODE_POLICIES));
    }
  }
  return [
    ...errors,
    ...validateMatchLabelKeys(constraint, `${field}.matchLabelKeys`),
    ...validateLabelSelector(constraint.labelSelector, `${field}.labelSelector`),
  ];
}

function validateMatchLabelKeys(constraint: corev1.TopologySpreadConstraint, field: string): FieldError[] {
  const selector = constraint.labelSelector;
  const selected = new Set([
    ...Object.keys(selector?.matchLabels ?? {}),
    ...(selector?.matchExpressions ?? []).map((expression) => expression.key),
  ]);
  const errors = validateLabelKeys(constraint.matchLabelKeys, selector, field);
  for (const [index, key] of (constraint.matchLabelKeys ?? []).entries()) {
    if (selected.has(key)) {
      errors.push(invalid(`${field}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    }
  }
  return errors;
}

/** A list of label keys that refines a selector, and so needs one. */
export function validateLabelKeys(
  keys: readonly string[] | undefined,
  selector: metav1.LabelSelector | undefined,
  field: string,
): FieldError[] {
  if (keys === undefined || keys.length === 0) return [];
  if (selector === undefined) {
    return [forbidden(field, 'must not be specified when labelSelector is not set')];
  }
  return keys.flatMap((key, index) => validateLabelName(key, `${field}[${index}]`));
}
