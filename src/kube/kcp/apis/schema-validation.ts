import { append, type FieldError } from '../../../base/index.ts';
import { approvalOf, isProtectedGroup } from '../../extensions/api-approval.ts';
import {
  validateColumns,
  validateConversion,
  validateDeprecation,
  validateNames,
  validateSubresources,
} from '../../extensions/validate-crd.ts';
import { validateSchema } from '../../extensions/validate-schema.ts';
import { equalJson } from '../../patch/json-value.ts';
import { invalid, notSupported, required } from '../../validation/field-errors.ts';
import { dns1035Label, dns1123Subdomain } from '../../validation/formats.ts';
import type { APIResourceSchema, APIResourceVersion } from '../types/apis-v1alpha1.ts';

/** What stands before `.<resource>.<group>` in a schema's name. */
const PREFIX = '^[a-z]([-a-z0-9]*[a-z0-9])?$';
/** Groups of Kubernetes without a dot. */
const PLAIN_GROUPS = new Set(['apps', 'batch', 'extensions', 'policy', 'autoscaling']);
const APPROVAL = 'api-approved.kubernetes.io';

/**
 * What is wrong with a new APIResourceSchema beyond its own schema.
 * Source: pkg/admission/apiresourceschema/validation.go.
 */
export function validateApiResourceSchema(schema: APIResourceSchema): FieldError[] {
  const { spec, metadata } = schema;
  const errors = [...nameErrors(metadata.name, spec), ...approvalErrors(schema), ...groupErrors(spec.group)];
  const versions = spec.versions ?? [];
  for (const [index, version] of versions.entries())
    append(errors, versionErrors(version, `spec.versions[${index}]`));
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalid('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalid('spec.versions', versions, 'must have exactly one version marked as storage version'),
    );
  if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const)
    if (!spec.names?.[name]) errors.push(required(`spec.names.${name}`));
  return [...errors, ...validateNames(spec.names, 'spec.names'), ...validateConversion(spec)];
}

/** A schema never changes: another version of an API is another schema. */
export function validateApiResourceSchemaUpdate(
  schema: APIResourceSchema,
  old: APIResourceSchema,
): FieldError[] {
  if (equalJson(schema.spec, old.spec)) return validateApiResourceSchema(schema);
  return [...validateApiResourceSchema(schema), invalid('spec', schema.spec, 'is immutable')];
}

function nameErrors(name: string, { names, group }: APIResourceSchema['spec']): FieldError[] {
  // A plural that is missing is told of where it is missing.
  if (!names?.plural) return [];
  const ending = `.${names.plural}.${group || 'core'}`;
  if (!name.endsWith(ending)) return [invalid('metadata.name', name, `must end in ${ending}`)];
  if (new RegExp(PREFIX).test(name.slice(0, -ending.length))) return [];
  return [invalid('metadata.name', name, `must match ${PREFIX} in front of ${ending}`)];
}

function approvalErrors({ spec, metadata }: APIResourceSchema): FieldError[] {
  if (!isProtectedGroup(spec.group ?? '')) return [];
  const { state, message } = approvalOf({ metadata });
  const field = `metadata.annotations[${APPROVAL}]`;
  if (state === 'missing') return [required(field, message)];
  return state === 'invalid' ? [invalid(field, metadata.annotations?.[APPROVAL], message)] : [];
}

function groupErrors(group: string): FieldError[] {
  if (!group) return [];
  if (group === 'core') return [invalid('spec.group', group, 'must be empty string for the core group')];
  const found = dns1123Subdomain(group);
  if (found.length > 0) return [invalid('spec.group', group, found.join(','))];
  if (group.includes('.') || PLAIN_GROUPS.has(group)) return [];
  return [invalid('spec.group', group, 'should be a domain with at least one dot')];
}

function versionErrors(version: APIResourceVersion, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const found = dns1035Label(version.name ?? '');
  if (found.length > 0) errors.push(invalid(`${at}.name`, version.name, found.join(',')));
  append(errors, validateDeprecation(version, `${at}.deprecationWarning`));
  const { schema } = version;
  if (typeof schema !== 'object' || schema === null) errors.push(required(`${at}.schema`));
  else append(errors, validateSchema(schema, `${at}.schema.openAPIV3Schema`));
  append(errors, validateSubresources(version, `${at}.subresources`));
  return [...errors, ...validateColumns(version, `${at}.additionalPrinterColumns`)];
}
