import { isIPv4, isIPv6 } from 'node:net';
import { append } from '../../base/index.ts';

/**
 * Format checks of k8s.io/apimachinery/pkg/util/validation: each returns what is wrong with a value, one
 * sentence a rule, nothing when it is right. `node:net` is used for its address grammar only.
 */
export type FormatCheck = (value: string) => string[];

const DNS1123_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS1123_SUBDOMAIN = `${DNS1123_LABEL}(\\.${DNS1123_LABEL})*`;
const DNS1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';
const LABEL_KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${LABEL_KEY})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const HEADER_NAME = '[-A-Za-z0-9]+';
const PERCENT = '[0-9]+%';

const DNS1123_LABEL_REGEXP = whole(DNS1123_LABEL);
const DNS1123_SUBDOMAIN_REGEXP = whole(DNS1123_SUBDOMAIN);
const DNS1035_LABEL_REGEXP = whole(DNS1035_LABEL);
const LABEL_KEY_REGEXP = whole(LABEL_KEY);
const LABEL_VALUE_REGEXP = whole(LABEL_VALUE);
const CONFIG_KEY_REGEXP = whole(CONFIG_KEY);
const HEADER_NAME_REGEXP = whole(HEADER_NAME);
const PERCENT_REGEXP = whole(PERCENT);

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}

function byteLength(value: string): number {
  return Buffer.byteLength(value);
}

function atMost(value: string, bytes: number): string[] {
  return byteLength(value) > bytes ? [`must be no more than ${bytes} bytes`] : [];
}

export function regexError(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  const quoted = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${quoted}regex used for validation is '${pattern}')`;
}

/** RFC 1123 label, at most 63 bytes. */
export function dns1123Label(value: string): string[] {
  const errors = atMost(value, 63);
  if (DNS1123_LABEL_REGEXP.test(value)) return errors;
  if (DNS1123_SUBDOMAIN_REGEXP.test(value)) return [...errors, 'must not contain dots'];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...errors, regexError(message, DNS1123_LABEL, 'my-name', '123-abc')];
}

/** RFC 1123 subdomain, at most 253 bytes. */
export function dns1123Subdomain(value: string): string[] {
  const errors = atMost(value, 253);
  if (DNS1123_SUBDOMAIN_REGEXP.test(value)) return errors;
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...errors, regexError(message, DNS1123_SUBDOMAIN, 'example.com')];
}

/** RFC 1035 label, at most 63 bytes. */
export function dns1035Label(value: string): string[] {
  const errors = atMost(value, 63);
  if (DNS1035_LABEL_REGEXP.test(value)) return errors;
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...errors, regexError(message, DNS1035_LABEL, 'my-name', 'abc-123')];
}

const LABEL_KEY_MESSAGE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** `[prefix/]name`: label keys, condition types, resource names. */
export function qualifiedName(value: string): string[] {
  const parts = value.split('/');
  const rule = regexError(LABEL_KEY_MESSAGE, LABEL_KEY, 'MyName', 'my.name', '123-abc');
  if (parts.length > 2) {
    return [
      `a valid label key ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    if (parts[0] === '') errors.push('prefix part must be non-empty');
    else
      append(
        errors,
        dns1123Subdomain(parts[0]!).map((message) => `prefix part ${message}`),
      );
  }
  if (name === '') errors.push('name part must be non-empty');
  append(
    errors,
    atMost(name, 63).map((message) => `name part ${message}`),
  );
  if (!LABEL_KEY_REGEXP.test(name)) errors.push(`name part ${rule}`);
  return errors;
}

export function labelValue(value: string): string[] {
  const errors = atMost(value, 63);
  if (LABEL_VALUE_REGEXP.test(value)) return errors;
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...errors, regexError(message, LABEL_VALUE, 'MyValue', 'my_value', '12345')];
}

/** A key of a ConfigMap's or Secret's data, which is also a file name. */
export function configMapKey(value: string): string[] {
  const errors = atMost(value, 253);
  if (!CONFIG_KEY_REGEXP.test(value)) {
    const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    errors.push(regexError(message, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  }
  return [...errors, ...noStepsUp(value)];
}

function noStepsUp(value: string): string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Printable ASCII but `=` (the relaxed rule, on by default since Kubernetes 1.32). */
export function envVarName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function httpHeaderName(value: string): string[] {
  if (HEADER_NAME_REGEXP.test(value)) return [];
  const message = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return [regexError(message, HEADER_NAME, 'X-Header-Name')];
}

/** IANA_SVC_NAME. */
export function portName(value: string): string[] {
  const errors = atMost(value, 15);
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export function inRange(value: number, lowest: number, highest: number): string[] {
  return value >= lowest && value <= highest ? [] : [`must be between ${lowest} and ${highest}, inclusive`];
}

export function portNumber(value: number): string[] {
  return inRange(value, 1, 65535);
}

/** A user or group id. */
export function unixId(value: number): string[] {
  return inRange(value, 0, 4294967295);
}

export function percent(value: string): string[] {
  if (PERCENT_REGEXP.test(value)) return [];
  const message = "a valid percent string must be a numeric string followed by an ending '%'";
  return [regexError(message, PERCENT, '1%', '93%')];
}

export function ipAddress(value: string): string[] {
  return isIPv4(value) || isIPv6(value)
    ? []
    : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
}

export function ipFamilyOf(value: string): 'IPv4' | 'IPv6' | undefined {
  if (isIPv4(value)) return 'IPv4';
  return isIPv6(value) ? 'IPv6' : undefined;
}

export function cidr(value: string): string[] {
  const [address = '', bits = '', ...rest] = value.split('/');
  const family = ipFamilyOf(address);
  const highest = family === 'IPv4' ? 32 : 128;
  const fine =
    family !== undefined && rest.length === 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= highest;
  return fine ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
}
