import { type GoValue, printed, typeName } from './values.ts';

const VERB = /%([#+\- 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?([%a-zA-Z])/g;

/** Go's fmt.Sprintf, for the verbs that templates use; a wrong one is shown as Go shows it. */
export function sprintf(format: string, ...values: GoValue[]): string {
  let used = 0;
  const text = format.replace(
    VERB,
    (whole, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      const columns = width === '*' ? Number(values[used++]) : Number(width ?? 0);
      const digits = whole.includes('.')
        ? precision === '*'
          ? Number(values[used++])
          : Number(precision ?? 0)
        : undefined;
      if (used >= values.length) return `%!${verb}(MISSING)`;
      return fill(formatted(verb, flags, digits, values[used++]), flags, columns);
    },
  );
  if (used >= values.length) return text;
  const extra = values.slice(used).map((one) => `${typeName(one)}=${printed(one)}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function fill(text: string, flags: string, columns: number): string {
  if (flags.includes('-')) return text.padEnd(columns);
  if (!flags.includes('0')) return text.padStart(columns);
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(columns - sign.length, '0');
}

function formatted(verb: string, flags: string, digits: number | undefined, value: GoValue): string {
  const wrong = () => `%!${verb}(${typeName(value)}=${printed(value)})`;
  switch (verb) {
    case 'v':
      return flags.includes('#') && typeof value === 'string' ? JSON.stringify(value) : printed(value);
    case 's':
      if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
        return wrong();
      return printed(value).slice(0, digits);
    case 'q':
      if (typeof value === 'string') return JSON.stringify(value);
      return Array.isArray(value) ? `[${value.map((one) => JSON.stringify(one)).join(' ')}]` : wrong();
    case 'T':
      return typeName(value);
    case 't':
      return typeof value === 'boolean' ? String(value) : wrong();
    case 'x':
    case 'X': {
      const text =
        typeof value === 'string'
          ? Buffer.from(value).toString('hex')
          : isInteger(value)
            ? BigInt(value).toString(16)
            : undefined;
      if (text === undefined) return wrong();
      return verb === 'X' ? text.toUpperCase() : text;
    }
    case 'd':
      return isInteger(value) ? signed(String(value), flags) : wrong();
    case 'o':
      return isInteger(value) ? BigInt(value).toString(8) : wrong();
    case 'b':
      return isInteger(value) ? BigInt(value).toString(2) : wrong();
    case 'c':
      return isInteger(value) ? String.fromCodePoint(Number(value)) : wrong();
    case 'f':
    case 'F':
      return typeof value === 'number' ? signed(value.toFixed(digits ?? 6), flags) : wrong();
    case 'e':
      return typeof value === 'number'
        ? value.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, 'e$10$2')
        : wrong();
    case 'g':
      return typeof value === 'number'
        ? signed(String(digits ? Number(value.toPrecision(digits)) : value), flags)
        : wrong();
    default:
      return wrong();
  }
}

function signed(text: string, flags: string): string {
  return flags.includes('+') && !text.startsWith('-') ? `+${text}` : text;
}

function isInteger(value: GoValue): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}
