import { isIP } from 'node:net';
import { BadRequest } from '../../base/index.ts';

/** A range of addresses in CIDR notation (RFC 4632, RFC 4291), as its network address whatever host bits were given. */
export class IpRange {
  readonly family: 4 | 6;
  readonly prefixLength: number;
  readonly #first: bigint;

  private constructor(family: 4 | 6, value: bigint, prefixLength: number) {
    this.family = family;
    this.prefixLength = prefixLength;
    const hostBits = BigInt(bitsOf(family) - prefixLength);
    this.#first = (value >> hostBits) << hostBits;
  }

  /** @throws BadRequest in Go's words. */
  static parse(text: string): IpRange {
    const [address = '', length = '', ...rest] = text.split('/');
    const parsed = parseAddress(address);
    const prefixLength = Number(length);
    if (
      parsed === undefined ||
      rest.length > 0 ||
      !/^\d{1,3}$/.test(length) ||
      prefixLength > bitsOf(parsed.family)
    )
      throw new BadRequest(`invalid CIDR address: ${text}`);
    return new IpRange(parsed.family, parsed.value, prefixLength);
  }

  get size(): bigint {
    return 1n << BigInt(bitsOf(this.family) - this.prefixLength);
  }

  contains(address: string): boolean {
    const parsed = parseAddress(address);
    if (parsed === undefined || parsed.family !== this.family) return false;
    return parsed.value >= this.#first && parsed.value < this.#first + this.size;
  }

  overlaps(other: IpRange): boolean {
    if (other.family !== this.family) return false;
    return this.#first < other.#first + other.size && other.#first < this.#first + this.size;
  }

  /** The address so many behind the first; -1 is the last. */
  at(offset: number | bigint): string {
    const from = BigInt(offset);
    return formatAddress(this.family, this.#first + (from < 0n ? this.size + from : from));
  }

  /** How far an address of the range is behind its first. */
  offsetOf(address: string): bigint {
    return parseAddress(address)!.value - this.#first;
  }

  /** The range of the same length behind this one. */
  next(): IpRange {
    return new IpRange(this.family, this.#first + this.size, this.prefixLength);
  }

  toString(): string {
    return `${this.at(0)}/${this.prefixLength}`;
  }
}

function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

export function parseAddress(text: string): { family: 4 | 6; value: bigint } | undefined {
  const family = isIP(text);
  if (family === 4)
    return { family, value: text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
  if (family !== 6 || text.includes('%')) return undefined;
  return { family, value: BigInt(`0x${expandIpv6(text).join('')}`) };
}

/** The eight groups of four hex digits. */
function expandIpv6(text: string): string[] {
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (half: string) => half.split(':').filter((group) => group !== '');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0'));
}

export function formatAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const digits = value.toString(16).padStart(32, '0');
  return new URL(`http://[${digits.match(/.{4}/g)!.join(':')}]`).hostname.slice(1, -1);
}

/** One spelling for each address: `fd00:0:0::1` is `fd00::1`. undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const parsed = parseAddress(text);
  return parsed === undefined ? undefined : formatAddress(parsed.family, parsed.value);
}
