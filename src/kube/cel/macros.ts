import { itemsOf } from './access.ts';
import { type DeclType, DYN, listOf, mapOf } from './cel-type.ts';
import { CelFailure, type CelMapValue, CelOptional, type CelValue } from './cel-value.ts';
import { type CallExpr, type Compiled, CompileProblem, type Expr, type Frame, type Run } from './compiled.ts';
import type { Compiler } from './compiler.ts';

/**
 * The macros the parser does not expand: cel.bind, comprehensions with two variables, those of optionals, sortBy.
 * Undefined when the call is none of them.
 */
export function compileMacro(compiler: Compiler, expr: Expr, call: CallExpr): Compiled | undefined {
  const target = call.target as Expr | undefined;
  if (target === undefined) return undefined;
  const args = call.args as Expr[];
  switch (call.function) {
    case 'bind':
      return isIdent(target, 'cel') && args.length === 3 ? bind(compiler, args) : undefined;
    case 'orValue':
      return args.length === 1 ? orValue(compiler, target, args[0]!, false) : undefined;
    case 'or':
      return args.length === 1 ? orValue(compiler, target, args[0]!, true) : undefined;
    case 'optMap':
    case 'optFlatMap':
      return args.length === 2 ? optMap(compiler, target, args, call.function === 'optFlatMap') : undefined;
    case 'sortBy':
      return args.length === 2 ? sortBy(compiler, expr, target, args) : undefined;
    case 'all':
    case 'exists':
    case 'existsOne':
    case 'exists_one':
      return args.length === 3 ? quantifier(compiler, expr, target, args, call.function) : undefined;
    case 'transformList':
    case 'transformMap':
    case 'transformMapEntry':
      return args.length === 3 || args.length === 4
        ? transform(compiler, expr, target, args, call.function)
        : undefined;
    default:
      return undefined;
  }
}

function isIdent(expr: Expr, name: string): boolean {
  return expr.exprKind.case === 'identExpr' && expr.exprKind.value.name === name;
}

function variable(expr: Expr): string {
  if (expr.exprKind.case !== 'identExpr') throw new CompileProblem(expr.id, 'argument must be a simple name');
  return expr.exprKind.value.name;
}

function frameOf(frame: Frame, value: CelValue, second: CelValue = null): Frame {
  return { ...frame, parent: frame, value, second };
}

function bind(compiler: Compiler, [name, value, body]: Expr[]): Compiled {
  const bound = compiler.compile(value);
  const scope = { first: { name: variable(name!), type: bound.type }, second: undefined };
  const { type, run } = compiler.within(scope, () => compiler.compile(body));
  return { type, run: (frame) => run(frameOf(frame, bound.run(frame))) };
}

/** The alternative is looked at only when it is needed. */
function orValue(
  compiler: Compiler,
  target: Expr,
  other: Expr,
  staysOptional: boolean,
): Compiled | undefined {
  const optional = compiler.compile(target);
  const alternative = compiler.compile(other);
  if (optional.type.kind !== 'optional' && optional.type.kind !== 'dyn') return undefined;
  const inner: DeclType = optional.type.kind === 'optional' ? optional.type.of : DYN;
  return {
    type: staysOptional ? optional.type : inner.kind === 'dyn' ? alternative.type : inner,
    run: (frame) => {
      frame.budget.spend(1);
      const found = optional.run(frame);
      if (!(found instanceof CelOptional)) throw new CelFailure('no such overload');
      if (found.value === undefined) return alternative.run(frame);
      return staysOptional ? found : found.value;
    },
  };
}

function optMap(compiler: Compiler, target: Expr, [name, body]: Expr[], flat: boolean): Compiled {
  const optional = compiler.compile(target);
  const inner: DeclType = optional.type.kind === 'optional' ? optional.type.of : DYN;
  const scope = { first: { name: variable(name!), type: inner }, second: undefined };
  const mapped = compiler.within(scope, () => compiler.compile(body));
  return {
    type: flat ? mapped.type : { kind: 'optional', of: mapped.type },
    run: (frame) => {
      frame.budget.spend(1);
      const found = optional.run(frame);
      if (!(found instanceof CelOptional)) throw new CelFailure('no such overload');
      if (found.value === undefined) return found;
      const value = mapped.run(frameOf(frame, found.value));
      return flat ? value : new CelOptional(value);
    },
  };
}

