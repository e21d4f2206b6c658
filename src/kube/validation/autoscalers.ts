import { append, type FieldError } from '../../base/index.ts';
import type { autoscalingv2 } from '../types/index.generated.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Label } from './formats.ts';
import { validateNonNegative } from './object-meta.ts';
import { quantityOr, validateContainerResourceName } from './resource-requirements.ts';

const MOST_PERIOD_SECONDS = 1800;
const MOST_STABILIZATION_SECONDS = 3600;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

type Autoscaler = autoscalingv2.HorizontalPodAutoscaler;
type Target = autoscalingv2.MetricTarget;

/** k8s.io/kubernetes/pkg/apis/autoscaling/validation.ValidateHorizontalPodAutoscaler. */
export function validateAutoscaler({ spec }: Autoscaler, leastReplicas = 1): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics, behavior } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < leastReplicas) {
    const why = `must be greater than or equal to ${leastReplicas}`;
    errors.push(invalid('spec.minReplicas', minReplicas, why));
  }
  if ((maxReplicas ?? 0) < 1) {
    errors.push(invalid('spec.maxReplicas', maxReplicas ?? 0, 'must be greater than 0'));
  }
  if (minReplicas !== undefined && (maxReplicas ?? 0) < minReplicas) {
    const why = 'must be greater than or equal to `minReplicas`';
    errors.push(invalid('spec.maxReplicas', maxReplicas ?? 0, why));
  }
  append(
    errors,
    validateReference(scaleTargetRef, 'spec.scaleTargetRef'),
    (metrics ?? []).flatMap((metric, index) => validateMetric(metric, `spec.metrics[${index}]`)),
  );
  if (minReplicas === 0 && !(metrics ?? []).some(({ type }) => type === 'Object' || type === 'External')) {
    const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.push(forbidden('spec.metrics', why));
  }
  return [
    ...errors,
    ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

/** One that has been let down to zero may stay there. */
export function validateAutoscalerUpdate(autoscaler: Autoscaler, old: Autoscaler): FieldError[] {
  return validateAutoscaler(autoscaler, old.spec.minReplicas === 0 ? 0 : 1);
}

export function validateAutoscalerStatus({ status }: Autoscaler): FieldError[] {
  return (['currentReplicas', 'desiredReplicas'] as const).flatMap((name) =>
    validateNonNegative(status?.[name], `status.${name}`),
  );
}

/** A name that may stand in a URL's path (k8s.io/apimachinery/pkg/api/validation/path.IsValidPathSegmentName). */
function pathSegment(value: string, field: string): FieldError[] {
  if (value === '.' || value === '..') return [invalid(field, value, `may not be '${value}'`)];
  return ['/', '%']
    .filter((sign) => value.includes(sign))
    .map((sign) => invalid(field, value, `may not contain '${sign}'`));
}

function validateReference(
  reference: autoscalingv2.CrossVersionObjectReference | undefined,
  field: string,
): FieldError[] {
  return (['kind', 'name'] as const).flatMap((name) => {
    const value = reference?.[name];
    return value ? pathSegment(value, `${field}.${name}`) : [required(`${field}.${name}`)];
  });
}

function validateRules(rules: autoscalingv2.HPAScalingRules | undefined, field: string): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const errors: FieldError[] = [];
  const windowField = `${field}.stabilizationWindowSeconds`;
  if ((window ?? 0) < 0) errors.push(invalid(windowField, window, 'must be greater than or equal to zero'));
  if ((window ?? 0) > MOST_STABILIZATION_SECONDS) {
    errors.push(invalid(windowField, window, `must be less than or equal to ${MOST_STABILIZATION_SECONDS}`));
  }
  if (selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)) {
    errors.push(notSupported(`${field}.selectPolicy`, selectPolicy, SELECT_POLICIES));
  }
  if (policies.length === 0) {
    errors.push(required(`${field}.policies`, 'must specify at least one Policy'));
  }
  if (tolerance !== undefined) {
    const quantity = quantityOr(tolerance, `${field}.tolerance`);
    if (!('value' in quantity)) errors.push(quantity);
    else if (quantity.milliValue() < 0) {
      const why = 'must be greater than or equal to 0';
      errors.push(invalid(`${field}.tolerance`, quantity.toString(), why));
    }
  }
  return [
    ...errors,
    ...policies.flatMap((policy, index) => validatePolicy(policy, `${field}.policies[${index}]`)),
  ];
}

function validatePolicy(policy: autoscalingv2.HPAScalingPolicy, field: string): FieldError[] {
  const { type = '', value = 0, periodSeconds = 0 } = policy;
  const errors: FieldError[] = [];
  if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`${field}.type`, type, POLICY_TYPES));
  if (value <= 0) errors.push(invalid(`${field}.value`, value, 'must be greater than zero'));
  const at = `${field}.periodSeconds`;
  if (periodSeconds <= 0) errors.push(invalid(at, periodSeconds, 'must be greater than zero'));
  if (periodSeconds > MOST_PERIOD_SECONDS) {
    errors.push(invalid(at, periodSeconds, `must be less than or equal to ${MOST_PERIOD_SECONDS}`));
  }
  return errors;
}

type SourceName = 'object' | 'external' | 'pods' | 'resource' | 'containerResource';

