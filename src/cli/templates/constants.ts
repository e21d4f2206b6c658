const SIMPLE_ESCAPES: Record<string, string> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', "'": "'", '"': '"' },
};

/** The value of a Go string literal, quoted by `"` or raw by backquotes; undefined when an escape is wrong. */
export function unquote(literal: string): string | undefined {
  if (literal.startsWith('`')) return literal.slice(1, -1).replaceAll('\r', '');
  return interpret(literal.slice(1, -1), "'");
}

/** The code point of a Go character literal. */
export function parseCharacter(literal: string): number | undefined {
  const text = interpret(literal.slice(1, -1), '"');
  if (text === undefined || [...text].length !== 1) return undefined;
  return text.codePointAt(0);
}

function interpret(text: string, notEscapable: string): string | undefined {
  let isWrong = false;
  const value = text.replace(
    /\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}|.)/gsu,
    (_, code: string) => {
      if (/^[xuU]./.test(code)) {
        const point = Number.parseInt(code.slice(1), 16);
        if (point <= 0x10ffff) return String.fromCodePoint(point);
      } else if (/^\d{3}$/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
      const simple = code === notEscapable ? undefined : SIMPLE_ESCAPES[code];
      if (simple === undefined) isWrong = true;
      return simple ?? '';
    },
  );
  return isWrong ? undefined : value;
}

/** A Go number literal. Imaginary ones are not known. */
export function parseNumber(literal: string): number | undefined {
  const sign = literal.startsWith('-') ? -1 : 1;
  const digits = literal.replace(/^[+-]/, '').replaceAll('_', '');
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  const value = Number(octal);
  return digits === '' || Number.isNaN(value) ? undefined : sign * value;
}
