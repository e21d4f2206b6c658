import { BadRequest } from '../../base/index.ts';
import type { LabelOperator, LabelRequirement } from './label-selector.ts';

type TokenKind = 'symbol' | 'keyword' | 'identifier' | 'end' | 'error';

interface Token {
  kind: TokenKind;
  text: string;
}

const SYMBOLS = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);
const BINARY_OPERATORS = 'in, notin, =, ==, !=, gt, lt';

/**
 * The grammar of k8s.io/apimachinery/pkg/labels.Parse: `KEY`, `!KEY`, `KEY=V`, `KEY==V`, `KEY!=V`,
 * `KEY in (A,B)`, `KEY notin (A)`, `KEY>1`, `KEY<1`, joined by commas. Keys and values are not checked here.
 *
 * @throws BadRequest with Kubernetes' own sentence.
 */
export function parseRequirements(text: string): LabelRequirement[] {
  const tokens = tokensOf(text);
  const requirements: LabelRequirement[] = [];
  for (;;) {
    const first = tokens.peek();
    if (first.kind === 'end') return requirements;
    if (!startsRequirement(first)) {
      throw new BadRequest(`found '${first.text}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(parseRequirement(tokens));
    const after = tokens.take();
    if (after.kind === 'end') return requirements;
    if (!isSymbol(after, ',')) {
      throw new BadRequest(`found '${after.text}', expected: ',' or 'end of string'`);
    }
    const next = tokens.peek();
    if (!startsRequirement(next)) {
      throw new BadRequest(`found '${next.text}', expected: identifier after ','`);
    }
  }
}

interface TokenStream {
  peek(): Token;
  take(): Token;
}

function tokensOf(text: string): TokenStream {
  const tokens: Token[] = [];
  // A run of special symbols is cut greedily, as the longest known symbols.
  for (const match of text.matchAll(/==|!=|[=!(),><]|[^=!(),><\s]+/g)) {
    const piece = match[0];
    if (SYMBOLS.has(piece)) tokens.push({ kind: 'symbol', text: piece });
    else tokens.push({ kind: piece === 'in' || piece === 'notin' ? 'keyword' : 'identifier', text: piece });
  }
  const end: Token = { kind: 'end', text: '' };
  let position = 0;
  return {
    peek: () => tokens[position] ?? end,
    take: () => tokens[position++] ?? end,
  };
}

function isSymbol(token: Token, text: string): boolean {
  return token.kind === 'symbol' && token.text === text;
}

/** In the place of a key or value, `in` and `notin` are ordinary words. */
function isWord(token: Token): boolean {
  return token.kind === 'identifier' || token.kind === 'keyword';
}

function startsRequirement(token: Token): boolean {
  return isWord(token) || isSymbol(token, '!');
}

function refuse(found: Token, expected: string): never {
  throw new BadRequest(`unable to parse requirement: found '${found.text}', expected: ${expected}`);
}

function parseRequirement(tokens: TokenStream): LabelRequirement {
  const negated = isSymbol(tokens.peek(), '!');
  if (negated) tokens.take();
  const key = tokens.take();
  if (!isWord(key)) refuse(key, 'identifier');
  const next = tokens.peek();
  if (next.kind === 'end' || isSymbol(next, ',')) {
    return { key: key.text, operator: negated ? '!' : 'exists', values: [] };
  }
  if (negated) return { key: key.text, operator: '!', values: [] };
  const operator = parseOperator(tokens);
  const values = operator === 'in' || operator === 'notin' ? parseValues(tokens) : [parseExactValue(tokens)];
  return { key: key.text, operator, values };
}

function parseOperator(tokens: TokenStream): LabelOperator {
  const token = tokens.take();
  if (token.kind === 'keyword') return token.text as 'in' | 'notin';
  if (token.kind === 'symbol' && ['=', '==', '!=', '>', '<'].includes(token.text)) {
    return token.text as LabelOperator;
  }
  return refuse(token, BINARY_OPERATORS);
}

function parseExactValue(tokens: TokenStream): string {
  const token = tokens.peek();
  if (token.kind === 'end' || isSymbol(token, ',')) return '';
  tokens.take();
  if (!isWord(token)) refuse(token, 'identifier');
  return token.text;
}

/** `(a,b)`, where an empty place is the empty value: `(,a)`, `()`. */
function parseValues(tokens: TokenStream): string[] {
  const open = tokens.take();
  if (!isSymbol(open, '(')) {
    throw new BadRequest(`unable to parse requirement: found '${open.text}' expected: '('`);
  }
  const values = new Set<string>();
  for (;;) {
    const token = tokens.take();
    if (isWord(token)) {
      values.add(token.text);
      const after = tokens.take();
      if (isSymbol(after, ')')) break;
      if (!isSymbol(after, ',')) refuse(after, "',' or ')'");
      if (isSymbol(tokens.peek(), ')')) values.add('');
    } else if (isSymbol(token, ',')) {
      values.add('');
      if (isSymbol(tokens.peek(), ')')) values.add('');
    } else if (isSymbol(token, ')')) {
      if (values.size === 0) values.add('');
      break;
    } else {
      refuse(token, "',', ')' or identifier");
    }
  }
  return [...values].sort();
}
