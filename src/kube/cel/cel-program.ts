import { messageOf } from '../../base/index.ts';
import { qualifiedName } from './access.ts';
import { celLibrary } from './cel-library.ts';
import { type DeclType, typeText } from './cel-type.ts';
import type { CelValue } from './cel-value.ts';
import { CompileProblem, type Expr, type Frame, type Run } from './compiled.ts';
import { Compiler } from './compiler.ts';
import { CostBudget, PER_CALL_LIMIT } from './cost-budget.ts';
import { rewriteOptionals } from './optional-syntax.ts';
import './string-functions.ts';
import './list-functions.ts';
import './kubernetes-functions.ts';

/** An expression does not compile; the message begins `compilation failed:`. */
export class CelCompileError extends Error {}

export interface CelOptions {
  /** The variables there are, with their types: `{ self: …, oldSelf: … }`. */
  variables: Readonly<Record<string, DeclType>>;
  /** What the expression must evaluate to; left out, anything. */
  result?: DeclType['kind'];
  /** Whether `Object{…}` and `JSONPatch{…}` can be made. */
  patchTypes?: boolean;
}

/** A variable's value, or what makes it when it is first looked at. */
export type Activation = Readonly<Record<string, CelValue | (() => CelValue)>>;

/** A compiled CEL expression. Pure: the same values give the same result. */
export class CelProgram {
  readonly source: string;
  readonly type: DeclType;
  readonly #run: Run;
  readonly #used: ReadonlySet<string>;

  constructor(source: string, type: DeclType, run: Run, used: ReadonlySet<string>) {
    this.source = source;
    this.type = type;
    this.#run = run;
    this.#used = used;
  }

  /** A variable or members of one: nothing is known but what is declared. */
  get isSelection(): boolean {
    return qualifiedName(syntaxOf(this)) !== undefined;
  }

  uses(variable: string): boolean {
    return this.#used.has(variable);
  }

  /**
   * The value, with what it cost.
   *
   * @throws CelFailure when there is no value (`no such key: x`); CelCostExceeded when it costs more than `limit`.
   */
  evaluate(activation: Activation, limit: number = PER_CALL_LIMIT): { value: CelValue; cost: number } {
    const budget = new CostBudget(limit);
    const values = new Map<string, CelValue>();
    const frame: Frame = {
      budget,
      parent: undefined,
      value: null,
      second: null,
      global: (name) => {
        const known = values.get(name);
        if (known !== undefined) return known;
        const given = activation[name];
        const value = typeof given === 'function' ? given() : given;
        if (value !== undefined) values.set(name, value);
        return value;
      },
    };
    return { value: this.#run(frame), cost: budget.spent };
  }
}

/** The syntax tree of an expression that compiles. */
export function syntaxOf(program: CelProgram): Expr {
  return celLibrary().parse(rewriteOptionals(program.source)).expr;
}

/** Upstream's limit of the length of an expression is the request's; nesting is the parser's. */
const LIMIT_CHARACTERS = 64 * 1024;

/** @throws CelCompileError with cel-go's wording. */
export function compileCel(source: string, options: CelOptions): CelProgram {
  if (source.length > LIMIT_CHARACTERS)
    throw new CelCompileError(
      `compilation failed: expression code point size exceeds limit: size: ${source.length}, limit ${LIMIT_CHARACTERS}`,
    );
  const rewritten = rewriteOptionals(source);
  const { parse } = celLibrary();
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(rewritten);
  } catch (cause) {
    const message = messageOf(cause).replace(/^<input>:\d+:\d+: /, '$&Syntax error: ');
    throw new CelCompileError(`compilation failed: ERROR: ${message}`, { cause });
  }
  const compiler = new Compiler(options.variables, options.patchTypes);
  try {
    const { type, run } = compiler.compile(parsed.expr);
    const { result } = options;
    if (result !== undefined && type.kind !== 'dyn' && type.kind !== result)
      throw new CelCompileError(
        `must evaluate to ${result === 'bool' ? 'bool' : result}, got ${typeText(type)}`,
      );
    return new CelProgram(source, type, run, compiler.used);
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new CelCompileError(
        'compilation failed: ERROR: <input>:1:1: expression recursion limit exceeded',
        { cause },
      );
    if (!(cause instanceof CompileProblem)) throw cause;
    const offset = Number(parsed.sourceInfo?.positions[String(cause.id)] ?? 0);
    throw new CelCompileError(`compilation failed: ${located(rewritten, offset, cause.message)}`, { cause });
  }
}

function located(source: string, offset: number, message: string): string {
  const before = source.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - (before.lastIndexOf('\n') + 1);
  const text = source.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text}\n | ${'.'.repeat(column)}^`;
}
