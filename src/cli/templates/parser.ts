import { parseCharacter, parseNumber, unquote } from './constants.ts';
import { lineOf, type Token, type TokenKind, tokenize } from './lexer.ts';
import type { Command, Node, Operand, Pipe } from './nodes.ts';
import { operandText } from './nodes.ts';
import { TemplateError } from './template-error.ts';

/** A template and those it defines by `define` and `block`. */
export interface ParsedTemplate {
  name: string;
  input: string;
  body: Node[];
  defined: Map<string, Node[]>;
}

/**
 * Parses a template of Go's text/template.
 * @param functions names that may be called.
 * @throws TemplateError
 */
export function parseTemplate(name: string, input: string, functions: ReadonlySet<string>): ParsedTemplate {
  return new Parser(name, input, functions).parse();
}

class Parser {
  private readonly tokens: Token[];
  private position = 0;
  private variables: string[] = ['$'];
  private rangeDepth = 0;
  private readonly defined = new Map<string, Node[]>();
  private readonly name: string;
  private readonly input: string;
  private readonly functions: ReadonlySet<string>;

  constructor(name: string, input: string, functions: ReadonlySet<string>) {
    this.name = name;
    this.input = input;
    this.functions = functions;
    this.tokens = tokenize(name, input);
  }

  parse(): ParsedTemplate {
    const { nodes, ended } = this.list(true);
    if (ended !== 'end of input') this.fail(`unexpected {{${ended}}}`);
    return { name: this.name, input: this.input, body: nodes, defined: this.defined };
  }

