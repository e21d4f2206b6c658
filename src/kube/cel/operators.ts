import { costOf, itemAt, markedArgument } from './access.ts';
import { comparable, DYN, typeText, unify } from './cel-type.ts';
import { CelCostExceeded, CelFailure, CelOptional, celEquals } from './cel-value.ts';
import { type Compiled, CompileProblem, type Expr, type Run } from './compiled.ts';
import type { Compiler } from './compiler.ts';

/** One side may fail when the other decides. */
export function compileLogic(compiler: Compiler, args: readonly Expr[], decisive: boolean): Compiled {
  const parts = args.map((one) => booleanOf(compiler, one));
  return {
    type: { kind: 'bool' },
    run: (frame) => {
      let failure: CelFailure | undefined;
      for (const part of parts) {
        try {
          const value = part(frame);
          if (value === decisive) return decisive;
          if (typeof value !== 'boolean') throw new CelFailure('no such overload');
        } catch (error) {
          if (!(error instanceof CelFailure) || error instanceof CelCostExceeded) throw error;
          failure ??= error;
        }
      }
      if (failure !== undefined) throw failure;
      return !decisive;
    },
  };
}

/** @throws CompileProblem for what is known to be no bool. */
function booleanOf(compiler: Compiler, expr: Expr): Run {
  const { type, run } = compiler.compile(expr);
  if (type.kind !== 'bool' && type.kind !== 'dyn')
    throw new CompileProblem(expr.id, `expected type 'bool' but found '${typeText(type)}'`);
  return run;
}

export function compileConditional(
  compiler: Compiler,
  id: bigint,
  [test, yes, no]: readonly Expr[],
): Compiled {
  const condition = booleanOf(compiler, test!);
  const [a, b] = [compiler.compile(yes), compiler.compile(no)];
  if (!comparable(a.type, b.type))
    throw new CompileProblem(
      id,
      `found no matching overload for '_?_:_' applied to '(bool, ${typeText(a.type)}, ${typeText(b.type)})'`,
    );
  return {
    type: unify(a.type, b.type),
    run: (frame) => {
      const value = condition(frame);
      if (typeof value !== 'boolean') throw new CelFailure('no such overload');
      return value ? a.run(frame) : b.run(frame);
    },
  };
}

export function compileIndex(compiler: Compiler, [target, at]: readonly Expr[]): Compiled {
  const object = compiler.compile(target);
  const marked = markedArgument(at!);
  const index = compiler.compile(marked ?? at);
  const inner = object.type.kind === 'optional' ? object.type.of : object.type;
  const type = inner.kind === 'list' ? inner.element : inner.kind === 'map' ? inner.value : DYN;
  if (inner.kind === 'list' && !['int', 'uint', 'dyn', 'double'].includes(index.type.kind))
    throw new CompileProblem(
      at!.id,
      `found no matching overload for '_[_]' applied to '(${typeText(inner)}, ${typeText(index.type)})'`,
    );
  const optional = marked !== undefined || object.type.kind === 'optional';
  return {
    type: optional ? { kind: 'optional', of: type } : type,
    run: (frame) => {
      frame.budget.spend(1);
      const container = object.run(frame);
      const key = index.run(frame);
      const holder = container instanceof CelOptional ? container.value : container;
      const value = holder === undefined ? undefined : itemAt(holder, key);
      if (optional || container instanceof CelOptional) return new CelOptional(value);
      if (value !== undefined) return value;
      throw new CelFailure(
        holder instanceof Map ? `no such key: ${String(key)}` : `index out of bounds: ${String(key)}`,
      );
    },
  };
}

export function compileEquality(
  compiler: Compiler,
  id: bigint,
  name: string,
  args: readonly Expr[],
): Compiled {
  const [a, b] = [compiler.compile(args[0]), compiler.compile(args[1])];
  if (!comparable(a.type, b.type))
    throw new CompileProblem(
      id,
      `found no matching overload for '${name}' applied to '(${typeText(a.type)}, ${typeText(b.type)})'`,
    );
  const wanted = name === '_==_';
  return {
    type: { kind: 'bool' },
    run: (frame) => {
      const [left, right] = [a.run(frame), b.run(frame)];
      frame.budget.spend(1 + costOf(left) * 0.1);
      return celEquals(left, right) === wanted;
    },
  };
}
