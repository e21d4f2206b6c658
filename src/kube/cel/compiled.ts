import type { parse } from '@bufbuild/cel';
import type { DeclType } from './cel-type.ts';
import type { CelValue } from './cel-value.ts';
import type { CostBudget } from './cost-budget.ts';

/** The library's syntax tree. */
export type Expr = ReturnType<typeof parse>['expr'];
export type CallExpr = Extract<Expr['exprKind'], { case: 'callExpr' }>['value'];

/** The variables of a comprehension around those of its surroundings. */
export interface Frame {
  budget: CostBudget;
  parent: Frame | undefined;
  value: CelValue;
  /** The second variable, or the accumulator. */
  second: CelValue;
  global(name: string): CelValue | undefined;
}

export type Run = (frame: Frame) => CelValue;

/** An expression with the type it is known to have. */
export interface Compiled {
  type: DeclType;
  run: Run;
}

/** What is wrong at a node of the tree. */
export class CompileProblem extends Error {
  readonly id: bigint;
  constructor(id: bigint, message: string) {
    super(message);
    this.id = id;
  }
}

/** The variables one comprehension declares. */
export interface Scope {
  first: { name: string; type: DeclType };
  second: { name: string; type: DeclType } | undefined;
}
