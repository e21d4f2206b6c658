import { type DeclType, DYN } from './cel-type.ts';
import { CelFailure, CelMessage, type CelValue } from './cel-value.ts';
import { type Compiled, CompileProblem, type Expr } from './compiled.ts';
import type { Compiler } from './compiler.ts';

const JSON_PATCH = 'JSONPatch';
const JSON_PATCH_TEXTS = ['op', 'path', 'from'];

const JSON_PATCH_TYPE: DeclType = {
  kind: 'object',
  name: JSON_PATCH,
  field: (name) =>
    JSON_PATCH_TEXTS.includes(name) ? { kind: 'string' } : name === 'value' ? DYN : undefined,
};

function typeOf(name: string): DeclType {
  return name === JSON_PATCH ? JSON_PATCH_TYPE : { kind: 'object', name, field: () => DYN };
}

/**
 * `Object{spec: Object.spec{…}}` and `JSONPatch{op: …}` of mutating policies; k8s.io/apiserver/pkg/cel/mutation.
 *
 * @throws CompileProblem
 */
export function compileMessage(compiler: Compiler, expr: Expr, name: string): Compiled {
  const isKnown = name === 'Object' || name === JSON_PATCH || name.startsWith('Object.');
  if (!compiler.hasPatchTypes || !isKnown)
    throw new CompileProblem(expr.id, `undeclared reference to '${name}' (in container '')`);
  const { entries } = (expr.exprKind as Extract<Expr['exprKind'], { case: 'structExpr' }>).value;
  const type = typeOf(name);
  const parts = entries.map(({ keyKind, value }) => {
    const field = String(keyKind.value);
    const wanted = type.kind === 'object' ? type.field(field) : undefined;
    if (wanted === undefined) throw new CompileProblem(expr.id, `undefined field '${field}'`);
    return { field, isText: wanted.kind === 'string', value: compiler.compile(value as Expr) };
  });
  return {
    type,
    run: (frame) => {
      frame.budget.spend(40);
      const fields: [string, CelValue][] = parts.map(({ field, isText, value }) => {
        const made = value.run(frame);
        if (isText && typeof made !== 'string')
          throw new CelFailure(`unexpected type for JSONPatchType '${field}' field`);
        return [field, made];
      });
      return new CelMessage(name, fields);
    },
  };
}

/** What an unset field of a message reads as; undefined when reading it is a failure. */
export function unsetField(message: CelMessage, field: string): CelValue | undefined {
  if (message.typeName !== JSON_PATCH) return undefined;
  return JSON_PATCH_TEXTS.includes(field) ? '' : undefined;
}

/**
 * What is wrong with the names of the messages in a value: below `Object` each is called by the path to it.
 * k8s.io/apiserver/pkg/cel/mutation/dynamic CheckTypeNamesMatchFieldPathNames.
 */
export function misnamedMessages(value: CelValue, path?: string): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => misnamedMessages(one, path));
  if (!(value instanceof Map)) return [];
  if (!(value instanceof CelMessage))
    return [...value.values()].flatMap((one) => misnamedMessages(one, path));
  const wanted = path ?? value.typeName;
  const problems =
    value.typeName === wanted
      ? []
      : [
          `unexpected type name ${JSON.stringify(value.typeName)}, expected ${JSON.stringify(wanted)}, which matches field name path from root Object type`,
        ];
  return [
    ...problems,
    ...[...value].flatMap(([field, one]) => misnamedMessages(one, `${wanted}.${String(field)}`)),
  ];
}
