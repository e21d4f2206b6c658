import { visibleLines, visibleText } from '../visible-text.ts';
import { FunctionError, TEMPLATE_FUNCTIONS } from './functions.ts';
import { lineOf } from './lexer.ts';
import {
  type BranchNode,
  type Command,
  commandText,
  type Node,
  type Operand,
  operandText,
  type Pipe,
  pipeText,
  type TemplateNode,
} from './nodes.ts';
import type { ParsedTemplate } from './parser.ts';
import { TemplateError } from './template-error.ts';
import { GoDuration, GoTime } from './times.ts';
import { GoNil, type GoValue, isMap, isTrue, printed, structType, typeName } from './values.ts';

/**
 * What the template makes of `data`, by the rules of Go's text/template.
 * @param isTable control characters of the data are shown, not written: a cell stays in its line
 * @throws TemplateError, after as much of the output as there was is given to `write`
 */
export function executeTemplate(
  template: ParsedTemplate,
  data: GoValue,
  write: (text: string) => void,
  isTable = false,
): void {
  new Execution(template, write, isTable).run(data);
}

/** `{{break}}` and `{{continue}}` on their way to their `{{range}}`. */
class LoopExit extends Error {
  readonly kind: 'break' | 'continue';
  constructor(kind: 'break' | 'continue') {
    super(kind);
    this.kind = kind;
  }
}

interface Variable {
  name: string;
  value: GoValue;
}

/** No value comes through the pipe. */
const ABSENT = Symbol('absent');
const DEEPEST = 1000;

class Execution {
  private variables: Variable[] = [];
  private depth = 0;
  private place: { at: number; shown: string } = { at: 0, shown: '' };
  private templateName: string;
  private readonly template: ParsedTemplate;
  private readonly write: (text: string) => void;
  private readonly isTable: boolean;

  constructor(template: ParsedTemplate, write: (text: string) => void, isTable: boolean) {
    this.template = template;
    this.templateName = template.name;
    this.write = write;
    this.isTable = isTable;
  }

  run(data: GoValue): void {
    this.variables = [{ name: '$', value: data }];
    this.walkAll(this.template.body, data);
  }

  private walkAll(nodes: readonly Node[], dot: GoValue): void {
    for (const node of nodes) this.walk(node, dot);
  }

  private walk(node: Node, dot: GoValue): void {
    switch (node.kind) {
      case 'text':
        this.write(node.text);
        return;
      case 'action': {
        const value = this.pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.write(this.cell(node.pipe, printed(value)));
        return;
      }
      case 'break':
      case 'continue':
        throw new LoopExit(node.kind);
      case 'template':
        this.at(node.at, `{{template ${JSON.stringify(node.name)}}}`);
        this.call(node, dot);
        return;
      case 'range':
        this.scope(() => this.range(node, dot));
        return;
      default:
        this.scope(() => {
          const value = this.pipe(node.pipe, dot);
          if (isTrue(value)) this.walkAll(node.body, node.kind === 'with' ? value : dot);
          else if (node.otherwise) this.walkAll(node.otherwise, dot);
        });
    }
  }

  /** A constant is the template's own, tabs and all; so are those that a function puts between its arguments. */
  private cell(pipe: Pipe, text: string): string {
    const last = pipe.commands.at(-1)?.operands[0];
    if (!this.isTable || last?.kind === 'constant') return text;
    return last?.kind === 'function' ? visibleLines(text) : visibleText(text);
  }

  private scope(work: () => void): void {
    const known = this.variables.length;
    try {
      work();
    } finally {
      this.variables.length = known;
    }
  }

  private range(node: BranchNode, dot: GoValue): void {
    const known = this.variables.length;
    const list = this.pipe(node.pipe, dot);
    const pairs = this.pairsOf(list);
    if (pairs.length === 0) {
      this.walkAll(node.otherwise ?? [], dot);
      return;
    }
    const { variables, isAssignment } = node.pipe;
    this.variables.length = known;
    for (const [key, value] of pairs) {
      const given = variables.length > 1 ? [key, value] : [value];
      for (const [i, name] of variables.entries()) {
        if (isAssignment) this.assign(name, given[i]);
        else this.variables.push({ name, value: given[i] });
      }
      try {
        this.walkAll(node.body, value);
      } catch (error) {
        if (!(error instanceof LoopExit)) throw error;
        if (error.kind === 'break') return;
      } finally {
        this.variables.length = known;
      }
    }
  }