const SOURCE_OF_TYPE: Readonly<Record<string, SourceName>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
const METRIC_TYPES = Object.keys(SOURCE_OF_TYPE);
const SOURCES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

function validateMetric(metric: autoscalingv2.MetricSpec, field: string): FieldError[] {
  const { type = '' } = metric;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${field}.type`, 'must specify a metric source type'));
  if (!METRIC_TYPES.includes(type)) errors.push(notSupported(`${field}.type`, type, METRIC_TYPES));
  const present = SOURCES.filter((name) => metric[name] !== undefined);
  const first = present[0];
  if (first !== undefined) append(errors, validateSource(metric, first, `${field}.${first}`));
  const expected = SOURCE_OF_TYPE[type];
  if (expected !== undefined && metric[expected] === undefined) {
    const why = 'must populate information for the given metric source';
    errors.push(required(`${field}.${expected}`, why));
  }
  if (present.length !== 1) {
    for (const name of present) {
      if (name === expected) continue;
      errors.push(forbidden(`${field}.${name}`, 'must populate the given metric source only'));
    }
  }
  return errors;
}

function validateSource(metric: autoscalingv2.MetricSpec, name: SourceName, field: string): FieldError[] {
  switch (name) {
    case 'object':
      return validateObjectSource(metric.object!, field);
    case 'external':
      return validateExternalSource(metric.external!, field);
    case 'pods':
      return validatePodsSource(metric.pods!, field);
    case 'resource':
      return validateResourceSource(metric.resource!, field);
    case 'containerResource': {
      const { name: resource, container } = metric.containerResource!;
      return [
        ...(resource ? validateContainerResourceName(resource, `${field}.name`) : []),
        ...(container
          ? invalidEach(`${field}.container`, container, dns1123Label(container))
          : [required(`${field}.container`, 'must specify a container')]),
        ...validateResourceSource(metric.containerResource!, field),
      ];
    }
  }
}

function validateObjectSource(source: autoscalingv2.ObjectMetricSource, field: string): FieldError[] {
  const errors = [
    ...validateReference(source.describedObject, `${field}.describedObject`),
    ...validateIdentifier(source.metric, `${field}.metric`),
    ...validateTarget(source.target, `${field}.target`),
  ];
  if (source.target?.value === undefined && source.target?.averageValue === undefined) {
    const why = 'must set either a target value or averageValue';
    errors.push(required(`${field}.target.averageValue`, why));
  }
  return errors;
}

function validateExternalSource(source: autoscalingv2.ExternalMetricSource, field: string): FieldError[] {
  const { value, averageValue } = source.target ?? {};
  const errors = [
    ...validateIdentifier(source.metric, `${field}.metric`),
    ...validateTarget(source.target, `${field}.target`),
  ];
  if (value === undefined && averageValue === undefined) {
    const why = 'must set either a target value for metric or a per-pod target';
    errors.push(required(`${field}.target.averageValue`, why));
  }
  if (value !== undefined && averageValue !== undefined) {
    const why = 'may not set both a target value for metric and a per-pod target';
    errors.push(forbidden(`${field}.target.value`, why));
  }
  return errors;
}

function validatePodsSource(source: autoscalingv2.PodsMetricSource, field: string): FieldError[] {
  const errors = [
    ...validateIdentifier(source.metric, `${field}.metric`),
    ...validateTarget(source.target, `${field}.target`),
  ];
  if (source.target?.averageValue === undefined) {
    errors.push(required(`${field}.target.averageValue`, 'must specify a positive target averageValue'));
  }
  return errors;
}

function validateResourceSource(source: autoscalingv2.ResourceMetricSource, field: string): FieldError[] {
  const { averageUtilization, averageValue } = source.target ?? {};
  const errors: FieldError[] = source.name ? [] : [required(`${field}.name`, 'must specify a resource name')];
  append(errors, validateTarget(source.target, `${field}.target`));
  if (averageUtilization === undefined && averageValue === undefined) {
    const why = 'must set either a target raw value or a target utilization';
    errors.push(required(`${field}.target.averageUtilization`, why));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const why = 'may not set both a target raw value and a target utilization';
    errors.push(forbidden(`${field}.target.averageValue`, why));
  }
  return errors;
}

function validateTarget(target: Target | undefined, field: string): FieldError[] {
  const type = target?.type ?? '';
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${field}.type`, 'must specify a metric target type'));
  if (!TARGET_TYPES.includes(type)) {
    errors.push(invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const name of ['value', 'averageValue'] as const) {
    const amount = target?.[name];
    if (amount === undefined) continue;
    const quantity = quantityOr(amount, `${field}.${name}`);
    if (!('value' in quantity)) errors.push(quantity);
    else if (quantity.milliValue() <= 0) {
      errors.push(invalid(`${field}.${name}`, quantity.toString(), 'must be positive'));
    }
  }
  if (target?.averageUtilization !== undefined && target.averageUtilization < 1) {
    const at = `${field}.averageUtilization`;
    errors.push(invalid(at, target.averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

function validateIdentifier(metric: autoscalingv2.MetricIdentifier | undefined, field: string): FieldError[] {
  return metric?.name
    ? pathSegment(metric.name, `${field}.name`)
    : [required(`${field}.name`, 'must specify a metric name')];
}
