import { BadRequest } from '../base/index.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's form of a duration, as Kubernetes' flags have it: `15s`, `1m30s`, `500ms`. @throws BadRequest naming the flag. */
export function parseDurationMs(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text)
    throw new BadRequest(`${flag} "${text}" is not a duration`, { hint: 'for example 15s, 1m30s or 500ms' });
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit!]!, 0);
}