  private pairsOf(list: GoValue): [GoValue, GoValue][] {
    if (list === undefined || list === null || list instanceof GoNil) return [];
    if (Array.isArray(list)) return list.map((value, i) => [i, value]);
    if (!isMap(list)) return this.fail(`range can't iterate over ${printed(list)}`);
    return Object.entries(list).toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  private call({ name, pipe }: TemplateNode, dot: GoValue): void {
    const body = this.template.defined.get(name);
    if (body === undefined) this.fail(`template ${JSON.stringify(name)} not defined`);
    if (this.depth >= DEEPEST) this.fail(`exceeded maximum template depth (${DEEPEST})`);
    const data = pipe && this.pipe(pipe, dot);
    const outer = { variables: this.variables, name: this.templateName };
    this.variables = [{ name: '$', value: data }];
    this.templateName = name;
    this.depth += 1;
    this.walkAll(body, data);
    this.depth -= 1;
    this.variables = outer.variables;
    this.templateName = outer.name;
  }

  private pipe(pipe: Pipe, dot: GoValue): GoValue {
    this.at(pipe.at, pipeText(pipe));
    let value: GoValue | typeof ABSENT = ABSENT;
    for (const command of pipe.commands) value = this.command(command, dot, value);
    for (const name of pipe.variables) {
      if (pipe.isAssignment) this.assign(name, value);
      else this.variables.push({ name, value });
    }
    return value;
  }

  private command(command: Command, dot: GoValue, final: GoValue | typeof ABSENT): GoValue {
    const [first, ...rest] = command.operands as [Operand, ...Operand[]];
    if (first.kind === 'function') return this.callFunction(first, command, rest, dot, final);
    if (first.kind === 'field' || first.kind === 'variable' || first.kind === 'chain') {
      const base =
        first.kind === 'field'
          ? dot
          : first.kind === 'variable'
            ? this.variable(first.name)
            : this.operand(first.base, dot);
      if (first.path.length > 0) return this.fields(base, first, rest, dot, final);
    }
    this.at(first.at, operandText(first));
    if (rest.length > 0 || final !== ABSENT)
      this.fail(`can't give argument to non-function ${operandText(first)}`);
    if (first.kind === 'nil') this.fail('nil is not a command');
    return this.operand(first, dot);
  }

  private operand(operand: Operand, dot: GoValue): GoValue {
    this.at(operand.at, operandText(operand));
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return null;
      case 'constant':
        return operand.value;
      case 'pipe':
        return this.pipe(operand, dot);
      case 'function':
        return this.callFunction(operand, { at: operand.at, operands: [operand] }, [], dot, ABSENT);
      case 'field':
        return this.fields(dot, operand, [], dot, ABSENT);
      case 'variable':
        return this.fields(this.variable(operand.name), operand, [], dot, ABSENT);
      case 'chain':
        return this.fields(this.operand(operand.base, dot), operand, [], dot, ABSENT);
    }
  }

  private fields(
    base: GoValue,
    operand: Operand & { path: string[] },
    rest: readonly Operand[],
    dot: GoValue,
    final: GoValue | typeof ABSENT,
  ): GoValue {
    const last = operand.path.length - 1;
    return operand.path.reduce<GoValue>((value, name, i) => {
      const args = i === last ? rest.map((one) => this.operand(one, dot)) : [];
      if (i === last && final !== ABSENT) args.push(final);
      this.at(operand.at, operandText(operand));
      return this.field(value, name, args);
    }, base);
  }

  private field(value: GoValue, name: string, args: readonly GoValue[]): GoValue {
    if (value === undefined || value === null) {
      return value === undefined ? undefined : this.fail(`nil pointer evaluating interface {}.${name}`);
    }
    if (value instanceof GoTime || value instanceof GoDuration) return this.timeMethod(value, name, args);
    if (value instanceof GoNil && value.kind === 'map') return undefined;
    if (value instanceof GoNil && value.kind === 'pointer')
      this.fail(`nil pointer evaluating ${value.typeName}.${name}`);
    const type = structType(value);
    if (
      (type === undefined && !isMap(value)) ||
      (type !== undefined && !Object.hasOwn(value as object, name))
    )
      return this.fail(`can't evaluate field ${name} in type ${type ?? typeName(value)}`);
    const found = Object.hasOwn(value as object, name) ? (value as Record<string, GoValue>)[name] : undefined;
    if (typeof found === 'function') return found.apply(value, args);
    if (args.length > 0)
      this.fail(
        type === undefined
          ? `${name} is not a method but has arguments`
          : `${name} has arguments but cannot be invoked as function`,
      );
    return found;
  }

