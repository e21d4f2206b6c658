import { BadRequest } from '../../base/index.ts';
import { globToRegExp } from './glob.ts';

export type Variables = (name: string) => string | undefined;

interface Cursor {
  text: string;
  at: number;
  escapeChar: string;
  variables: Variables;
}

/**
 * Splits at blanks outside of quotes; quotes and escapes stay (Dockerfile reference, "Environment
 * replacement").
 */
export function splitWords(text: string, escapeChar = '\\'): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === escapeChar && quote !== "'" && i + 1 < text.length) {
      word += char + text[++i]!;
    } else if (quote !== '') {
      if (char === quote) quote = '';
      word += char;
    } else if (/\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (char === '"' || char === "'") quote = char;
      word += char;
    }
  }
  if (word !== '') words.push(word);
  return words;
}

/**
 * One word with its variables replaced and its quotes taken away: `$v`, `${v}`, `${v:-w}`, `${v-w}`, `${v:+w}`,
 * `${v+w}`, `${v:?w}`, `${v?w}`, `${v#p}`, `${v##p}`, `${v%p}`, `${v%%p}`, `${v/p/w}`, `${v//p/w}`.
 *
 * @throws BadRequest for a brace without its end, an unknown modifier, or what `:?` asks.
 */
export function expandWord(text: string, variables: Variables, escapeChar = '\\'): string {
  return readUntil({ text, at: 0, escapeChar, variables }, '');
}

/** Like `expandWord`, of a text in which quotes mean nothing: a heredoc's. */
export function expandText(text: string, variables: Variables, escapeChar = '\\'): string {
  const cursor: Cursor = { text, at: 0, escapeChar, variables };
  let out = '';
  while (cursor.at < text.length) {
    const char = text[cursor.at]!;
    if (char === escapeChar && text[cursor.at + 1] === '$') {
      out += '$';
      cursor.at += 2;
    } else if (char === '$') out += readDollar(cursor);
    else {
      out += char;
      cursor.at++;
    }
  }
  return out;
}

function readUntil(cursor: Cursor, stop: string): string {
  let out = '';
  while (cursor.at < cursor.text.length) {
    const char = cursor.text[cursor.at]!;
    if (stop.includes(char)) return out;
    if (char === "'") out += readSingleQuoted(cursor);
    else if (char === '"') out += readDoubleQuoted(cursor);
    else if (char === '$') out += readDollar(cursor);
    else if (char === cursor.escapeChar) {
      out += cursor.text[cursor.at + 1] ?? cursor.escapeChar;
      cursor.at += 2;
    } else {
      out += char;
      cursor.at++;
    }
  }
  if (stop !== '') throw new BadRequest(`syntax error: missing '}' in ${cursor.text}`);
  return out;
}

function readSingleQuoted(cursor: Cursor): string {
  const end = cursor.text.indexOf("'", cursor.at + 1);
  if (end < 0) throw new BadRequest('unexpected end of statement while looking for matching single-quote');
  const inner = cursor.text.slice(cursor.at + 1, end);
  cursor.at = end + 1;
  return inner;
}

function readDoubleQuoted(cursor: Cursor): string {
  let out = '';
  cursor.at++;
  while (cursor.at < cursor.text.length) {
    const char = cursor.text[cursor.at]!;
    if (char === '"') {
      cursor.at++;
      return out;
    }
    if (char === '$') out += readDollar(cursor);
    else if (char === cursor.escapeChar) {
      const next = cursor.text[cursor.at + 1] ?? '';
      out += ['"', '$', cursor.escapeChar].includes(next) ? next : char + next;
      cursor.at += 2;
    } else {
      out += char;
      cursor.at++;
    }
  }
  throw new BadRequest('unexpected end of statement while looking for matching double-quote');
}

function readDollar(cursor: Cursor): string {
  cursor.at++;
  if (cursor.text[cursor.at] === '{') {
    cursor.at++;
    return readBraced(cursor);
  }
  const name = /^(?:[a-zA-Z_][a-zA-Z0-9_]*|[0-9@*#?!$-])/.exec(cursor.text.slice(cursor.at))?.[0];
  if (name === undefined) return '$';
  cursor.at += name.length;
  return cursor.variables(name) ?? '';
}

function readBraced(cursor: Cursor): string {
  const name = /^(?:[a-zA-Z_][a-zA-Z0-9_]*|[0-9@*#])/.exec(cursor.text.slice(cursor.at))?.[0] ?? '';
  if (name === '') throw new BadRequest(`syntax error: bad substitution in ${cursor.text}`);
  cursor.at += name.length;
  const modifier = /^(?::[-+?]|[-+?}]|##?|%%?|\/\/?)/.exec(cursor.text.slice(cursor.at))?.[0];
  if (modifier === undefined)
    throw new BadRequest(
      cursor.at >= cursor.text.length
        ? `syntax error: missing '}' in ${cursor.text}`
        : `unsupported modifier (${cursor.text.slice(cursor.at, cursor.at + 2)}) in substitution`,
    );
  cursor.at += modifier.length;
  const value = cursor.variables(name);
  if (modifier === '}') return value ?? '';
  if (modifier.startsWith('/')) return readReplacement(cursor, value, modifier === '//');
  const word = readUntil(cursor, '}');
  cursor.at++;
  return modified({ name, value, modifier, word });
}

function modified(use: { name: string; value: string | undefined; modifier: string; word: string }): string {
  const { name, value, modifier, word } = use;
  const isSet = value !== undefined && (!modifier.startsWith(':') || value !== '');
  switch (modifier.at(-1)) {
    case '-':
      return isSet ? value : word;
    case '+':
      return isSet ? word : '';
    case '?':
      if (isSet) return value;
      throw new BadRequest(`${name}: ${word || (modifier === '?' ? 'not set' : 'not set or empty')}`);
    case '#':
      return trimmed(value ?? '', word, 'start', modifier === '##');
    default:
      return trimmed(value ?? '', word, 'end', modifier === '%%');
  }
}

function trimmed(value: string, pattern: string, side: 'start' | 'end', longest: boolean): string {
  const shape = new RegExp(`^(?:${globToRegExp(pattern, { acrossSlashes: true })})$`, 's');
  const lengths = [...Array(value.length + 1).keys()];
  for (const length of longest ? lengths.reverse() : lengths) {
    const cut = side === 'start' ? value.slice(0, length) : value.slice(value.length - length);
    if (shape.test(cut))
      return side === 'start' ? value.slice(length) : value.slice(0, value.length - length);
  }
  return value;
}

function readReplacement(cursor: Cursor, value: string | undefined, all: boolean): string {
  const pattern = readUntil(cursor, '/');
  cursor.at++;
  const word = readUntil(cursor, '}');
  cursor.at++;
  const shape = new RegExp(globToRegExp(pattern, { acrossSlashes: true }), all ? 'gs' : 's');
  return (value ?? '').replace(shape, () => word);
}
