import { append, type FieldError } from '../../base/index.ts';
import type { resourcev1 } from '../types/index.generated.ts';
import { invalid, invalidEach, notSupported, required, tooLong } from './field-errors.ts';
import { dns1123Label, dns1123Subdomain } from './formats.ts';
import { addAll, validateItems, validateSet } from './item-lists.ts';
import { cIdentifier, validateDriverName } from './names.ts';
import { validateTolerations } from './scheduling.ts';

/**
 * k8s.io/kubernetes/pkg/apis/resource/validation: what is asked for, of claims, templates and classes.
 * Whether a CEL selector compiles is not checked here.
 */

const MOST_REQUESTS = 32;
const MOST_SUBREQUESTS = 8;
const MOST_SELECTORS = 32;
const MOST_CONSTRAINTS = 32;
export const MOST_CONFIGS = 32;
const MOST_TOLERATIONS = 16;
const EXPRESSION_LIMIT = 10 * 1024;
const PARAMETERS_LIMIT_BYTES = 10 * 1024;
const IDENTIFIER_LIMIT = 32;
const ALLOCATION_MODES = ['All', 'ExactCount'];
const NAME_OF_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

export function validateClaimSpec(
  spec: resourcev1.ResourceClaimSpec | undefined,
  field: string,
): FieldError[] {
  const { requests, constraints, config } = spec?.devices ?? {};
  const names = requestNames(spec);
  const at = `${field}.devices`;
  const byName = { of: ({ name = '' }: { name?: string }) => name, field: 'name' };
  return [
    ...validateSet(requests, MOST_REQUESTS, validateRequest, `${at}.requests`, byName),
    ...validateItems(
      constraints,
      MOST_CONSTRAINTS,
      (one, where) => validateConstraint(one, where, names),
      `${at}.constraints`,
    ),
    ...validateItems(
      config,
      MOST_CONFIGS,
      (one, where) => [
        ...validateRequestNames(one.requests, `${where}.requests`, names),
        ...validateDeviceConfiguration(one, where),
      ],
      `${at}.config`,
    ),
  ];
}

/** `request` and `request/subrequest`. */
export function requestNames(spec: resourcev1.ResourceClaimSpec | undefined): ReadonlySet<string> {
  const requests = spec?.devices?.requests ?? [];
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((one) => `${name}/${one.name}`),
    ]),
  );
}

export function validateRequestNames(
  requests: readonly string[] | undefined,
  field: string,
  names: ReadonlySet<string>,
): FieldError[] {
  return validateSet(
    requests,
    MOST_REQUESTS,
    (name, where) => validateRequestReference(name, where, names),
    field,
    { of: (name) => name },
  );
}

export function validateRequestReference(
  name: string,
  field: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const segments = name.split('/');
  if (segments.length > 2) return [invalid(field, name, NAME_OF_REQUEST)];
  return [
    ...segments.flatMap((segment) => validateLabel(segment, field)),
    ...(names.has(name) ? [] : [invalid(field, name, NAME_OF_REQUEST)]),
  ];
}

/** Names of requests and devices. */
export function validateLabel(name: string, field: string): FieldError[] {
  return name === '' ? [required(field)] : invalidEach(field, name, dns1123Label(name));
}

function validateRequest(request: resourcev1.DeviceRequest, field: string): FieldError[] {
  const { name = '', exactly, firstAvailable = [] } = request;
  const errors = validateLabel(name, `${field}.name`);
  if (exactly === undefined && firstAvailable.length === 0) {
    return [...errors, required(field, 'exactly one of `exactly` or `firstAvailable` is required')];
  }
  if (exactly !== undefined && firstAvailable.length > 0) {
    const why = 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set';
    return [...errors, invalid(field, name, why)];
  }
  if (exactly !== undefined) return [...errors, ...validateExact(exactly, `${field}.exactly`)];
  return [
    ...errors,
    ...validateSet(
      firstAvailable,
      MOST_SUBREQUESTS,
      (one, where) => [...validateLabel(one.name ?? '', `${where}.name`), ...validateExact(one, where)],
      `${field}.firstAvailable`,
      { of: (one) => one.name ?? '', field: 'name' },
    ),
  ];
}

