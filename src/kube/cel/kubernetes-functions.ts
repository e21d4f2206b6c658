import { isIPv4, isIPv6 } from 'node:net';
import { messageOf } from '../../base/index.ts';
import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import {
  configMapKey,
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  qualifiedName,
} from '../validation/formats.ts';
import { CelFailure, CelOpaque, CelOptional, type CelValue, library } from './cel-value.ts';
import { define } from './functions.ts';
import { type Address, parseAddress, parseNetwork } from './ip-address.ts';

/** Kubernetes' own CEL libraries: quantity, ip, cidr, url, format, semver. Source: k8s.io/apiserver/pkg/cel/library. */
class CelQuantity extends CelOpaque {
  readonly kind = 'quantity';
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelQuantity && this.quantity.compare(other.quantity) === 0;
  }
  call(name: string, args: readonly CelValue[]): CelValue | undefined {
    const [other] = args;
    const milli = this.quantity.milliValue();
    if (args.length === 0)
      switch (name) {
        case 'sign':
          return BigInt(this.quantity.compare(ZERO));
        case 'isInteger':
          return milli % 1000 === 0;
        case 'asInteger':
          if (milli % 1000 !== 0) throw new CelFailure('cannot convert value to integer');
          return BigInt(milli / 1000);
        case 'asApproximateFloat':
          return milli / 1000;
        default:
          return undefined;
      }
    const right =
      typeof other === 'bigint'
        ? parseQuantity(String(other))
        : other instanceof CelQuantity
          ? other.quantity
          : undefined;
    if (right === undefined || args.length !== 1) return undefined;
    switch (name) {
      case 'add':
        return new CelQuantity(this.quantity.add(right));
      case 'sub':
        return new CelQuantity(this.quantity.sub(right));
      case 'isGreaterThan':
        return this.quantity.compare(right) > 0;
      case 'isLessThan':
        return this.quantity.compare(right) < 0;
      case 'compareTo':
        return BigInt(this.quantity.compare(right));
      default:
        return undefined;
    }
  }
}

const ZERO = parseQuantity('0');

define('quantity', 'string->quantity', ([a]) => new CelQuantity(attempt(() => parseQuantity(a as string))));
define('isQuantity', 'string->bool', ([a]) => succeeds(() => parseQuantity(a as string)));

class CelAddress extends CelOpaque {
  readonly kind = 'ip';
  readonly address: Address;
  constructor(address: Address) {
    super();
    this.address = address;
  }
  override equals(other: CelOpaque): boolean {
    return (
      other instanceof CelAddress &&
      this.address.value === other.address.value &&
      this.address.bits === other.address.bits
    );
  }
  override toString(): string {
    return this.address.text;
  }
  call(name: string, args: readonly CelValue[]): CelValue | undefined {
    if (args.length > 0) return undefined;
    const { address } = this;
    switch (name) {
      case 'family':
        return address.bits === 32 ? 4n : 6n;
      case 'isUnspecified':
        return address.value === 0n;
      case 'isLoopback':
        return address.within('127.0.0.0/8') || address.within('::1/128');
      case 'isLinkLocalMulticast':
        return address.within('224.0.0.0/24') || address.within('ff02::/16');
      case 'isLinkLocalUnicast':
        return address.within('169.254.0.0/16') || address.within('fe80::/10');
      case 'isGlobalUnicast':
        return (
          address.value !== 0n &&
          ![
            '127.0.0.0/8',
            '::1/128',
            '224.0.0.0/4',
            'ff00::/8',
            '169.254.0.0/16',
            'fe80::/10',
            '255.255.255.255/32',
          ].some((network) => address.within(network))
        );
      default:
        return undefined;
    }
  }
}

class CelNetwork extends CelOpaque {
  readonly kind = 'cidr';
  readonly address: Address;
  readonly prefix: number;
  constructor(address: Address, prefix: number) {
    super();
    this.address = address;
    this.prefix = prefix;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelNetwork && String(other) === String(this);
  }
  override toString(): string {
    return `${this.address.text}/${this.prefix}`;
  }
  call(name: string, [other]: readonly CelValue[]): CelValue | undefined {
    switch (name) {
      case 'ip':
        return new CelAddress(this.address);
      case 'prefixLength':
        return BigInt(this.prefix);
      case 'masked':
        return new CelNetwork(this.address.masked(this.prefix), this.prefix);
      case 'containsIP': {
        const address =
          typeof other === 'string' ? attempt(() => parseAddress(other)) : (other as CelAddress).address;
        return address.within(String(this));
      }
      case 'containsCIDR': {
        const network = typeof other === 'string' ? networkOf(other) : (other as CelNetwork);
        return network.prefix >= this.prefix && network.address.within(String(this));
      }
      default:
        return undefined;
    }
  }
}

function networkOf(text: string): CelNetwork {
  const { address, prefix } = attempt(() => parseNetwork(text));
  return new CelNetwork(address, prefix);
}

define('ip', 'string->ip', ([a]) => new CelAddress(attempt(() => parseAddress(a as string))));
define('isIP', 'string->bool;string,int->bool', ([a, family]) =>
  family === undefined
    ? isIPv4(a as string) || isIPv6(a as string)
    : family === 4n
      ? isIPv4(a as string)
      : isIPv6(a as string),
);
define('ip.isCanonical', 'string->bool', ([a]) => attempt(() => parseAddress(a as string)).text === a);
define('cidr', 'string->cidr', ([a]) => networkOf(a as string));
define('isCIDR', 'string->bool', ([a]) => succeeds(() => parseNetwork(a as string)));
for (const kind of ['ip', 'cidr']) define('string', `${kind}->string`, ([a]) => String(a));

