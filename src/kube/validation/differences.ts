import { semanticallyEqual } from './equality.ts';

/** What differs between two values, a line each: `- spec.nodeName: "a"`, `+ spec.nodeName: "b"`. */
export function differences(old: unknown, now: unknown, path: string): string[] {
  if (semanticallyEqual(old, now)) return [];
  const left = childrenOf(old);
  const right = childrenOf(now);
  if (left === undefined || right === undefined) {
    return [...line('-', path, old), ...line('+', path, now)];
  }
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].flatMap((key) => differences(left.get(key), right.get(key), `${path}${key}`));
}

function line(sign: '-' | '+', path: string, value: unknown): string[] {
  return value === undefined ? [] : [`${sign} ${path}: ${JSON.stringify(value)}`];
}

function childrenOf(value: unknown): Map<string, unknown> | undefined {
  if (Array.isArray(value)) return new Map(value.map((one, index) => [`[${index}]`, one]));
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map(Object.entries(value).map(([key, one]) => [`.${key}`, one]));
}
