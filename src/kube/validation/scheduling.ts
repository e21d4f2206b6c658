import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Label, labelValue } from './formats.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateNodeSelector, validateNodeSelectorTerm } from './node-selectors.ts';
import { validateLabelName } from './object-meta.ts';
import { validateLabelKeys } from './topology-spread.ts';

const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateTaintEffect(effect: string, field: string): FieldError[] {
  if (effect === '') return [required(field)];
  return TAINT_EFFECTS.includes(effect) ? [] : [notSupported(field, effect, TAINT_EFFECTS)];
}

export function validateTolerations(
  tolerations: readonly corev1.Toleration[] | undefined,
  field: string,
): FieldError[] {
  return (tolerations ?? []).flatMap((toleration, index) =>
    validateToleration(toleration, `${field}[${index}]`),
  );
}

function validateToleration(toleration: corev1.Toleration, field: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const errors = key === '' ? [] : validateLabelName(key, `${field}.key`);
  if (key === '' && operator !== 'Exists') {
    const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalid(`${field}.operator`, operator, why));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalid(`${field}.effect`, effect, why));
  }
  if (operator === '' || operator === 'Equal') {
    const wrong = labelValue(value);
    if (wrong.length > 0) errors.push(invalid(`${field}.operator`, value, wrong.join(';')));
  } else if (operator === 'Exists') {
    const why = "value must be empty when `operator` is 'Exists'";
    if (value !== '') errors.push(invalid(`${field}.operator`, toleration, why));
  } else {
    errors.push(notSupported(`${field}.operator`, operator, ['Equal', 'Exists']));
  }
  if (effect !== '') append(errors, validateTaintEffect(effect, `${field}.effect`));
  return errors;
}

export function validateAffinity(affinity: corev1.Affinity | undefined, field: string): FieldError[] {
  if (affinity === undefined) return [];
  const node = affinity.nodeAffinity;
  const errors: FieldError[] = [];
  if (node?.[REQUIRED] !== undefined) {
    append(errors, validateNodeSelector(node[REQUIRED], `${field}.nodeAffinity.${REQUIRED}`));
  }
  for (const [index, term] of (node?.[PREFERRED] ?? []).entries()) {
    const at = `${field}.nodeAffinity.${PREFERRED}[${index}]`;
    append(errors, validateWeight(term.weight, at));
    append(errors, validateNodeSelectorTerm(term.preference, `${at}.preference`));
  }
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    append(errors, validatePodAffinity(affinity[kind], `${field}.${kind}`));
  }
  return errors;
}

function validateWeight(weight: number | undefined, field: string): FieldError[] {
  const value = weight ?? 0;
  return value >= 1 && value <= 100 ? [] : [invalid(`${field}.weight`, value, 'must be in the range 1-100')];
}

function validatePodAffinity(affinity: corev1.PodAffinity | undefined, field: string): FieldError[] {
  const hard = (affinity?.[REQUIRED] ?? []).flatMap((term, index) =>
    validatePodAffinityTerm(term, `${field}.${REQUIRED}[${index}]`),
  );
  const soft = (affinity?.[PREFERRED] ?? []).flatMap((weighted, index) => {
    const at = `${field}.${PREFERRED}[${index}]`;
    return [
      ...validateWeight(weighted.weight, at),
      ...validatePodAffinityTerm(weighted.podAffinityTerm ?? { topologyKey: '' }, `${at}.podAffinityTerm`),
    ];
  });
  return [...hard, ...soft];
}

function validatePodAffinityTerm(term: corev1.PodAffinityTerm, field: string): FieldError[] {
  const topologyKey = term.topologyKey ?? '';
  return [
    ...validateLabelSelector(term.labelSelector, `${field}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`),
    ...(term.namespaces ?? []).flatMap((name) => invalidEach(`${field}.namespace`, name, dns1123Label(name))),
    ...validateLabelKeys(term.matchLabelKeys, term.labelSelector, `${field}.matchLabelKeys`),
    ...validateLabelKeys(term.mismatchLabelKeys, term.labelSelector, `${field}.mismatchLabelKeys`),
    ...validateBothLists(term, field),
    ...(topologyKey === '' ? [required(`${field}.topologyKey`, 'can not be empty')] : []),
    ...validateLabelName(topologyKey, `${field}.topologyKey`),
  ];
}

function validateBothLists(term: corev1.PodAffinityTerm, field: string): FieldError[] {
  return (term.matchLabelKeys ?? []).flatMap((key, index) =>
    term.mismatchLabelKeys?.includes(key)
      ? [
          invalid(
            `${field}.matchLabelKeys[${index}]`,
            key,
            'exists in both matchLabelKeys and mismatchLabelKeys',
          ),
        ]
      : [],
  );
}
