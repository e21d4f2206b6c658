import { CelFailure, type CelMapValue, CelOpaque, CelOptional, type CelValue } from './cel-value.ts';
import type { Expr } from './compiled.ts';
import { lookUp } from './functions.ts';
import { OPTIONAL_MARK } from './optional-syntax.ts';

/** A member of a map or of an optional map; undefined for none. */
export function read(target: CelValue, field: string): CelValue | undefined {
  if (target instanceof CelOptional)
    return target.value === undefined ? undefined : read(target.value, field);
  if (target instanceof Map) return (target as CelMapValue).get(field);
  if (target instanceof CelOpaque) return target.field(field);
  throw new CelFailure(target === null ? `no such key: ${field}` : 'no such overload');
}

export function itemAt(holder: CelValue, key: CelValue): CelValue | undefined {
  if (holder instanceof Map) return lookUp(holder as CelMapValue, key);
  if (!Array.isArray(holder)) throw new CelFailure('no such overload');
  const index = typeof key === 'bigint' || typeof key === 'number' ? Number(key) : Number.NaN;
  if (Number.isNaN(index)) throw new CelFailure('no such overload');
  return (holder as readonly CelValue[])[index];
}

export function itemsOf(range: CelValue): Iterable<CelValue> {
  if (Array.isArray(range)) return range;
  if (range instanceof Map) return range.keys() as Iterable<CelValue>;
  throw new CelFailure('no such overload');
}

/** About how much is looked at to compare. */
export function costOf(value: CelValue): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}

/** The argument of the mark that stands for `?`. */
export function markedArgument(expr: Expr): Expr | undefined {
  const { exprKind } = expr;
  return exprKind.case === 'callExpr' && exprKind.value.function === OPTIONAL_MARK
    ? (exprKind.value.args[0] as Expr)
    : undefined;
}

/** `a.b` of an identifier and its fields; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  const { exprKind } = expr;
  if (exprKind.case === 'identExpr') return exprKind.value.name;
  if (exprKind.case !== 'selectExpr' || exprKind.value.testOnly) return undefined;
  const operand = qualifiedName(exprKind.value.operand as Expr);
  return operand && `${operand}.${exprKind.value.field}`;
}
