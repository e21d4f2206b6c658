/**
 * The simple JSONPath of printer columns, scale and selectable fields: `.spec.a`, `.metadata.labels['a.b']`,
 * `.items[0].x`, `.conditions[?(@.type=="Ready")].status`, `[*]`. Source: k8s.io/client-go/util/jsonpath.
 */
type Step =
  | { kind: 'field'; name: string }
  | { kind: 'index'; index: number }
  | { kind: 'all' }
  | { kind: 'filter'; path: readonly Step[]; operator: string; value: unknown };

/** A compiled path: everything it finds in an object. */
export type JsonPath = (object: unknown) => unknown[];

/** Undefined when the text is no such path. */
export function compileJsonPath(text: string): JsonPath | undefined {
  const steps = parse(text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text);
  return (
    steps &&
    ((object) => steps.reduce<unknown[]>((found, step) => found.flatMap((one) => take(step, one)), [object]))
  );
}

function parse(text: string): Step[] | undefined {
  const steps: Step[] = [];
  let rest = text.startsWith('$') || text.startsWith('@') ? text.slice(1) : text;
  if (rest === '' || rest === '.') return steps;
  while (rest !== '') {
    const step = rest.startsWith('[') ? bracket(rest) : dotted(rest);
    if (step === undefined) return undefined;
    steps.push(step.step);
    rest = rest.slice(step.length);
  }
  return steps;
}

function dotted(text: string): { step: Step; length: number } | undefined {
  if (!text.startsWith('.')) return undefined;
  if (text.startsWith('.*')) return { step: { kind: 'all' }, length: 2 };
  const found = /^\.((?:[^.[\]\\'"\s()]|\\.)+)/.exec(text);
  if (found === null) return undefined;
  return { step: { kind: 'field', name: found[1]!.replaceAll(/\\(.)/g, '$1') }, length: found[0].length };
}

function bracket(text: string): { step: Step; length: number } | undefined {
  let found = /^\['((?:[^'\\]|\\.)*)'\]/.exec(text) ?? /^\["((?:[^"\\]|\\.)*)"\]/.exec(text);
  if (found !== null)
    return { step: { kind: 'field', name: found[1]!.replaceAll(/\\(.)/g, '$1') }, length: found[0].length };
  found = /^\[(-?\d+)\]/.exec(text);
  if (found !== null) return { step: { kind: 'index', index: Number(found[1]) }, length: found[0].length };
  if (text.startsWith('[*]')) return { step: { kind: 'all' }, length: 3 };
  found =
    /^\[\?\(\s*@([^=<>!\s]*)\s*(==|!=|<=|>=|<|>)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^)\s]+)\s*\)\]/.exec(
      text,
    );
  if (found === null) return undefined;
  const path = parse(found[1]!);
  if (path === undefined) return undefined;
  return {
    step: { kind: 'filter', path, operator: found[2]!, value: literal(found[3]!) },
    length: found[0].length,
  };
}

function literal(text: string): unknown {
  if (text.startsWith('"') || text.startsWith("'")) return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function take(step: Step, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  switch (step.kind) {
    case 'field': {
      if (Array.isArray(value)) return [];
      const one = Object.hasOwn(value, step.name) ? (value as Record<string, unknown>)[step.name] : undefined;
      return one === undefined ? [] : [one];
    }
    case 'index': {
      const one = Array.isArray(value) ? value.at(step.index) : undefined;
      return one === undefined ? [] : [one];
    }
    case 'all':
      return Object.values(value);
    case 'filter':
      return Object.values(value).filter((one) => {
        const found = step.path.reduce<unknown[]>(
          (values, inner) => values.flatMap((v) => take(inner, v)),
          [one],
        );
        return found.length > 0 && compare(found[0], step.operator, step.value);
      });
  }
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const [a, b] = [left as number, right as number];
  if (operator === '<') return a < b;
  if (operator === '>') return a > b;
  return operator === '<=' ? a <= b : a >= b;
}