class CelUrl extends CelOpaque {
  readonly kind = 'url';
  readonly url: URL;
  constructor(url: URL) {
    super();
    this.url = url;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelUrl && other.url.href === this.url.href;
  }
  call(name: string, args: readonly CelValue[]): CelValue | undefined {
    if (args.length > 0) return undefined;
    const { url } = this;
    const isPath = url.host === 'orrery.invalid';
    switch (name) {
      case 'getScheme':
        return isPath ? '' : url.protocol.slice(0, -1);
      case 'getHost':
        return isPath ? '' : url.host;
      case 'getHostname':
        return isPath ? '' : url.hostname.replace(/^\[|\]$/g, '');
      case 'getPort':
        return url.port;
      case 'getEscapedPath':
        return url.pathname;
      case 'getQuery':
        return new Map(
          [...new Set(url.searchParams.keys())].map((key) => [key, url.searchParams.getAll(key)]),
        );
      default:
        return undefined;
    }
  }
}

function urlOf(text: string): CelUrl {
  if (text.startsWith('/') && URL.canParse(text, 'http://orrery.invalid'))
    return new CelUrl(new URL(text, 'http://orrery.invalid'));
  if (!URL.canParse(text))
    throw new CelFailure(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    );
  return new CelUrl(new URL(text));
}
define('url', 'string->url', ([a]) => urlOf(a as string));
define('isURL', 'string->bool', ([a]) => succeeds(() => urlOf(a as string)));

const FORMATS: Readonly<Record<string, (text: string) => string[]>> = {
  dns1123Label,
  dns1123Subdomain,
  dns1035Label,
  qualifiedName,
  dns1123LabelPrefix: (text) => dns1123Label(text.replace(/-$/, 'a')),
  dns1123SubdomainPrefix: (text) => dns1123Subdomain(text.replace(/-$/, 'a')),
  dns1035LabelPrefix: (text) => dns1035Label(text.replace(/-$/, 'a')),
  labelValue,
  configMapKey,
  uri: (text) => (succeeds(() => urlOf(text)) ? [] : ['invalid URI']),
  uuid: (text) =>
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text)
      ? []
      : ['does not match the UUID format'],
  byte: (text) => (/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? [] : ['invalid base64']),
  date: (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? [] : ['invalid date']),
  datetime: (text) => (succeeds(() => library('timestamp(a)', text)) ? [] : ['invalid datetime']),
};

class CelFormat extends CelOpaque {
  readonly kind = 'format';
  readonly name: string;
  constructor(name: string) {
    super();
    this.name = name;
  }
  call(name: string, [text]: readonly CelValue[]): CelValue | undefined {
    if (name !== 'validate' || typeof text !== 'string') return undefined;
    const problems = FORMATS[this.name]!(text);
    return new CelOptional(problems.length === 0 ? undefined : problems);
  }
}
for (const name of Object.keys(FORMATS)) define(`format.${name}`, '->format', () => new CelFormat(name));
define(
  'format.named',
  'string->optional',
  ([a]) => new CelOptional(Object.hasOwn(FORMATS, a as string) ? new CelFormat(a as string) : undefined),
);

class CelSemver extends CelOpaque {
  readonly kind = 'semver';
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
  constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
    super();
    this.numbers = numbers;
    this.prerelease = prerelease;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelSemver && compareSemver(this, other) === 0;
  }
  call(name: string, [other]: readonly CelValue[]): CelValue | undefined {
    if (other === undefined) {
      const at = ['major', 'minor', 'patch'].indexOf(name);
      return at < 0 ? undefined : this.numbers[at];
    }
    if (!(other instanceof CelSemver)) return undefined;
    const compared = compareSemver(this, other);
    if (name === 'isGreaterThan') return compared > 0;
    if (name === 'isLessThan') return compared < 0;
    return name === 'compareTo' ? BigInt(compared) : undefined;
  }
}

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

function semverOf(text: string, normalize: boolean): CelSemver {
  let wanted = text;
  if (normalize) {
    const [core = '', ...rest] = text.replace(/^v/, '').split(/(?=[-+])/);
    const parts = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
    while (parts.length < 3) parts.push('0');
    wanted = parts.join('.') + rest.join('');
  }
  const found = SEMVER.exec(wanted);
  if (found === null) throw new CelFailure(`No Major.Minor.Patch elements found in ${JSON.stringify(text)}`);
  return new CelSemver([BigInt(found[1]!), BigInt(found[2]!), BigInt(found[3]!)], found[4]?.split('.') ?? []);
}

function compareSemver(a: CelSemver, b: CelSemver): number {
  for (let i = 0; i < 3; i++)
    if (a.numbers[i] !== b.numbers[i]) return a.numbers[i]! < b.numbers[i]! ? -1 : 1;
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Math.sign(b.prerelease.length - a.prerelease.length);
  for (let i = 0; i < Math.min(a.prerelease.length, b.prerelease.length); i++) {
    const [left, right] = [a.prerelease[i]!, b.prerelease[i]!];
    if (left === right) continue;
    const numeric = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (numeric[0] && numeric[1]) return BigInt(left) < BigInt(right) ? -1 : 1;
    if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return Math.sign(a.prerelease.length - b.prerelease.length);
}
define('semver', 'string->semver;string,bool->semver', ([a, normalize]) =>
  semverOf(a as string, normalize === true),
);
define('isSemver', 'string->bool;string,bool->bool', ([a, normalize]) =>
  succeeds(() => semverOf(a as string, normalize === true)),
);

function attempt<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new CelFailure(messageOf(cause));
  }
}

function succeeds(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

define('jsonpatch.escapeKey', 'string->string', ([key]) =>
  (key as string).replaceAll('~', '~0').replaceAll('/', '~1'),
);
