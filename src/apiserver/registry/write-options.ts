import type { FieldError } from '../../base/index.ts';
import type { FieldValidation } from '../../kube/index.ts';
import { objectInvalid } from '../errors.ts';
import type { ApiRequest } from '../http/messages.ts';
import { isTrue } from '../request-info/request-info.ts';

/** metav1.CreateOptions, UpdateOptions and PatchOptions as they stand in a query. */
export interface WriteOptions {
  dryRun: boolean;
  fieldManager: string;
  /** The manager was named, not guessed from the user agent. */
  fieldManagerGiven: boolean;
  fieldValidation: FieldValidation;
  force: boolean | undefined;
}

const FIELD_MANAGER_LIMIT = 128;

/** @throws Invalid on `<kind>.meta.k8s.io` for a value that is not one of the known. */
export function readWriteOptions(
  request: ApiRequest,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
): WriteOptions {
  const query = request.query;
  const errors: FieldError[] = [];
  const dryRun = readDryRun(query?.getAll('dryRun') ?? [], errors);
  const validation = query?.get('fieldValidation') || 'Warn';
  if (!['Strict', 'Warn', 'Ignore'].includes(validation))
    errors.push(notSupported('fieldValidation', validation, ['Ignore', 'Strict', 'Warn']));
  const manager = query?.get('fieldManager') ?? '';
  if (manager.length > FIELD_MANAGER_LIMIT)
    errors.push({
      type: 'FieldValueTooLong',
      field: 'fieldManager',
      message: `Too long: may not be more than ${FIELD_MANAGER_LIMIT} bytes`,
    });
  if (/[\p{Cc}\p{Cn}\p{Co}]/u.test(manager))
    errors.push({
      type: 'FieldValueInvalid',
      field: 'fieldManager',
      message: `Invalid value: ${JSON.stringify(manager)}: should only contain printable characters`,
    });
  if (errors.length > 0) throw objectInvalid({ group: 'meta.k8s.io', kind }, '', errors);
  const force = query?.get('force');
  return {
    dryRun,
    fieldManager: manager || managerFromUserAgent(request.headers?.['user-agent']),
    fieldManagerGiven: manager !== '',
    fieldValidation: validation as FieldValidation,
    force: force === null || force === undefined ? undefined : isTrue(force),
  };
}

export function readDryRun(values: readonly string[], errors: FieldError[]): boolean {
  for (const value of values) {
    if (value !== 'All' && value !== '') errors.push(notSupported('dryRun', value, ['All']));
  }
  return values.includes('All');
}

/** As upstream: the first part of the user agent, `kubectl` of `kubectl/v1.33.0 (linux/amd64)`. */
function managerFromUserAgent(userAgent: string | undefined): string {
  return (userAgent ?? '').split('/')[0]!.slice(0, FIELD_MANAGER_LIMIT) || 'unknown';
}

function notSupported(field: string, value: string, supported: readonly string[]): FieldError {
  const list = supported.map((one) => JSON.stringify(one)).join(', ');
  return {
    type: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`,
  };
}
