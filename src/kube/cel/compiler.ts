import { itemsOf, qualifiedName, read } from './access.ts';
import { type DeclType, DYN, type ScalarKind, typeText, unify } from './cel-type.ts';
import {
  CelCostExceeded,
  CelFailure,
  CelMessage,
  CelOptional,
  CelTypeValue,
  CelUint,
  type CelValue,
} from './cel-value.ts';
import {
  type CallExpr,
  type Compiled,
  CompileProblem,
  type Expr,
  type Frame,
  type Scope,
} from './compiled.ts';
import { overloadsOf } from './functions.ts';
import { fits, invocation, methodOf, OPAQUE_KINDS } from './invocation.ts';
import { compileList, compileMap } from './literals.ts';
import { compileMacro } from './macros.ts';
import { unsetField } from './message.ts';
import { compileConditional, compileEquality, compileIndex, compileLogic } from './operators.ts';
import { OPTIONAL_FIELD } from './optional-syntax.ts';

const TYPE_NAMES = new Set([
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
]);

/** Checks and compiles in one walk: every node becomes a closure and a type. */
export class Compiler {
  readonly used = new Set<string>();
  readonly #variables: Readonly<Record<string, DeclType>>;
  readonly #scopes: Scope[] = [];

  /** Whether `Object{…}` and `JSONPatch{…}` can be made. */
  readonly hasPatchTypes: boolean;

  constructor(variables: Readonly<Record<string, DeclType>>, hasPatchTypes = false) {
    this.#variables = variables;
    this.hasPatchTypes = hasPatchTypes;
  }

  /** @throws CompileProblem */
  compile(expr: Expr | undefined): Compiled {
    const kind = expr?.exprKind;
    switch (kind?.case) {
      case 'constExpr':
        return this.#constant(expr!);
      case 'identExpr':
        return this.#ident(expr!.id, kind.value.name);
      case 'selectExpr':
        return this.#select(expr!);
      case 'callExpr':
        return this.#call(expr!, kind.value);
      case 'listExpr':
        return compileList(this, kind.value.elements as Expr[]);
      case 'structExpr':
        return compileMap(this, expr!);
      case 'comprehensionExpr':
        return this.#fold(expr!);
      default:
        throw new CompileProblem(expr?.id ?? 0n, 'unsupported expression');
    }
  }

  /** With the variables of a comprehension in scope. */
  within<T>(scope: Scope, work: () => T): T {
    this.#scopes.push(scope);
    try {
      return work();
    } finally {
      this.#scopes.pop();
    }
  }

  isDeclared(name: string): boolean {
    return (
      Object.hasOwn(this.#variables, name) ||
      this.#scopes.some(({ first, second }) => first.name === name || second?.name === name)
    );
  }

  #constant(expr: Expr): Compiled {
    const { constantKind } = (expr.exprKind as Extract<Expr['exprKind'], { case: 'constExpr' }>).value;
    const literal = (kind: ScalarKind, value: CelValue): Compiled => ({ type: { kind }, run: () => value });
    switch (constantKind.case) {
      case 'stringValue':
        return literal('string', constantKind.value);
      case 'int64Value':
        return literal('int', constantKind.value);
      case 'uint64Value':
        return literal('uint', new CelUint(constantKind.value));
      case 'doubleValue':
        return literal('double', constantKind.value);
      case 'boolValue':
        return literal('bool', constantKind.value);
      case 'bytesValue':
        return literal('bytes', constantKind.value);
      case 'nullValue':
        return literal('null', null);
      default:
        throw new CompileProblem(expr.id, 'unsupported constant');
    }
  }

