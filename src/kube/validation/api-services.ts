import { append, type FieldError } from '../../base/index.ts';
import type { apiregistrationv1, storagemigrationv1beta1 } from '../types/index.generated.ts';
import { validateConditions } from './conditions.ts';
import { invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1035Label, dns1123Subdomain, portNumber } from './formats.ts';
import { validateImmutable } from './object-meta.ts';

const STATUSES = ['True', 'False', 'Unknown'];

/** k8s.io/kube-aggregator/pkg/apis/apiregistration/validation. */
export function validateApiService({ metadata, spec }: apiregistrationv1.APIService): FieldError[] {
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
  const errors: FieldError[] = [];
  const name = `${version}.${group}`;
  if (metadata.name !== name) {
    const why = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`;
    errors.push(invalid('metadata.name', metadata.name, why));
  }
  if (group === '' && version !== 'v1') {
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  }
  if (group !== '') append(errors, invalidEach('spec.group', group, dns1123Subdomain(group)));
  append(errors, invalidEach('spec.version', version, dns1035Label(version)));
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000) {
    const why = 'must be positive and less than 20000';
    errors.push(invalid('spec.groupPriorityMinimum', groupPriorityMinimum, why));
  }
  if (versionPriority <= 0 || versionPriority > 1000) {
    const why = 'must be positive and less than 1000';
    errors.push(invalid('spec.versionPriority', versionPriority, why));
  }
  return [...errors, ...validateTarget(spec)];
}

function validateTarget(spec: Partial<apiregistrationv1.APIServiceSpec> | undefined): FieldError[] {
  const { service, caBundle = '', insecureSkipTLSVerify = false } = spec ?? {};
  const skipField = 'spec.insecureSkipTLSVerify';
  const errors: FieldError[] = [];
  if (service === undefined) {
    const size = `${Buffer.from(caBundle, 'base64').length} bytes`;
    if (caBundle !== '') {
      errors.push(invalid('spec.caBundle', size, 'local APIServices may not have a caBundle'));
    }
    if (insecureSkipTLSVerify) {
      errors.push(invalid(skipField, true, 'local APIServices may not have insecureSkipTLSVerify'));
    }
    return errors;
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  const port = service.port ?? 0;
  const wrong = portNumber(port);
  if (wrong.length > 0) {
    errors.push(invalid('spec.service.port', port, `port is not valid: ${wrong.join(', ')}`));
  }
  if (insecureSkipTLSVerify && caBundle !== '') {
    errors.push(invalid(skipField, true, 'may not be true if caBundle is present'));
  }
  return errors;
}

export function validateApiServiceStatus({ status }: apiregistrationv1.APIService): FieldError[] {
  return (status?.conditions ?? []).flatMap((condition, index) =>
    STATUSES.includes(condition.status)
      ? []
      : [notSupported(`status.conditions[${index}].status`, condition.status ?? '', STATUSES)],
  );
}

/** k8s.io/kubernetes/pkg/apis/storagemigration/validation. */
export function validateMigration({ spec }: storagemigrationv1beta1.StorageVersionMigration): FieldError[] {
  const { group = '', resource = '' } = spec?.resource ?? {};
  const at = 'spec.resource.resource';
  return [
    ...(resource === '' ? [required(at)] : invalidEach(at, resource, dns1123Subdomain(resource))),
    ...(group === '' ? [] : invalidEach('spec.resource.group', group, dns1123Subdomain(group))),
  ];
}

export function validateMigrationUpdate(
  migration: storagemigrationv1beta1.StorageVersionMigration,
  old: storagemigrationv1beta1.StorageVersionMigration,
): FieldError[] {
  return [
    ...validateMigration(migration),
    ...validateImmutable(migration.spec?.resource, old.spec?.resource, 'spec.resource'),
  ];
}

export function validateMigrationStatus({
  status,
}: storagemigrationv1beta1.StorageVersionMigration): FieldError[] {
  return validateConditions(status?.conditions, 'status.conditions');
}