function validateExact(request: resourcev1.ExactDeviceRequest, field: string): FieldError[] {
  const { deviceClassName = '', selectors, allocationMode = '', count = 0, tolerations } = request;
  const errors =
    deviceClassName === ''
      ? [required(`${field}.deviceClassName`)]
      : invalidEach(`${field}.deviceClassName`, deviceClassName, dns1123Subdomain(deviceClassName));
  addAll(errors, validateSelectors(selectors, `${field}.selectors`));
  if (!ALLOCATION_MODES.includes(allocationMode)) {
    errors.push(notSupported(`${field}.allocationMode`, allocationMode, ALLOCATION_MODES));
  } else if (allocationMode === 'All' && count !== 0) {
    const why = "must not be specified when allocationMode is 'All'";
    errors.push(invalid(`${field}.count`, count, why));
  } else if (allocationMode === 'ExactCount' && count <= 0) {
    errors.push(invalid(`${field}.count`, count, 'must be greater than zero'));
  }
  return [
    ...errors,
    ...validateItems(tolerations, MOST_TOLERATIONS, () => [], `${field}.tolerations`),
    ...validateTolerations(tolerations, `${field}.tolerations`),
  ];
}

export function validateSelectors(
  selectors: readonly resourcev1.DeviceSelector[] | undefined,
  field: string,
): FieldError[] {
  return validateItems(
    selectors,
    MOST_SELECTORS,
    ({ cel }, where) => {
      if (cel === undefined) return [required(`${where}.cel`)];
      const at = `${where}.cel.expression`;
      if (!cel.expression) return [required(at)];
      return cel.expression.length > EXPRESSION_LIMIT ? [tooLong(at, EXPRESSION_LIMIT)] : [];
    },
    field,
  );
}

function validateConstraint(
  constraint: resourcev1.DeviceConstraint,
  field: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const errors = validateRequestNames(constraint.requests, `${field}.requests`, names);
  const { matchAttribute, distinctAttribute } = constraint;
  if (matchAttribute === undefined && distinctAttribute === undefined) {
    errors.push(required(`${field}.matchAttribute`));
  }
  for (const name of ['matchAttribute', 'distinctAttribute'] as const) {
    const value = constraint[name];
    if (value !== undefined) append(errors, validateQualifiedName(value, `${field}.${name}`, true));
  }
  return errors;
}

/** `name`, or `domain/name`, which it must be where `needsDomain`. */
export function validateQualifiedName(value: string, field: string, needsDomain = false): FieldError[] {
  if (value === '') return [required(field, 'name required')];
  const [first = '', second, ...more] = value.split('/');
  if (second === undefined) {
    const errors = validateIdentifier(first, field);
    return needsDomain ? [...errors, invalid(field, value, 'must include a domain')] : errors;
  }
  if (more.length > 0) return [invalid(field, value, 'must have at most one slash')];
  return [
    ...(first === '' ? [required(field, 'the domain must not be empty')] : validateDriverName(first, field)),
    ...(second === '' ? [required(field, 'the name must not be empty')] : validateIdentifier(second, field)),
  ];
}

function validateIdentifier(id: string, field: string): FieldError[] {
  return [
    ...(id.length > IDENTIFIER_LIMIT ? [tooLong(field, IDENTIFIER_LIMIT)] : []),
    ...invalidEach(field, id, cIdentifier(id)),
  ];
}

export function validateDeviceConfiguration(
  { opaque }: resourcev1.DeviceConfiguration,
  field: string,
): FieldError[] {
  if (opaque === undefined) return [required(`${field}.opaque`)];
  return [
    ...validateDriverName(opaque.driver ?? '', `${field}.opaque.driver`),
    ...validateParameters(opaque.parameters, `${field}.opaque.parameters`),
  ];
}

/** A JSON object of a driver's own. */
export function validateParameters(parameters: unknown, field: string): FieldError[] {
  if (parameters === undefined || parameters === null) return [required(field)];
  if (JSON.stringify(parameters).length > PARAMETERS_LIMIT_BYTES) {
    return [tooLong(field, PARAMETERS_LIMIT_BYTES)];
  }
  const isObject = typeof parameters === 'object' && !Array.isArray(parameters);
  return isObject ? [] : [invalid(field, '<value omitted>', 'parameters must be a valid JSON object')];
}

export function validateDeviceClass({ spec }: resourcev1.DeviceClass): FieldError[] {
  return [
    ...validateSelectors(spec?.selectors, 'spec.selectors'),
    ...validateItems(spec?.config, MOST_CONFIGS, validateDeviceConfiguration, 'spec.config'),
  ];
}