  #ident(id: bigint, name: string): Compiled {
    for (let depth = 0; depth < this.#scopes.length; depth++) {
      const { first, second } = this.#scopes[this.#scopes.length - 1 - depth]!;
      if (first.name === name) return { type: first.type, run: (frame) => above(frame, depth).value };
      if (second?.name === name) return { type: second.type, run: (frame) => above(frame, depth).second };
    }
    if (Object.hasOwn(this.#variables, name)) {
      this.used.add(name);
      return {
        type: this.#variables[name]!,
        run: (frame) => {
          frame.budget.spend(1);
          const value = frame.global(name);
          if (value === undefined) throw new CelFailure(`no such attribute(s): ${name}`);
          return value;
        },
      };
    }
    if (TYPE_NAMES.has(name)) {
      const type = new CelTypeValue(name === 'null_type' ? 'null' : name);
      return { type: { kind: 'type' }, run: () => type };
    }
    throw new CompileProblem(id, `undeclared reference to '${name}' (in container '')`);
  }

  #select(expr: Expr): Compiled {
    const {
      operand,
      field: written,
      testOnly,
    } = (expr.exprKind as Extract<Expr['exprKind'], { case: 'selectExpr' }>).value;
    const optional = written.startsWith(OPTIONAL_FIELD);
    const field = optional ? written.slice(OPTIONAL_FIELD.length) : written;
    const qualified = this.#qualified(operand as Expr, field);
    if (qualified !== undefined) return qualified;
    const { type, run } = this.compile(operand as Expr);
    const inner = type.kind === 'optional' ? type.of : type;
    const fieldType = this.#fieldType(expr.id, inner, field);
    if (testOnly)
      return {
        type: { kind: 'bool' },
        run: (frame) => {
          frame.budget.spend(1);
          return read(run(frame), field) !== undefined;
        },
      };
    if (optional || type.kind === 'optional')
      return {
        type: { kind: 'optional', of: fieldType },
        run: (frame) => {
          frame.budget.spend(1);
          return new CelOptional(read(run(frame), field));
        },
      };
    return {
      type: fieldType,
      run: (frame) => {
        frame.budget.spend(1);
        const target = run(frame);
        if (target instanceof CelOptional) return new CelOptional(read(target, field));
        const value =
          read(target, field) ?? (target instanceof CelMessage ? unsetField(target, field) : undefined);
        if (value === undefined) throw new CelFailure(`no such key: ${field}`);
        return value;
      },
    };
  }

  /** `google.protobuf.Timestamp` and the like: names of types. */
  #qualified(operand: Expr, field: string): Compiled | undefined {
    const name = qualifiedName(operand);
    if (name !== 'google.protobuf' || this.isDeclared('google')) return undefined;
    const type = new CelTypeValue(field.toLowerCase());
    return { type: { kind: 'type' }, run: () => type };
  }

  #fieldType(id: bigint, type: DeclType, field: string): DeclType {
    switch (type.kind) {
      case 'dyn':
      case 'opaque':
        return DYN;
      case 'map':
        return type.value;
      case 'object': {
        const found = type.field(field);
        if (found === undefined) throw new CompileProblem(id, `undefined field '${field}'`);
        return found;
      }
      default:
        throw new CompileProblem(id, `type '${typeText(type)}' does not support field selection`);
    }
  }

  #fold(expr: Expr): Compiled {
    const fold = (expr.exprKind as Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>).value;
    const range = this.compile(fold.iterRange as Expr);
    const init = this.compile(fold.accuInit as Expr);
    const itemType = this.elementType(expr.id, range.type);
    const first = { name: fold.iterVar, type: itemType };
    const scope = (type: DeclType): Scope => ({ first, second: { name: fold.accuVar, type } });
    const once = this.within(scope(init.type), () => this.compile(fold.loopStep as Expr));
    const accuType = unify(init.type, once.type);
    const step = this.within(scope(accuType), () => this.compile(fold.loopStep as Expr));
    const condition = this.within(scope(accuType), () => this.compile(fold.loopCondition as Expr));
    const result = this.within(scope(accuType), () => this.compile(fold.result as Expr));
    return {
      type: result.type,
      run: (frame) => {
        const items = itemsOf(range.run(frame));
        const inner: Frame = { ...frame, parent: frame, value: null, second: init.run(frame) };
        let failure: CelFailure | undefined;
        for (const item of items) {
          frame.budget.spend(1);
          inner.value = item;
          if (failure === undefined && condition.run(inner) === false) break;
          try {
            inner.second = step.run(inner);
            failure = undefined;
          } catch (error) {
            // A later item may decide what this one could not: all(), exists().
            if (!(error instanceof CelFailure) || error instanceof CelCostExceeded) throw error;
            if (typeof inner.second !== 'boolean') throw error;
            failure ??= error;
          }
        }
        if (failure !== undefined) throw failure;
        return result.run(inner);
      },
    };
  }

  /** What a comprehension walks over: list items, map keys. @throws CompileProblem */
  elementType(id: bigint, type: DeclType): DeclType {
    if (type.kind === 'list') return type.element;
    if (type.kind === 'map') return type.key ?? { kind: 'string' };
    if (type.kind === 'object') return { kind: 'string' };
    if (type.kind === 'dyn') return DYN;
    throw new CompileProblem(
      id,
      `expression of type '${typeText(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    );
  }

  #call(expr: Expr, call: CallExpr): Compiled {
    const args = call.args as Expr[];
    switch (call.function) {
      case '_&&_':
        return compileLogic(this, args, false);
      case '_||_':
        return compileLogic(this, args, true);
      case '_?_:_':
        return compileConditional(this, expr.id, args);
      case '_[_]':
        return compileIndex(this, args);
      case '_==_':
      case '_!=_':
        return compileEquality(this, expr.id, call.function, args);
      case '@not_strictly_false':
      case '__not_strictly_false__': {
        const { run } = this.compile(args[0]);
        return { type: { kind: 'bool' }, run: (frame) => run(frame) !== false };
      }
      default: {
        const macro = compileMacro(this, expr, call);
        return macro ?? this.#function(expr.id, call);
      }
    }
  }

  #function(id: bigint, call: CallExpr): Compiled {
    const target = call.target as Expr | undefined;
    const namespace = target === undefined ? undefined : qualifiedName(target);
    const isNamespace = namespace !== undefined && !this.isDeclared(namespace.split('.')[0]!);
    const joined = isNamespace ? `${namespace}.${call.function}` : undefined;
    const isQualified = joined !== undefined && overloadsOf(joined) !== undefined;
    const receiver = target !== undefined && !isQualified;
    const parts = (receiver ? [target, ...(call.args as Expr[])] : (call.args as Expr[])).map((one) =>
      this.compile(one),
    );
    const name = isQualified ? joined! : receiver ? `.${call.function}` : call.function;
    const overloads = overloadsOf(name);
    const first = parts[0];
    if (receiver && first !== undefined && OPAQUE_KINDS.has(first.type.kind))
      return methodOf(call.function, parts, undefined);
    if (overloads === undefined) {
      if (receiver && first?.type.kind === 'dyn') return methodOf(call.function, parts, undefined);
      throw new CompileProblem(id, `undeclared reference to '${call.function}' (in container '')`);
    }
    const types = parts.map(({ type }) => type);
    const fitting = overloads.filter((one) => fits(one, types));
    if (fitting.length === 0) {
      const texts = types.map(typeText);
      const applied = receiver ? `${texts[0]}.(${texts.slice(1).join(', ')})` : `(${texts.join(', ')})`;
      throw new CompileProblem(
        id,
        `found no matching overload for '${call.function}' applied to '${applied}'`,
      );
    }
    return receiver && first?.type.kind === 'dyn'
      ? methodOf(call.function, parts, fitting)
      : invocation(parts, fitting, types);
  }
}

function above(frame: Frame, depth: number): Frame {
  let at = frame;
  for (let i = 0; i < depth; i++) at = at.parent!;
  return at;
}
