import type { FieldError } from '../../base/index.ts';
import { invalid, invalidEach, required, tooLong } from './field-errors.ts';
import { dns1123Subdomain, regexError } from './formats.ts';

/** Names of things beside Kubernetes objects: paths, drivers, webhooks, identifiers. */

const WILDCARD_SUBDOMAIN = '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const C_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';
const DRIVER_NAME_LIMIT = 63;

const WILDCARD_SUBDOMAIN_REGEXP = new RegExp(`^${WILDCARD_SUBDOMAIN}$`);
const HTTP_PATH_REGEXP = new RegExp(`^${HTTP_PATH}$`);
const C_IDENTIFIER_REGEXP = new RegExp(`^${C_IDENTIFIER}$`);

/** What stands between two slashes of a URL; k8s.io/apimachinery/pkg/api/validate/content.IsPathSegmentName. */
export function pathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((one) => value.includes(one)).map((one) => `may not contain '${one}'`);
}

/** `*.example.com`. */
export function wildcardSubdomain(value: string): string[] {
  const errors = Buffer.byteLength(value) > 253 ? ['must be no more than 253 bytes'] : [];
  if (WILDCARD_SUBDOMAIN_REGEXP.test(value)) return errors;
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [...errors, regexError(message, WILDCARD_SUBDOMAIN, '*.example.com')];
}

export function cIdentifier(value: string): string[] {
  if (C_IDENTIFIER_REGEXP.test(value)) return [];
  const message =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  return [regexError(message, C_IDENTIFIER, 'my_name', 'MY_NAME', 'MyName')];
}

/** `acme.io/foo`. */
export function validateDomainPrefixedPath(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)];
  const slash = value.indexOf('/');
  const [host, path] = [value.slice(0, slash), value.slice(slash + 1)];
  if (slash <= 0 || path === '') {
    return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const errors = invalidEach(field, host, dns1123Subdomain(host));
  if (!HTTP_PATH_REGEXP.test(path)) {
    errors.push(invalid(field, path, regexError('Invalid path', HTTP_PATH)));
  }
  return errors;
}

/** A domain of at least three segments: names of webhooks. */
export function validateFullyQualifiedName(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)];
  const wrong = dns1123Subdomain(value);
  if (wrong.length > 0) return [invalid(field, value, wrong.join(','))];
  if (value.split('.').length >= 3) return [];
  return [invalid(field, value, 'should be a domain with at least three segments separated by dots')];
}

/** A CSI or DRA driver. */
export function validateDriverName(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)];
  return [
    ...(value.length > DRIVER_NAME_LIMIT ? [tooLong(field, DRIVER_NAME_LIMIT)] : []),
    ...invalidEach(field, value, dns1123Subdomain(value.toLowerCase())),
  ];
}

/** Required, and a segment of a path. */
export function validatePathSegment(value: string | undefined, field: string): FieldError[] {
  if (!value) return [required(field)];
  return invalidEach(field, value, pathSegmentName(value));
}
