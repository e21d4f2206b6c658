import { TemplateError } from './template-error.ts';

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'space'
  | 'keyword'
  | 'identifier'
  | 'field'
  | 'dot'
  | 'variable'
  | 'string'
  | 'number'
  | 'character'
  | 'boolean'
  | 'nil'
  | 'pipe'
  | 'declare'
  | 'assign'
  | 'left-paren'
  | 'right-paren'
  | 'other'
  | 'end';

export interface Token {
  kind: TokenKind;
  at: number;
  text: string;
}

export const KEYWORDS = new Set([
  ...['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with'],
]);

/** One alternative a kind of token, tried in this order at each place inside an action. */
const INSIDE: [TokenKind, RegExp][] = [
  ['space', /[ \t\r\n]+/y],
  ['declare', /:=/y],
  ['assign', /=/y],
  ['pipe', /\|/y],
  ['string', /"(?:\\[^\n]|[^"\\\n])*"|`[^`]*`/y],
  ['character', /'(?:\\[^\n]|[^'\\\n])*'/y],
  [
    'number',
    /[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y,
  ],
  ['variable', /\$[\p{L}\p{Nd}_]*/uy],
  ['field', /\.[\p{L}\p{Nd}_]+/uy],
  ['dot', /\./y],
  ['identifier', /[\p{L}\p{Nd}_]+/uy],
  ['left-paren', /\(/y],
  ['right-paren', /\)/y],
];

const WORDS = new Set<TokenKind>(['variable', 'field', 'dot', 'identifier']);

/**
 * The words of a template, of Go's text/template (its documentation, "Actions" and "Text and spaces").
 * @throws TemplateError
 */
export function tokenize(name: string, input: string): Token[] {
  const tokens: Token[] = [];
  const fail = (at: number, message: string): never => {
    throw new TemplateError(`template: ${name}:${lineOf(input, at)}: ${message}`);
  };
  let at = 0;
  while (at < input.length) {
    const open = input.indexOf('{{', at);
    if (open < 0) {
      tokens.push({ kind: 'text', at, text: input.slice(at) });
      break;
    }
    const isTrimmed = /^-[ \t\r\n]/.test(input.slice(open + 2, open + 4));
    const before = input.slice(at, open);
    const text = isTrimmed ? before.replace(/[ \t\r\n]+$/, '') : before;
    if (text !== '') tokens.push({ kind: 'text', at, text });
    const inside = open + 2 + (isTrimmed ? 2 : 0);
    at = input.startsWith('/*', inside)
      ? skipComment(input, inside, fail)
      : tokenizeAction({ input, open, inside, tokens, fail });
  }
  tokens.push({ kind: 'end', at: input.length, text: 'EOF' });
  return tokens;
}

type Fail = (at: number, message: string) => never;

function skipComment(input: string, at: number, fail: Fail): number {
  const end = input.indexOf('*/', at + 2);
  if (end < 0) return fail(at, 'unclosed comment');
  return closingAt(input, end + 2) ?? fail(at, 'comment ends before closing delimiter');
}

/** Where the text goes on after `}}` or ` -}}` at this place. */
function closingAt(input: string, at: number): number | undefined {
  if (input.startsWith('}}', at)) return at + 2;
  const trimmed = /[ \t\r\n]-\}\}[ \t\r\n]*/y;
  trimmed.lastIndex = at;
  return trimmed.test(input) ? trimmed.lastIndex : undefined;
}

function tokenizeAction(action: {
  input: string;
  open: number;
  inside: number;
  tokens: Token[];
  fail: Fail;
}): number {
  const { input, open, tokens, fail } = action;
  tokens.push({ kind: 'open', at: open, text: '{{' });
  let at = action.inside;
  let depth = 0;
  for (;;) {
    // The space before a trim marker belongs to it; further spaces are a token of their own.
    const spaces = /^[ \t\r\n]*(?=[ \t\r\n]-\}\})/.exec(input.slice(at))?.[0].length ?? 0;
    const close = closingAt(input, at + spaces);
    if (close !== undefined) {
      if (depth > 0) fail(at, 'unclosed left paren');
      tokens.push({ kind: 'close', at, text: '}}' });
      return close;
    }
    if (at >= input.length) fail(at, 'unclosed action');
    const token = wordAt(input, at, fail);
    if (token.kind === 'left-paren') depth += 1;
    if (token.kind === 'right-paren') depth -= 1;
    if (depth < 0) fail(at, 'unexpected right paren');
    tokens.push(token);
    at += token.text.length;
  }
}

function wordAt(input: string, at: number, fail: Fail): Token {
  for (const [kind, pattern] of INSIDE) {
    pattern.lastIndex = at;
    const text = pattern.exec(input)?.[0];
    if (text === undefined) continue;
    const end = at + text.length;
    if (WORDS.has(kind)) refuseBadEnd(input, end, fail);
    if (kind === 'number' && /[\p{L}\p{Nd}_]/u.test(input[end] ?? ''))
      fail(at, `bad number syntax: ${JSON.stringify(input.slice(at, end + 1))}`);
    return { kind: kind === 'identifier' ? wordKind(text) : kind, at, text };
  }
  const next = String.fromCodePoint(input.codePointAt(at)!);
  if (next === '"') fail(at, 'unterminated quoted string');
  if (next === '`') fail(at, 'unterminated raw quoted string');
  if (next === "'") fail(at, 'unterminated character constant');
  if (next === ':') fail(at, 'expected :=');
  if (!/[\x20-\x7e]/.test(next)) fail(at, `unrecognized character in action: ${codePoint(next)}`);
  return { kind: 'other', at, text: next };
}

function wordKind(word: string): TokenKind {
  if (KEYWORDS.has(word)) return 'keyword';
  if (word === 'true' || word === 'false') return 'boolean';
  return word === 'nil' ? 'nil' : 'identifier';
}

/** What may stand after a name without a space. */
function refuseBadEnd(input: string, at: number, fail: Fail): void {
  const next = input.codePointAt(at);
  if (next === undefined || input.startsWith('}}', at)) return;
  const text = String.fromCodePoint(next);
  if (!/[ \t\r\n.,|:()]/.test(text)) fail(at, `bad character ${codePoint(text)}`);
}

function codePoint(character: string): string {
  const hex = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return `U+${hex} '${character}'`;
}

export function lineOf(input: string, at: number): number {
  return input.slice(0, at).split('\n').length;
}
