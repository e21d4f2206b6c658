import { isIPv4, isIPv6 } from 'node:net';

/** An IPv4 or IPv6 address as a number. */
export class Address {
  readonly value: bigint;
  readonly bits: 32 | 128;

  constructor(value: bigint, bits: 32 | 128) {
    this.value = value;
    this.bits = bits;
  }

  /** Canonical: RFC 5952. */
  get text(): string {
    if (this.bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (this.value >> shift) & 255n).join('.');
    const groups = Array.from({ length: 8 }, (_, i) =>
      ((this.value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
    );
    const runs = [
      ...groups
        .map((one) => (one === '0' ? 'z' : 'x'))
        .join('')
        .matchAll(/z{2,}/g),
    ];
    const longest = runs.reduce<RegExpMatchArray | undefined>(
      (best, run) => (best === undefined || run[0].length > best[0].length ? run : best),
      undefined,
    );
    if (longest === undefined) return groups.join(':');
    const end = longest.index! + longest[0].length;
    return `${groups.slice(0, longest.index).join(':')}::${groups.slice(end).join(':')}`;
  }

  masked(prefix: number): Address {
    const shift = BigInt(this.bits - prefix);
    return new Address((this.value >> shift) << shift, this.bits);
  }

  /** Whether it lies in a network, `10.0.0.0/8`; false for one of the other family. */
  within(network: string): boolean {
    const { address, prefix } = parseNetwork(network);
    return address.bits === this.bits && this.masked(prefix).value === address.masked(prefix).value;
  }
}

/** @throws Error for what is no address, has a zone, or is an IPv4 address written as IPv6. */
export function parseAddress(text: string): Address {
  if (isIPv4(text))
    return new Address(
      text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n),
      32,
    );
  if (!isIPv6(text) || text.includes('%'))
    throw new Error(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`,
    );
  if (text.includes('.')) throw new Error('IPv4-mapped IPv6 address is not allowed');
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = groups(tail ?? '');
  const all =
    tail === undefined
      ? left
      : [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return new Address(
    all.reduce((sum, part) => sum * 65536n + BigInt(`0x${part}`), 0n),
    128,
  );
}

/** @throws Error */
export function parseNetwork(text: string): { address: Address; prefix: number } {
  const [host = '', bits = '', ...more] = text.split('/');
  const address = parseAddress(host);
  if (more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > address.bits)
    throw new Error(
      `network address parse error during conversion from string: invalid CIDR address: ${text}`,
    );
  return { address, prefix: Number(bits) };
}
