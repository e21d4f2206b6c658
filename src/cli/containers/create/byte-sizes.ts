import { BadRequest } from '../../../base/index.ts';

const POWERS: Record<string, number> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * go-units' RAMInBytes: `512m`, `1.5GiB`; units are powers of 1024.
 * @throws BadRequest in go-units' words
 */
export function ramBytes(text: string): number {
  return scaled(text, 1024);
}

/** go-units' FromHumanSize: `10mb`; units are powers of 1000. @throws BadRequest */
export function humanBytes(text: string): number {
  return scaled(text, 1000);
}

function scaled(text: string, base: number): number {
  const match = /^(\d+(?:\.\d+)*) ?([kKmMgGtTpP])?([iI])?([bB])?$/.exec(text);
  const number = Number(match?.[1]);
  if (match === null || Number.isNaN(number)) throw new BadRequest(`invalid size: '${text}'`);
  return Math.trunc(number * base ** POWERS[(match[2] ?? '').toLowerCase()]!);
}