  private timeMethod(value: GoTime | GoDuration, name: string, args: readonly GoValue[]): GoValue {
    if (value instanceof GoTime) {
      if (name === 'Format') return value.format(String(args[0]));
      if (name === 'Unix') return Math.floor(value.milliseconds / 1000);
      if (name === 'UnixNano') return BigInt(value.milliseconds) * 1_000_000n;
      if (name === 'Year') return Number(value.iso.slice(0, 4));
      if (name === 'IsZero') return value.iso.startsWith('0001-01-01T00:00:00');
      if (name === 'UTC' || name === 'Local') return value;
    } else {
      if (name === 'Seconds') return Number(value.nanoseconds) / 1e9;
      if (name === 'Minutes') return Number(value.nanoseconds) / 60e9;
      if (name === 'Hours') return Number(value.nanoseconds) / 3600e9;
      if (name === 'Milliseconds') return Number(value.nanoseconds / 1_000_000n);
      if (name === 'Nanoseconds') return value.nanoseconds;
    }
    if (name === 'String') return value.toString();
    return this.fail(`can't evaluate field ${name} in type ${typeName(value)}`);
  }

  private callFunction(
    operand: Operand & { name: string },
    command: Command,
    rest: readonly Operand[],
    dot: GoValue,
    final: GoValue | typeof ABSENT,
  ): GoValue {
    const { name } = operand;
    const called = TEMPLATE_FUNCTIONS[name]!;
    this.at(operand.at, name);
    const count = rest.length + (final === ABSENT ? 0 : 1);
    if (called.most !== Number.POSITIVE_INFINITY && count !== called.most)
      this.fail(`wrong number of args for ${name}: want ${called.most} got ${count}`);
    if (count < called.least)
      this.fail(`wrong number of args for ${name}: want at least ${called.least} got ${rest.length}`);
    if (name === 'and' || name === 'or') return this.shortCircuit(name, rest, dot, final);
    const args = rest.map((one) => this.operand(one, dot));
    if (final !== ABSENT) args.push(final);
    try {
      return called.call(...args);
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      const isTypeError = /^(wrong type|invalid value)/.test(error.message);
      if (isTypeError)
        this.at(rest.at(0)?.at ?? command.at, rest[0] ? operandText(rest[0]) : commandText(command));
      else this.at(command.at, commandText(command));
      return this.fail(isTypeError ? error.message : `error calling ${name}: ${error.message}`);
    }
  }

  /** Arguments after the one that decides are not looked at. */
  private shortCircuit(
    name: 'and' | 'or',
    rest: readonly Operand[],
    dot: GoValue,
    final: GoValue | typeof ABSENT,
  ): GoValue {
    let value: GoValue;
    for (const one of rest) {
      value = this.operand(one, dot);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return final === ABSENT ? value : final;
  }

  private variable(name: string): GoValue {
    const found = this.variables.findLast((one) => one.name === name);
    return found === undefined ? this.fail(`undefined variable: ${name}`) : found.value;
  }

  private assign(name: string, value: GoValue): void {
    const found = this.variables.findLast((one) => one.name === name);
    if (found === undefined) this.fail(`undefined variable: ${name}`);
    else found.value = value;
  }

  private at(at: number, shown: string): void {
    this.place = { at, shown };
  }

  private fail(message: string): never {
    const { input, name } = this.template;
    const { at, shown } = this.place;
    const column = at - (input.lastIndexOf('\n', at - 1) + 1);
    const context = shown.length > 20 ? `${shown.slice(0, 20)}...` : shown;
    throw new TemplateError(
      `template: ${name}:${lineOf(input, at)}:${column}: executing ${JSON.stringify(this.templateName)} at <${context}>: ${message}`,
    );
  }
}
