import { parseGoDurationNs } from '../../base/index.ts';
import type { Flag, FlagKind } from './flag.ts';

/** One line of CSV (RFC 4180), as pflag's stringSlice reads its values. @returns undefined when quotes are not right. */
export function parseCsvLine(line: string): string[] | undefined {
  if (line === '') return [];
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"(,|$)/.exec(rest);
    const plain = /^([^",]*)(,|$)/.exec(rest);
    const match = rest.startsWith('"') ? quoted : plain;
    if (match === null) return undefined;
    fields.push(match[1]!.replaceAll('""', '"'));
    if (match[2] === '') return fields;
    rest = rest.slice(match[0].length);
  }
}

/** Go's complaint about a value that does not fit the kind; undefined when it does. */
export function complaintAbout(kind: FlagKind, value: string): string | undefined {
  const say = (call: string, why = 'invalid syntax') =>
    `strconv.${call}: parsing ${JSON.stringify(value)}: ${why}`;
  switch (kind) {
    case 'bool':
      return /^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value) ? undefined : say('ParseBool');
    case 'int':
      if (!/^[+-]?\d+$/.test(value)) return say('ParseInt');
      return Number.isSafeInteger(Number(value)) ? undefined : say('ParseInt', 'value out of range');
    case 'uint':
      if (!/^\d+$/.test(value)) return say('ParseUint');
      return Number.isSafeInteger(Number(value)) ? undefined : say('ParseUint', 'value out of range');
    case 'float':
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? undefined : say('ParseFloat');
    case 'duration':
      if (parseGoDurationNs(value) !== undefined) return undefined;
      return /^[+-]?[\d.]+$/.test(value)
        ? `time: missing unit in duration ${JSON.stringify(value)}`
        : `time: invalid duration ${JSON.stringify(value)}`;
    case 'strings':
      return parseCsvLine(value) === undefined
        ? 'parse error on line 1: bare " in non-quoted-field'
        : undefined;
    default:
      return undefined;
  }
}

/** `-t, --time` or `--time`. */
export function displayName(flag: Flag): string {
  return flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`;
}
