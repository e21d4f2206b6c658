import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, invalidEach, required, tooLong } from './field-errors.ts';
import { configMapKey } from './formats.ts';
import { sortedEntries, validateImmutable } from './object-meta.ts';

/** core.MaxSecretSize, for ConfigMaps too. */
const DATA_LIMIT_BYTES = 1024 * 1024;
const IMMUTABLE = 'field is immutable when `immutable` is set';

export function validateConfigMap(config: corev1.ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of sortedEntries(config.data)) {
    append(errors, invalidEach(`data[${key}]`, key, configMapKey(key)));
    if (config.binaryData?.[key] !== undefined) {
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    size += Buffer.byteLength(value);
  }
  for (const [key, value] of sortedEntries(config.binaryData)) {
    append(errors, invalidEach(`binaryData[${key}]`, key, configMapKey(key)));
    size += Buffer.byteLength(value, 'base64');
  }
  if (size > DATA_LIMIT_BYTES) errors.push(tooLong('', DATA_LIMIT_BYTES));
  return errors;
}

export function validateConfigMapUpdate(config: corev1.ConfigMap, old: corev1.ConfigMap): FieldError[] {
  return [
    ...(old.immutable === true ? validateStillImmutable(config, old, ['data', 'binaryData']) : []),
    ...validateConfigMap(config),
  ];
}

function validateStillImmutable<T extends corev1.ConfigMap | corev1.Secret>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  return [
    ...(object.immutable === true ? [] : [forbidden('immutable', IMMUTABLE)]),
    ...fields
      .filter((field) => !semanticallyEqual(object[field], old[field]))
      .map((field) => forbidden(field, IMMUTABLE)),
  ];
}

export function validateSecret(secret: corev1.Secret): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of sortedEntries(secret.data)) {
    append(errors, invalidEach(`data[${key}]`, key, configMapKey(key)));
    size += Buffer.byteLength(value, 'base64');
  }
  if (size > DATA_LIMIT_BYTES) errors.push(tooLong('data', DATA_LIMIT_BYTES));
  return [...errors, ...validateSecretType(secret)];
}

function validateSecretType(secret: corev1.Secret): FieldError[] {
  switch (secret.type) {
    case 'kubernetes.io/service-account-token': {
      const annotation = 'kubernetes.io/service-account.name';
      return secret.metadata.annotations?.[annotation]
        ? []
        : [required(`metadata.annotations[${annotation}]`)];
    }
    case 'kubernetes.io/dockercfg':
      return validateJsonKey(secret, '.dockercfg');
    case 'kubernetes.io/dockerconfigjson':
      return validateJsonKey(secret, '.dockerconfigjson');
    case 'kubernetes.io/basic-auth':
      return secret.data?.username === undefined && secret.data?.password === undefined
        ? [required('data[username]'), required('data[password]')]
        : [];
    case 'kubernetes.io/ssh-auth':
      return secret.data?.['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return ['tls.crt', 'tls.key']
        .filter((key) => secret.data?.[key] === undefined)
        .map((key) => required(`data[${key}]`));
    default:
      return [];
  }
}

/** What the data is stays out of the error. */
function validateJsonKey(secret: corev1.Secret, key: string): FieldError[] {
  const field = `data[${key}]`;
  const value = secret.data?.[key];
  if (value === undefined) return [required(field)];
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value, 'base64').toString());
  } catch {
    return [invalid(field, '<secret contents redacted>', 'must be well-formed JSON')];
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    ? []
    : [invalid(field, '<secret contents redacted>', 'must be a JSON object')];
}

export function validateSecretUpdate(secret: corev1.Secret, old: corev1.Secret): FieldError[] {
  return [
    ...validateImmutable(secret.type, old.type, 'type'),
    ...(old.immutable === true ? validateStillImmutable(secret, old, ['data']) : []),
    ...validateSecret(secret),
  ];
}
