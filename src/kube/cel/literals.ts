import { markedArgument } from './access.ts';
import { type DeclType, DYN, listOf, mapOf, unify } from './cel-type.ts';
import { CelOptional, type CelValue } from './cel-value.ts';
import type { Compiled, Expr } from './compiled.ts';
import type { Compiler } from './compiler.ts';
import { compileMessage } from './message.ts';

export function compileList(compiler: Compiler, elements: readonly Expr[]): Compiled {
  const parts = elements.map((one) => compileElement(compiler, one));
  const element = parts.reduce<DeclType>((type, part) => unify(type, part.type), DYN);
  return {
    type: listOf(parts.length === 0 ? DYN : element),
    run: (frame) => {
      frame.budget.spend(10);
      const list: CelValue[] = [];
      for (const part of parts) {
        const value = part.run(frame);
        if (!part.optional) list.push(value);
        else if (value instanceof CelOptional && value.value !== undefined) list.push(value.value);
      }
      return list;
    },
  };
}

/** An element, index or key that may be marked optional. */
function compileElement(compiler: Compiler, expr: Expr): Compiled & { optional: boolean } {
  const marked = markedArgument(expr);
  if (marked === undefined) return { ...compiler.compile(expr), optional: false };
  const inner = compiler.compile(marked);
  return { type: inner.type.kind === 'optional' ? inner.type.of : DYN, run: inner.run, optional: true };
}

export function compileMap(compiler: Compiler, expr: Expr): Compiled {
  const { messageName, entries } = (expr.exprKind as Extract<Expr['exprKind'], { case: 'structExpr' }>).value;
  if (messageName !== '') return compileMessage(compiler, expr, messageName);
  const parts = entries.map(({ keyKind, value }) => {
    const keyExpr = keyKind.value as Expr;
    const marked = markedArgument(keyExpr);
    return {
      key: compiler.compile(marked ?? keyExpr),
      value: compiler.compile(value as Expr),
      optional: marked !== undefined,
    };
  });
  const typeOf = (part: (typeof parts)[number]) =>
    part.optional && part.value.type.kind === 'optional' ? part.value.type.of : part.value.type;
  const values = parts.map(typeOf);
  const same = values.every((type) => type.kind === values[0]!.kind);
  return {
    type: mapOf(same ? values.reduce(unify, DYN) : DYN, parts[0]?.key.type ?? DYN),
    run: (frame) => {
      frame.budget.spend(30);
      const map = new Map<string | bigint | boolean, CelValue>();
      for (const part of parts) {
        const key = part.key.run(frame) as string | bigint | boolean;
        const value = part.value.run(frame);
        if (!part.optional) map.set(key, value);
        else if (value instanceof CelOptional && value.value !== undefined) map.set(key, value.value);
      }
      return map;
    },
  };
}