  /** Nodes up to `{{end}}`, `{{else` (its brackets are taken too) or the end of the input. */
  private list(isTop = false): { nodes: Node[]; ended: 'end' | 'else' | 'end of input' } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.next();
      if (token.kind === 'end') {
        if (!isTop) this.fail('unexpected EOF');
        return { nodes, ended: 'end of input' };
      }
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', at: token.at, text: token.text });
        continue;
      }
      const word = this.peekWord();
      if (word.kind === 'keyword' && (word.text === 'end' || word.text === 'else')) {
        this.nextWord();
        if (word.text === 'end') this.expect('close', 'end');
        return { nodes, ended: word.text };
      }
      if (word.kind === 'keyword' && word.text === 'define') this.define(isTop);
      else nodes.push(this.action());
    }
  }

  private action(): Node {
    const word = this.peekWord();
    if (word.kind !== 'keyword') {
      return { kind: 'action', at: word.at, pipe: this.pipe('command', 'close') };
    }
    this.nextWord();
    switch (word.text) {
      case 'if':
      case 'range':
      case 'with':
        return this.branch(word.text);
      case 'template':
        return this.template();
      case 'block':
        return this.block(word);
      case 'break':
      case 'continue':
        if (this.rangeDepth === 0) this.fail(`{{${word.text}}} outside {{range}}`);
        this.expect('close', word.text);
        return { kind: word.text, at: word.at };
      default:
        return this.unexpected(word, 'command');
    }
  }

  private branch(kind: 'if' | 'range' | 'with'): Node {
    const known = this.variables.length;
    const pipe = this.pipe(kind, 'close');
    if (kind === 'range') this.rangeDepth += 1;
    const { nodes, ended } = this.list();
    if (kind === 'range') this.rangeDepth -= 1;
    const node = { kind, at: pipe.at, pipe, body: nodes } as const;
    if (ended === 'end') {
      this.variables.length = known;
      return node;
    }
    const otherwise = this.otherwise(kind);
    this.variables.length = known;
    return { ...node, otherwise };
  }

  /** After `{{else`: a list of its own, or `else if`/`else with`, which the same `{{end}}` ends. */
  private otherwise(kind: 'if' | 'range' | 'with'): Node[] {
    const word = this.peekWord();
    if (kind !== 'range' && word.kind === 'keyword' && word.text === kind) {
      this.nextWord();
      return [this.branch(kind)];
    }
    this.expect('close', 'else');
    const { nodes, ended } = this.list();
    if (ended !== 'end') this.fail(`expected end; found {{else}}`);
    return nodes;
  }

  private define(isTop: boolean): void {
    const word = this.nextWord();
    if (!isTop) this.unexpected(word, 'command');
    const name = this.templateName('define clause');
    this.expect('close', 'define clause');
    const outer = this.variables;
    this.variables = ['$'];
    const { nodes, ended } = this.list();
    if (ended !== 'end') this.fail('unexpected {{else}} in define clause');
    this.variables = outer;
    this.defined.set(name, nodes);
  }

  private template(): Node {
    const nameAt = this.peekWord().at;
    const name = this.templateName('template clause');
    if (this.peekWord().kind === 'close') {
      this.nextWord();
      return { kind: 'template', at: nameAt, name };
    }
    return { kind: 'template', at: nameAt, name, pipe: this.pipe('template clause', 'close') };
  }

  private block(word: Token): Node {
    const name = this.templateName('block clause');
    const pipe = this.pipe('block clause', 'close');
    const outer = this.variables;
    this.variables = ['$'];
    const { nodes, ended } = this.list();
    if (ended !== 'end') this.fail('unexpected {{else}} in block clause');
    this.variables = outer;
    if (!this.defined.has(name)) this.defined.set(name, nodes);
    return { kind: 'template', at: word.at, name, pipe };
  }

  private templateName(context: string): string {
    const token = this.nextWord();
    if (token.kind !== 'string') return this.unexpected(token, context);
    return unquote(token.text) ?? this.fail(`invalid syntax`);
  }

  private pipe(context: string, until: TokenKind): Pipe {
    const pipe: Pipe = {
      kind: 'pipe',
      at: this.peekWord().at,
      variables: [],
      isAssignment: false,
      commands: [],
    };
    this.declarations(pipe, context);
    for (;;) {
      const token = this.nextWord();
      if (token.kind === until) break;
      if (token.kind === 'close' || token.kind === 'right-paren') this.unexpected(token, context);
      this.position -= 1;
      pipe.commands.push(this.command(context));
    }
    if (pipe.commands.length === 0) this.fail(`missing value for ${context}`);
    for (const [i, command] of pipe.commands.slice(1).entries()) {
      const first = command.operands[0]!;
      if (['constant', 'dot', 'nil'].includes(first.kind))
        this.fail(`non executable command in pipeline stage ${i + 2}`);
    }
    return pipe;
  }

  /** `$x :=`, `$x =` and, in `range`, `$i, $x :=`. */
  private declarations(pipe: Pipe, context: string): void {
    const start = this.position;
    const names: string[] = [];
    for (;;) {
      const variable = this.nextWord();
      if (variable.kind !== 'variable') break;
      names.push(variable.text);
      const after = this.nextWord();
      if (after.kind === 'declare' || after.kind === 'assign') {
        pipe.variables = names;
        pipe.isAssignment = after.kind === 'assign';
        if (pipe.isAssignment) for (const name of names) this.refuseUnknown(name);
        else this.variables.push(...names);
        return;
      }
      if (after.kind !== 'other' || after.text !== ',') break;
      if (context !== 'range' || names.length > 1) this.fail(`too many declarations in ${context}`);
    }
    this.position = start;
  }

  private command(context: string): Command {
    const command: Command = { at: this.peekWord().at, operands: [] };
    for (;;) {
      this.skipSpace();
      const operand = this.operand();
      if (operand !== undefined) command.operands.push(operand);
      const token = this.next();
      if (token.kind === 'space') continue;
      if (token.kind === 'close' || token.kind === 'right-paren') {
        this.position -= 1;
        break;
      }
      if (token.kind === 'pipe') {
        const following = this.peekWord();
        if (following.kind === 'close' || following.kind === 'right-paren')
          this.fail(`missing value for ${context}`);
        break;
      }
      this.unexpected(token, 'operand');
    }
    if (command.operands.length === 0) this.fail('empty command');
    return command;
  }

  private operand(): Operand | undefined {
    const base = this.term();
    if (base === undefined || this.peek().kind !== 'field') return base;
    const at = this.peek().at;
    const path: string[] = [];
    while (this.peek().kind === 'field') path.push(this.next().text.slice(1));
    if (base.kind === 'field') return { kind: 'field', at, path: [...base.path, ...path] };
    if (base.kind === 'variable') return { ...base, at, path: [...base.path, ...path] };
    if (base.kind === 'constant' || base.kind === 'nil' || base.kind === 'dot')
      this.fail(`unexpected . after term ${JSON.stringify(operandText(base))}`);
    return { kind: 'chain', at, base, path };
  }

  private term(): Operand | undefined {
    const token = this.next();
    const { at, text } = token;
    switch (token.kind) {
      case 'identifier':
        if (!this.functions.has(text)) this.fail(`function ${JSON.stringify(text)} not defined`);
        return { kind: 'function', at, name: text };
      case 'dot':
      case 'nil':
        return { kind: token.kind, at };
      case 'variable':
        this.refuseUnknown(text);
        return { kind: 'variable', at, name: text, path: [] };
      case 'field':
        return { kind: 'field', at, path: [text.slice(1)] };
      case 'left-paren':
        return this.pipe('parenthesized pipeline', 'right-paren');
      case 'boolean':
        return { kind: 'constant', at, text, value: text === 'true' };
      case 'string':
        return { kind: 'constant', at, text, value: unquote(text) ?? this.fail('invalid syntax') };
      case 'character':
        return {
          ...{ kind: 'constant', at, text },
          value: parseCharacter(text) ?? this.fail(`malformed character constant: ${text}`),
        };
      case 'number':
        return {
          ...{ kind: 'constant', at, text },
          value: parseNumber(text) ?? this.fail(`illegal number syntax: ${JSON.stringify(text)}`),
        };
      default:
        this.position -= 1;
        return undefined;
    }
  }

  private refuseUnknown(name: string): void {
    if (!this.variables.includes(name)) this.fail(`undefined variable ${JSON.stringify(name)}`);
  }

  private peek(): Token {
    return this.tokens[Math.min(this.position, this.tokens.length - 1)]!;
  }

  private next(): Token {
    const token = this.peek();
    this.position += 1;
    return token;
  }

  private skipSpace(): void {
    while (this.peek().kind === 'space') this.position += 1;
  }

  private peekWord(): Token {
    this.skipSpace();
    return this.peek();
  }

  private nextWord(): Token {
    this.skipSpace();
    return this.next();
  }

  private expect(kind: TokenKind, context: string): void {
    const token = this.nextWord();
    if (token.kind !== kind) this.unexpected(token, context);
  }

  private unexpected(token: Token, context: string): never {
    this.position = this.tokens.indexOf(token) + 1;
    if (token.kind === 'end') return this.fail('unexpected EOF');
    const shown =
      token.kind === 'keyword' || token.kind === 'dot' ? `<${token.text}>` : JSON.stringify(token.text);
    return this.fail(`unexpected ${shown} in ${context}`);
  }

  private fail(message: string): never {
    const at = this.tokens[Math.max(0, Math.min(this.position, this.tokens.length) - 1)]?.at ?? 0;
    throw new TemplateError(`template: ${this.name}:${lineOf(this.input, at)}: ${message}`);
  }
}
