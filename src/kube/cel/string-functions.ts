import { CelFailure, type CelValue, isTime, kindOf, library } from './cel-value.ts';
import { define } from './functions.ts';

/** cel-go's strings extension (version 2), encoders, and Kubernetes' regex library. */
const codes = (value: CelValue | undefined) => [...(value as string)];
const number = (value: CelValue | undefined) => Number(value as bigint);

function inside(index: number, length: number): number {
  if (index < 0 || index > length) throw new CelFailure(`index out of range: ${index}`);
  return index;
}

define('.charAt', 'string,int->string', ([a, i]) => codes(a)[inside(number(i), codes(a).length)] ?? '');
define('.indexOf', 'string,string->int;string,string,int->int', ([a, b, from]) => {
  const all = codes(a);
  const start = from === undefined ? 0 : inside(number(from), all.length);
  const at = all
    .slice(start)
    .join('')
    .indexOf(b as string);
  return at < 0 ? -1n : BigInt(start + codes(all.slice(start).join('').slice(0, at)).length);
});
define('.lastIndexOf', 'string,string->int;string,string,int->int', ([a, b, from]) => {
  const all = codes(a);
  const end = from === undefined ? all.length : inside(number(from), all.length);
  const whole = all.join('');
  const at = whole.lastIndexOf(b as string, all.slice(0, end).join('').length);
  return at < 0 ? -1n : BigInt(codes(whole.slice(0, at)).length);
});
const lower = (text: string) => text.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase());
const upper = (text: string) => text.replaceAll(/[a-z]+/g, (part) => part.toUpperCase());
define('.lowerAscii', 'string->string', ([a], budget) => spent(budget, a, lower(a as string)));
define('.upperAscii', 'string->string', ([a], budget) => spent(budget, a, upper(a as string)));
define('.trim', 'string->string', ([a], budget) => spent(budget, a, (a as string).trim()));
define('.reverse', 'string->string', ([a], budget) => spent(budget, a, codes(a).reverse().join('')));
define(
  '.replace',
  'string,string,string->string;string,string,string,int->string',
  ([a, b, c, n], budget) => {
    const limit = n === undefined || number(n) < 0 ? Number.POSITIVE_INFINITY : number(n);
    const parts = (a as string).split(b as string);
    let result = parts[0] ?? '';
    for (let i = 1; i < parts.length; i++) {
      result += (i <= limit ? (c as string) : (b as string)) + parts[i]!;
      budget.spend((c as string).length * 0.1);
    }
    return spent(budget, a, result);
  },
);
define('.split', 'string,string->list(string);string,string,int->list(string)', ([a, b, n], budget) => {
  const parts = (b as string) === '' ? codes(a) : (a as string).split(b as string);
  const limit = n === undefined ? -1 : number(n);
  budget.spend((a as string).length * 0.1);
  if (limit < 0 || parts.length <= limit) return parts;
  return limit === 0 ? [] : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(b as string)];
});
define('.substring', 'string,int->string;string,int,int->string', ([a, from, to], budget) => {
  const all = codes(a);
  const start = inside(number(from), all.length);
  const end = to === undefined ? all.length : inside(number(to), all.length);
  if (start > end) throw new CelFailure(`invalid substring range. start: ${start}, end: ${end}`);
  return spent(budget, a, all.slice(start, end).join(''));
});
define('.join', 'list->string;list,string->string', ([list, separator = ''], budget) =>
  (list as CelValue[])
    .map((one) => {
      if (typeof one !== 'string') throw new CelFailure('no such overload');
      budget.spend((one.length + (separator as string).length) * 0.1);
      return one;
    })
    .join(separator as string),
);
define('.format', 'string,list->string', ([format, args], budget) =>
  spent(budget, format, formatted(format as string, args as CelValue[], budget)),
);
define('strings.quote', 'string->string', ([a], budget) => spent(budget, a, JSON.stringify(a)));
define('base64.encode', 'bytes->string', ([a], budget) => {
  budget.spend((a as Uint8Array).length * 0.1);
  return Buffer.from(a as Uint8Array).toString('base64');
});
define('base64.decode', 'string->bytes', ([a], budget) => {
  budget.spend((a as string).length * 0.1);
  return new Uint8Array(Buffer.from(a as string, 'base64'));
});

function spent(budget: { spend(units: number): void }, from: CelValue | undefined, result: string): string {
  budget.spend((from as string).length * 0.1);
  return result;
}

/** `%s %d %f %e %b %x %X %o`, with precision. */
function formatted(
  format: string,
  args: readonly CelValue[],
  budget: { spend(units: number): void },
): string {
  const shown = (value: CelValue) => printed(value, (text) => budget.spend(text.length * 0.1 + 0.1));
  let next = 0;
  return format.replaceAll(
    /%(?:%|(\.\d+)?([a-zA-Z]))/g,
    (whole, precision: string | undefined, verb: string) => {
      if (whole === '%%') return '%';
      if (next >= args.length) throw new CelFailure(`index ${next} out of range`);
      const value = args[next++]!;
      const digits = precision === undefined ? 6 : Number(precision.slice(1));
      switch (verb) {
        case 's':
          return shown(value);
        case 'd':
          return shown(value);
        case 'f':
          return Number(value as number).toFixed(digits);
        case 'e':
          return Number(value as number).toExponential(digits);
        case 'b':
          return typeof value === 'boolean' ? (value ? '1' : '0') : BigInt(value as bigint).toString(2);
        case 'o':
          return BigInt(value as bigint).toString(8);
        case 'x':
        case 'X': {
          const hex =
            typeof value === 'bigint'
              ? value.toString(16)
              : Buffer.from(value as string | Uint8Array as string).toString('hex');
          return verb === 'X' ? hex.toUpperCase() : hex;
        }
        default:
          throw new CelFailure(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
      }
    },
  );
}

/** `pay` is told of each part: of one that stands in a value many times, each time. */
function printed(value: CelValue, pay: (text: string) => void): string {
  if (Array.isArray(value)) return `[${value.map((one) => printed(one, pay)).join(', ')}]`;
  if (value instanceof Map)
    return `{${[...value]
      .map(([key, one]) => `${String(key)}: ${printed(one, pay)}`)
      .sort()
      .join(', ')}}`;
  const text = printedPart(value);
  pay(text);
  return text;
}

function printedPart(value: CelValue): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (isTime(value) || kindOf(value) === 'uint') return library('string(a)', value) as string;
  return String(value);
}
