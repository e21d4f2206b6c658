import { append, BadRequest, type FieldError } from '../../base/index.ts';
import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';
import { duplicate, forbidden, invalid, invalidEach, notFound, required } from './field-errors.ts';
import { qualifiedName } from './formats.ts';
import { sortedEntries } from './object-meta.ts';

const STANDARD_RESOURCES = new Set([
  'cpu',
  'memory',
  'storage',
  'ephemeral-storage',
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);
const CONTAINER_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);
/** Counted things: whole numbers only. */
const INTEGER_RESOURCES = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);
const HUGE_PAGES = 'hugepages-';

type ResourceList = Record<string, string | number>;

function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** May be requested without a limit, and below it. */
export function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !name.startsWith(HUGE_PAGES);
}

function isExtendedResource(name: string): boolean {
  return (
    !isNativeResource(name) && !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0
  );
}

export function validateContainerResourceName(name: string, field: string): FieldError[] {
  const format = invalidEach(field, name, qualifiedName(name));
  if (format.length > 0) return format;
  const huge = name.startsWith(HUGE_PAGES);
  if (!name.includes('/')) {
    const errors: FieldError[] = [];
    if (!STANDARD_RESOURCES.has(name) && !huge) {
      errors.push(invalid(field, name, 'must be a standard resource type or fully qualified'));
    }
    if (!CONTAINER_RESOURCES.has(name) && !huge) {
      errors.push(invalid(field, name, 'must be a standard resource for containers'));
    }
    return errors;
  }
  if (!isNativeResource(name) && !isExtendedResource(name)) {
    return [invalid(field, name, "doesn't follow extended resource name standard")];
  }
  return [];
}

/** A quantity is read, not negative, and whole where the resource is counted. */
export function validateResourceQuantity(name: string, text: string | number, field: string): FieldError[] {
  const quantity = quantityOr(text, field);
  if (!('value' in quantity)) return [quantity];
  const errors: FieldError[] = [];
  if (quantity.compare(ZERO) < 0) {
    errors.push(invalid(field, quantity.toString(), 'must be greater than or equal to 0'));
  }
  const counted = INTEGER_RESOURCES.has(name) || isExtendedResource(name);
  if (counted && quantity.milliValue() % 1000 !== 0) {
    errors.push(invalid(field, quantity.toString(), 'must be an integer'));
  }
  return errors;
}

const ZERO = parseQuantity('0');

/** A resource name of any use: qualified, and one of Kubernetes' own when it has no domain (core validateResourceName). */
export function validateResourceName(name: string, field: string): FieldError[] {
  const errors = invalidEach(field, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/')) return errors;
  return STANDARD_RESOURCES.has(name) || isHugePages(name)
    ? []
    : [invalid(field, name, 'must be a standard resource type or fully qualified')];
}

/** `hugepages-2Mi`, `requests.hugepages-2Mi`. */
export function isHugePages(name: string): boolean {
  return name.startsWith(HUGE_PAGES) || name.startsWith(`requests.${HUGE_PAGES}`);
}

/** Reads a quantity; the error as a field error when it cannot be. */
export function quantityOr(text: string | number, field: string): Quantity | FieldError {
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof BadRequest) return invalid(field, text, error.message);
    throw error;
  }
}

function quantityOf(text: string | number | undefined): Quantity | undefined {
  if (text === undefined) return undefined;
  const read = quantityOr(text, '');
  return 'value' in read ? read : undefined;
}

/** A container's, or with `overhead` as limits a pod's, resources (core ValidateResourceRequirements). */
export function validateResourceRequirements(
  requirements: corev1.ResourceRequirements | undefined,
  field: string,
  claimNames: ReadonlySet<string> = new Set(),
): FieldError[] {
  const limits = requirements?.limits ?? {};
  const requests = requirements?.requests ?? {};
  const errors: FieldError[] = [];
  for (const [name, text] of sortedEntries(limits)) {
    append(errors, validateAmount(name, text, `${field}.limits[${name}]`));
  }
  for (const [name, text] of sortedEntries(requests)) {
    append(errors, validateAmount(name, text, `${field}.requests[${name}]`));
    append(errors, validateRequestAgainstLimit(name, text, limits, field));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (
    names.some((name) => name.startsWith(HUGE_PAGES)) &&
    !names.some((n) => n === 'cpu' || n === 'memory')
  ) {
    errors.push(forbidden(field, 'HugePages require cpu or memory'));
  }
  append(errors, validateClaims(requirements?.claims, `${field}.claims`, claimNames));
  return errors;
}

function validateAmount(name: string, text: string | number, field: string): FieldError[] {
  const errors = [
    ...validateContainerResourceName(name, field),
    ...validateResourceQuantity(name, text, field),
  ];
  const quantity = quantityOf(text);
  if (name.startsWith(HUGE_PAGES) && quantity !== undefined) {
    const page = quantityOf(name.slice(HUGE_PAGES.length));
    if (page === undefined || page.value() === 0 || quantity.value() % page.value() !== 0) {
      errors.push(
        invalid(field, quantity.toString(), `${quantity} is not positive integer multiple of ${name}`),
      );
    }
  }
  return errors;
}

function validateRequestAgainstLimit(
  name: string,
  text: string | number,
  limits: ResourceList,
  field: string,
): FieldError[] {
  const request = quantityOf(text);
  const limit = quantityOf(limits[name]);
  if (request === undefined) return [];
  if (limit === undefined) {
    return limits[name] !== undefined || isOvercommitAllowed(name)
      ? []
      : [required(`${field}.limits`, 'Limit must be set for non overcommitable resources')];
  }
  const at = `${field}.requests`;
  if (request.compare(limit) !== 0 && !isOvercommitAllowed(name)) {
    return [invalid(at, request.toString(), `must be equal to ${name} limit of ${limit}`)];
  }
  if (request.compare(limit) > 0) {
    return [invalid(at, request.toString(), `must be less than or equal to ${name} limit of ${limit}`)];
  }
  return [];
}

function validateClaims(
  claims: readonly corev1.ResourceClaim[] | undefined,
  field: string,
  known: ReadonlySet<string>,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { name }] of (claims ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!name) {
      errors.push(required(at));
      continue;
    }
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    if (!known.has(name)) {
      const list = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
      errors.push(notFound(at, name, `must be one of the names in pod.spec.resourceClaims${list}`));
    }
  }
  return errors;
}
