import { randomInt } from 'node:crypto';
import { BadRequest } from '../../base/index.ts';

/** Numbers that are given out, each to one: addresses of a network, node ports. */
export interface NumberRange {
  first: number;
  last: number;
  /** So many at the beginning are left to people who choose, as long as there are others. */
  reserved: number;
}

/** The addresses of a network that Services may have: neither the first nor the last. Source: pkg/registry/core/service/ipallocator. */
export function addressRange(cidr: string): NumberRange & { cidr: string } {
  const [address, bits] = cidr.split('/');
  const number = addressNumber(address ?? '');
  const length = Number(bits);
  if (number === undefined || !Number.isInteger(length) || length < 8 || length > 30)
    throw new BadRequest(`the service range "${cidr}" must be an IPv4 network of /8 to /30`, {
      details: { serviceCidr: cidr },
    });
  const size = 2 ** (32 - length);
  const network = number - (number % size);
  const band = Math.min(Math.max(16, Math.floor((size - 2) / 16)), 256);
  return { first: network + 1, last: network + size - 2, reserved: size - 2 > band ? band : 0, cidr };
}

/** The same; undefined for a network that addresses are not given of: IPv6, or of another size. */
export function addressRangeIn(cidr: string): (NumberRange & { cidr: string }) | undefined {
  const [address = '', bits] = cidr.split('/');
  const length = Number(bits);
  return addressNumber(address) !== undefined && length >= 8 && length <= 30 ? addressRange(cidr) : undefined;
}

/** Source: pkg/registry/core/service/portallocator, calculateRangeOffset. */
export function portRange({ first, last }: { first: number; last: number }): NumberRange {
  const size = last - first + 1;
  const band = Math.min(Math.max(16, Math.floor(size / 32)), 128);
  return { first, last, reserved: size > band ? band : 0 };
}

/** All of them, beginning somewhere at random above the reserved ones, which come last. */
export function* candidates({ first, last, reserved }: NumberRange): Generator<number> {
  const [size, free] = [last - first + 1, last - first + 1 - reserved];
  const start = randomInt(free);
  for (let step = 0; step < free; step++) yield first + reserved + ((start + step) % free);
  for (let step = free; step < size; step++) yield first + step - free;
}

/** One at random above the reserved ones. */
export function someCandidate({ first, last, reserved }: NumberRange): number {
  return first + reserved + randomInt(last - first + 1 - reserved);
}

/** The first usable address of a range: the `kubernetes` Service's. @throws BadRequest */
export function firstServiceAddress(cidr: string): string {
  return addressText(addressRange(cidr).first);
}

export function addressNumber(address: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (match === null) return undefined;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
