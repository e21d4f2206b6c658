import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { validateFieldRef, validateResourceFieldRef } from './downward-api.ts';
import { invalid, invalidEach, required } from './field-errors.ts';
import { configMapKey, dns1123Subdomain, envVarName } from './formats.ts';

const ENV_FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export function validateEnv(env: readonly corev1.EnvVar[] | undefined, field: string): FieldError[] {
  return (env ?? []).flatMap((variable, index) => {
    const at = `${field}[${index}]`;
    const name = variable.name
      ? invalidEach(`${at}.name`, variable.name, envVarName(variable.name))
      : [required(`${at}.name`)];
    return [...name, ...validateValueFrom(variable, `${at}.valueFrom`)];
  });
}

function validateValueFrom(variable: corev1.EnvVar, field: string): FieldError[] {
  const source = variable.valueFrom;
  if (source === undefined) return [];
  const errors: FieldError[] = [];
  if (source.fieldRef !== undefined) {
    append(errors, validateFieldRef(source.fieldRef, ENV_FIELD_PATHS, `${field}.fieldRef`));
  }
  if (source.resourceFieldRef !== undefined) {
    append(errors, validateResourceFieldRef(source.resourceFieldRef, `${field}.resourceFieldRef`, false));
  }
  if (source.configMapKeyRef !== undefined) {
    append(errors, validateKeyRef(source.configMapKeyRef, `${field}.configMapKeyRef`));
  }
  if (source.secretKeyRef !== undefined) {
    append(errors, validateKeyRef(source.secretKeyRef, `${field}.secretKeyRef`));
  }
  if (source.fileKeyRef !== undefined) {
    append(errors, validateFileKeyRef(source.fileKeyRef, `${field}.fileKeyRef`));
  }
  const count = Object.values(source).filter((one) => one !== undefined).length;
  if (count === 0) {
    const kinds = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    errors.push(invalid(field, '', `must specify one of: ${kinds}`));
  } else if (variable.value) {
    errors.push(invalid(field, '', 'may not be specified when `value` is not empty'));
  } else if (count > 1) {
    errors.push(invalid(field, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

function validateKeyRef(ref: corev1.ConfigMapKeySelector, field: string): FieldError[] {
  const name = ref.name ?? '';
  return [
    ...invalidEach(`${field}.name`, name, dns1123Subdomain(name)),
    ...(ref.key ? invalidEach(`${field}.key`, ref.key, configMapKey(ref.key)) : [required(`${field}.key`)]),
  ];
}

function validateFileKeyRef(ref: corev1.FileKeySelector, field: string): FieldError[] {
  return (['volumeName', 'path', 'key'] as const)
    .filter((name) => !ref[name])
    .map((name) => required(`${field}.${name}`));
}

export function validateEnvFrom(
  sources: readonly corev1.EnvFromSource[] | undefined,
  field: string,
): FieldError[] {
  return (sources ?? []).flatMap((source, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (source.prefix) append(errors, invalidEach(`${at}.prefix`, source.prefix, envVarName(source.prefix)));
    const kinds = (['configMapRef', 'secretRef'] as const).filter((kind) => source[kind] !== undefined);
    for (const kind of kinds) {
      const name = source[kind]?.name;
      if (!name) errors.push(required(`${at}.${kind}.name`));
      else append(errors, invalidEach(`${at}.${kind}.name`, name, dns1123Subdomain(name)));
    }
    // Upstream names the list here, not the item.
    if (kinds.length === 0) {
      errors.push(invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (kinds.length > 1) {
      errors.push(invalid(field, '', 'may not have more than one field specified at a time'));
    }
    return errors;
  });
}
