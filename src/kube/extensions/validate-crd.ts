import { append, type FieldError } from '../../base/index.ts';
import { equalJson } from '../patch/json-value.ts';
import { forbidden, invalid, notSupported, required, tooMany } from '../validation/field-errors.ts';
import { dns1035Label, dns1123Subdomain } from '../validation/formats.ts';
import { approvalOf, isProtectedGroup } from './api-approval.ts';
import { compileJsonPath } from './json-path.ts';
import { type JsonSchemaProps, propertyOf } from './json-schema.ts';
import { type CrdNames, type CrdVersion, type CustomResourceDefinition, isConditionTrue } from './types.ts';
import { validateSchema } from './validate-schema.ts';

/**
 * A new CustomResourceDefinition; k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation. Metadata has
 * been checked already.
 */
export function validateCrd(crd: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  if (crd.spec === undefined) return [required('spec')];
  const wanted = `${crd.spec.names?.plural ?? ''}.${crd.spec.group ?? ''}`;
  if (crd.metadata.name !== wanted)
    errors.push(invalid('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  append(errors, approval(crd), validateSpec(crd), validateSchemas(crd));
  return errors;
}

export function validateCrdUpdate(
  crd: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  if (crd.spec === undefined) return [required('spec')];
  const errors = validateSpec(crd);
  if (!equalJson(crd.spec.versions, old.spec.versions)) append(errors, validateSchemas(crd));
  const immutable = (field: string, now: unknown, before: unknown) => {
    if (now !== before) errors.push(invalid(field, now, 'field is immutable'));
  };
  if (isConditionTrue(old, 'Established')) {
    immutable('spec.scope', crd.spec.scope, old.spec.scope);
    immutable('spec.names.kind', crd.spec.names?.kind, old.spec.names.kind);
  }
  immutable('spec.group', crd.spec.group, old.spec.group);
  immutable('spec.names.plural', crd.spec.names?.plural, old.spec.names.plural);
  return [...errors, ...validateStoredVersions(crd)];
}

export function validateCrdStatus(crd: CustomResourceDefinition): FieldError[] {
  return [
    ...validateNames(crd.status?.acceptedNames, 'status.acceptedNames'),
    ...validateStoredVersions(crd),
    ...((crd.status?.storedVersions ?? []).length === 0
      ? [
          invalid(
            'status.storedVersions',
            crd.status?.storedVersions ?? [],
            'must have at least one stored version',
          ),
        ]
      : []),
  ];
}

function validateStoredVersions(crd: CustomResourceDefinition): FieldError[] {
  const names = new Set((crd.spec.versions ?? []).map(({ name }) => name));
  return (crd.status?.storedVersions ?? []).flatMap((version, index) =>
    names.has(version)
      ? []
      : [
          invalid(
            `status.storedVersions[${index}]`,
            version,
            `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`,
          ),
        ],
  );
}

function approval(crd: CustomResourceDefinition): FieldError[] {
  if (!isProtectedGroup(crd.spec.group ?? '')) return [];
  const { state, message } = approvalOf(crd);
  const field = 'metadata.annotations[api-approved.kubernetes.io]';
  const value = crd.metadata.annotations?.['api-approved.kubernetes.io'];
  if (state === 'missing') return [required(field, message)];
  return state === 'invalid' ? [invalid(field, value, message)] : [];
}

function validateSpec({ spec }: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.group) errors.push(required('spec.group'));
  else if (dns1123Subdomain(spec.group).length > 0)
    errors.push(invalid('spec.group', spec.group, dns1123Subdomain(spec.group).join(',')));
  else if (!spec.group.includes('.'))
    errors.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
  if (!spec.scope) errors.push(required('spec.scope'));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  if (spec.preserveUnknownFields === true)
    errors.push(
      invalid(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  const versions = spec.versions ?? [];
  versions.forEach((version, index) => {
    const found = dns1035Label(version.name ?? '');
    if (found.length > 0) errors.push(invalid(`spec.versions[${index}].name`, version.name, found.join(',')));
    append(errors, validateDeprecation(version, `spec.versions[${index}].deprecationWarning`));
  });
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalid('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalid('spec.versions', versions, 'must have exactly one version marked as storage version'),
    );
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const)
    if (!spec.names?.[name]) errors.push(required(`spec.names.${name}`));
  append(errors, validateNames(spec.names, 'spec.names'), validateConversion(spec));
  return errors;
}

export function validateDeprecation(
  { deprecated, deprecationWarning }: Pick<CrdVersion, 'deprecated' | 'deprecationWarning'>,
  field: string,
): FieldError[] {
  if (deprecationWarning === undefined) return [];
  if (deprecated !== true)
    return [invalid(field, deprecationWarning, 'can only be set for deprecated versions')];
  return deprecationWarning === '' ? [invalid(field, deprecationWarning, 'must not be empty')] : [];
}

export function validateNames(names: CrdNames | undefined, path: string): FieldError[] {
  if (names === undefined) return [];
  const errors: FieldError[] = [];
  const label = (field: string, value: string | undefined, mixedCase = false) => {
    if (!value) return;
    const found = dns1035Label(mixedCase ? value.toLowerCase() : value);
    const prefix = mixedCase ? 'may have mixed case, but should otherwise match: ' : '';
    if (found.length > 0) errors.push(invalid(`${path}.${field}`, value, prefix + found.join(',')));
  };
  label('plural', names.plural);
  label('singular', names.singular);
  label('kind', names.kind, true);
  label('listKind', names.listKind, true);
  names.shortNames?.forEach((name, index) => {
    label(`shortNames[${index}]`, name);
  });
  if (names.kind && names.kind === names.listKind)
    errors.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'));
  names.categories?.forEach((name, index) => {
    label(`categories[${index}]`, name);
  });
  return errors;
}

export function validateConversion({
  conversion,
}: Pick<CustomResourceDefinition['spec'], 'conversion'>): FieldError[] {
  if (conversion === undefined) return [];
  const { strategy, webhook } = conversion;
  if (strategy !== 'None' && strategy !== 'Webhook')
    return [
      strategy
        ? notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook'])
        : required('spec.conversion.strategy'),
    ];
  if (strategy === 'None')
    return webhook === undefined
      ? []
      : [
          forbidden(
            'spec.conversion.webhookClientConfig',
            'should not be set when strategy is not set to Webhook',
          ),
        ];
  const errors: FieldError[] = [];
  const config = webhook?.clientConfig;
  const path = 'spec.conversion.webhookClientConfig';
  if (config === undefined) errors.push(required(path, 'required when strategy is set to Webhook'));
  else if ((config.url === undefined) === (config.service === undefined))
    errors.push(
      config.url === undefined
        ? required(path, 'exactly one of url or service is required')
        : invalid(path, config, 'exactly one of url or service is required'),
    );
  else if (config.url !== undefined) append(errors, validateUrl(config.url, `${path}.url`));
  else {
    if (!config.service!.namespace)
      errors.push(required(`${path}.service.namespace`, 'service namespace is required'));
    if (!config.service!.name) errors.push(required(`${path}.service.name`, 'service name is required'));
  }
  const versions = webhook?.conversionReviewVersions ?? [];
  if (versions.length === 0) errors.push(required('spec.conversion.conversionReviewVersions'));
  else if (!versions.some((one) => one === 'v1' || one === 'v1beta1'))
    errors.push(
      invalid(
        'spec.conversion.conversionReviewVersions',
        versions,
        'must include at least one of v1, v1beta1',
      ),
    );
  return errors;
}

function validateUrl(text: string, field: string): FieldError[] {
  const form = '; desired format: https://host[/path]';
  if (!URL.canParse(text)) return [required(field, `url must be a valid URL${form}`)];
  const url = new URL(text);
  const errors: FieldError[] = [];
  if (url.protocol !== 'https:')
    errors.push(invalid(field, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  if (url.host === '') errors.push(invalid(field, text, `host must be specified${form}`));
  if (url.username !== '')
    errors.push(invalid(field, url.username, 'user information is not permitted in the URL'));
  if (url.hash !== '')
    errors.push(invalid(field, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '')
    errors.push(invalid(field, url.search.slice(1), 'query parameters are not permitted in the URL'));
  return errors;
}

/** Upstream speaks of `spec.validation` when all versions have the same, else of each version. */
function validateSchemas({ spec }: CustomResourceDefinition): FieldError[] {
  const versions = spec.versions ?? [];
  const same = <K extends keyof CrdVersion>(name: K) =>
    versions.every((one) => equalJson(one[name], versions[0]?.[name]));
  const errors: FieldError[] = [];
  const [sameSchema, sameSubresources, sameColumns] = [
    same('schema'),
    same('subresources'),
    same('additionalPrinterColumns'),
  ];
  versions.forEach((version, index) => {
    const at = `spec.versions[${index}]`;
    const schema = version.schema?.openAPIV3Schema;
    if (schema === undefined) errors.push(required(`${at}.schema.openAPIV3Schema`, 'schemas are required'));
    else if (!sameSchema || index === 0)
      append(
        errors,
        validateSchema(
          schema,
          sameSchema ? 'spec.validation.openAPIV3Schema' : `${at}.schema.openAPIV3Schema`,
        ),
      );
    if (!sameSubresources || index === 0)
      append(
        errors,
        validateSubresources(version, sameSubresources ? 'spec.subresources' : `${at}.subresources`),
      );
    if (!sameColumns || index === 0)
      append(
        errors,
        validateColumns(
          version,
          sameColumns ? 'spec.additionalPrinterColumns' : `${at}.additionalPrinterColumns`,
        ),
      );
    append(errors, validateSelectableFields(version, schema, `${at}.selectableFields`));
  });
  return errors;
}

export function validateSubresources(
  { subresources }: Pick<CrdVersion, 'subresources'>,
  path: string,
): FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const errors: FieldError[] = [];
  const check = (
    name: 'specReplicasPath' | 'statusReplicasPath' | 'labelSelectorPath',
    roots: readonly string[],
  ) => {
    const value = scale[name];
    const field = `${path}.scale.${name}`;
    if (!value) {
      if (name !== 'labelSelectorPath') errors.push(required(field));
    } else if (compileJsonPath(value) === undefined || /[[\]*]/.test(value))
      errors.push(invalid(field, value, 'should be a simple json path without array notation'));
    else if (!roots.some((root) => value.startsWith(root)))
      errors.push(
        invalid(
          field,
          value,
          `should be a json path under ${roots.map((root) => root.slice(0, -1)).join(' or ')}`,
        ),
      );
  };
  check('specReplicasPath', ['.spec.']);
  check('statusReplicasPath', ['.status.']);
  check('labelSelectorPath', ['.spec.', '.status.']);
  return errors;
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

export function validateColumns(
  { additionalPrinterColumns }: Pick<CrdVersion, 'additionalPrinterColumns'>,
  path: string,
): FieldError[] {
  return (additionalPrinterColumns ?? []).flatMap((column, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (!column.name) errors.push(required(`${at}.name`));
    if (!column.type) errors.push(required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
    else if (!COLUMN_TYPES.includes(column.type))
      errors.push(invalid(`${at}.type`, column.type, `must be one of ${COLUMN_TYPES.join(',')}`));
    if (column.format && !COLUMN_FORMATS.includes(column.format))
      errors.push(invalid(`${at}.format`, column.format, `must be one of ${COLUMN_FORMATS.join(',')}`));
    if (!column.jsonPath) errors.push(required(`${at}.jsonPath`));
    else if (compileJsonPath(column.jsonPath) === undefined)
      errors.push(invalid(`${at}.jsonPath`, column.jsonPath, 'must be a valid json path'));
    return errors;
  });
}

const MOST_SELECTABLE = 8;

function validateSelectableFields(
  { selectableFields }: CrdVersion,
  schema: JsonSchemaProps | undefined,
  path: string,
): FieldError[] {
  const fields = selectableFields ?? [];
  const errors: FieldError[] = [];
  if (fields.length > MOST_SELECTABLE) errors.push(tooMany(path, fields.length, MOST_SELECTABLE));
  const seen = new Set<string>();
  fields.forEach(({ jsonPath }, index) => {
    const field = `${path}[${index}].jsonPath`;
    if (!jsonPath) errors.push(required(field));
    else if (seen.has(jsonPath))
      errors.push({
        ...invalid(field, jsonPath, ''),
        type: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(jsonPath)}`,
      });
    else if (/^\.(metadata|apiVersion|kind)\b/.test(jsonPath))
      errors.push(invalid(field, jsonPath, 'must not point to fields in metadata'));
    else {
      const type = schema === undefined ? undefined : typeAt(schema, jsonPath);
      if (type === undefined || !['boolean', 'integer', 'string'].includes(type))
        errors.push(
          invalid(
            field,
            jsonPath,
            type === undefined
              ? 'is an invalid path: does not refer to a valid field'
              : 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
          ),
        );
    }
    seen.add(jsonPath);
  });
  return errors;
}

function typeAt(schema: JsonSchemaProps, path: string): string | undefined {
  let at: JsonSchemaProps | undefined = schema;
  for (const name of path.split('.').slice(1)) at = at && propertyOf(at, name);
  return at?.type;
}
