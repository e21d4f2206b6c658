import type { FieldError } from '../../base/index.ts';
import type { resourcev1beta2 } from '../types/index.generated.ts';
import { validatePoolName } from './claim-status.ts';
import { validateConditions } from './conditions.ts';
import { validateLabel } from './device-claims.ts';
import { invalidEach, notSupported, required, tooMany } from './field-errors.ts';
import { labelValue } from './formats.ts';
import { validateDriverName } from './names.ts';
import { validateLabelName } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/resource/validation.ValidateDeviceTaintRule. */

type Rule = resourcev1beta2.DeviceTaintRule;

const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];
const MOST_CONDITIONS = 8;

export function validateTaintRule({ spec }: Rule, old?: Rule): FieldError[] {
  const { driver, pool, device } = spec?.deviceSelector ?? {};
  const { key = '', value = '', effect = '' } = spec?.taint ?? {};
  const at = 'spec.deviceSelector';
  const errors = [
    ...(driver === undefined ? [] : validateDriverName(driver, `${at}.driver`)),
    ...(pool === undefined ? [] : validatePoolName(pool, `${at}.pool`)),
    ...(device === undefined ? [] : validateLabel(device, `${at}.device`)),
    ...validateLabelName(key, 'spec.taint.key'),
    ...invalidEach('spec.taint.value', value, labelValue(value)),
  ];
  if (effect === '') errors.push(required('spec.taint.effect'));
  else if (effect !== old?.spec?.taint?.effect && !EFFECTS.includes(effect))
    errors.push(notSupported('spec.taint.effect', effect, EFFECTS));
  return errors;
}

export function validateTaintRuleStatus({ status }: Rule): FieldError[] {
  const { conditions = [] } = status ?? {};
  const errors = validateConditions(conditions, 'status.conditions');
  if (conditions.length > MOST_CONDITIONS)
    errors.push(tooMany('status.conditions', conditions.length, MOST_CONDITIONS));
  return errors;
}