function sortBy(compiler: Compiler, expr: Expr, target: Expr, [name, body]: Expr[]): Compiled {
  const range = compiler.compile(target);
  const scope = {
    first: { name: variable(name!), type: compiler.elementType(expr.id, range.type) },
    second: undefined,
  };
  const key = compiler.within(scope, () => compiler.compile(body));
  return {
    type: range.type,
    run: (frame) => {
      const items = [...itemsOf(range.run(frame))].map((item) => ({
        item,
        key: key.run(frameOf(frame, item)),
      }));
      frame.budget.spend(items.length * Math.ceil(Math.log2(items.length + 1)));
      return items.sort((a, b) => (a.key! < b.key! ? -1 : a.key! > b.key! ? 1 : 0)).map(({ item }) => item);
    },
  };
}

interface TwoVariables {
  pairs(frame: Frame): [CelValue, CelValue][];
  compile(body: Expr): Compiled;
  keyType: DeclType;
}

/** Index and item of a list, key and value of a map. */
function twoVariables(compiler: Compiler, expr: Expr, target: Expr, [first, second]: Expr[]): TwoVariables {
  const range = compiler.compile(target);
  const { type } = range;
  const item = compiler.elementType(expr.id, type);
  const keyType: DeclType = type.kind === 'list' ? { kind: 'int' } : item;
  const valueType: DeclType = type.kind === 'list' ? item : type.kind === 'map' ? type.value : DYN;
  const scope = {
    first: { name: variable(first!), type: type.kind === 'dyn' ? DYN : keyType },
    second: { name: variable(second!), type: valueType },
  };
  return {
    keyType,
    compile: (body) => compiler.within(scope, () => compiler.compile(body)),
    pairs: (frame) => {
      const value = range.run(frame);
      if (value instanceof Map) return [...(value as CelMapValue)] as [CelValue, CelValue][];
      return [...itemsOf(value)].map((one, index) => [BigInt(index), one]);
    },
  };
}

function quantifier(compiler: Compiler, expr: Expr, target: Expr, args: Expr[], name: string): Compiled {
  const two = twoVariables(compiler, expr, target, args);
  const { run } = two.compile(args[2]!);
  const test = tester(run);
  return {
    type: { kind: 'bool' },
    run: (frame) => {
      let count = 0;
      let failure: CelFailure | undefined;
      for (const pair of two.pairs(frame)) {
        const result = test(frame, pair);
        if (result instanceof CelFailure) failure ??= result;
        else if (name === 'all' && !result) return false;
        else if (name === 'exists' && result) return true;
        else if (result) count++;
      }
      if (failure !== undefined) throw failure;
      return name === 'all' || (name !== 'exists' && count === 1);
    },
  };
}

function tester(run: Run): (frame: Frame, pair: [CelValue, CelValue]) => boolean | CelFailure {
  return (frame, [key, value]) => {
    frame.budget.spend(1);
    try {
      return run(frameOf(frame, key, value)) === true;
    } catch (error) {
      if (error instanceof CelFailure && !error.message.startsWith('operation cancelled')) return error;
      throw error;
    }
  };
}

function transform(compiler: Compiler, expr: Expr, target: Expr, args: Expr[], name: string): Compiled {
  const two = twoVariables(compiler, expr, target, args);
  const filter = args.length === 4 ? two.compile(args[2]!).run : undefined;
  const body = two.compile(args.at(-1)!);
  return {
    type:
      name === 'transformList'
        ? listOf(body.type)
        : name === 'transformMap'
          ? mapOf(body.type, two.keyType)
          : mapOf(DYN, DYN),
    run: (frame) => {
      const list: CelValue[] = [];
      const map = new Map<string | bigint | boolean, CelValue>();
      for (const [key, value] of two.pairs(frame)) {
        frame.budget.spend(1);
        const inner = frameOf(frame, key, value);
        if (filter !== undefined && filter(inner) !== true) continue;
        const made = body.run(inner);
        if (name === 'transformList') list.push(made);
        else if (name === 'transformMap') map.set(key as string, made);
        else for (const [one, entry] of made as CelMapValue) map.set(one, entry);
      }
      return name === 'transformList' ? list : map;
    },
  };
}
