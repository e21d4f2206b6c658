// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile look so
import { expect, test } from 'vitest';
import { expandText, expandWord, splitWords } from './words.ts';

const values: Record<string, string> = { a: 'one', empty: '', path: '/usr/lib/x.tar.gz' };
const expand = (text: string) => expandWord(text, (name) => values[name]);

test.each([
  ['$a-${a}', 'one-one'],
  ['${none:-else}', 'else'],
  ['${empty:-else}', 'else'],
  ['${empty-else}', ''],
  ['${a:+there}', 'there'],
  ['${empty:+there}', ''],
  ['${empty+there}', 'there'],
  ['${none:-${a}$a}', 'oneone'],
  ["'$a'", '$a'],
  ['"$a \\$a \\x"', 'one $a \\x'],
  ['\\$a', '$a'],
  ['a\\ b', 'a b'],
  ['$', '$'],
  ['${path##*/}', 'x.tar.gz'],
  ['${path#*/}', 'usr/lib/x.tar.gz'],
  ['${path%.*}', '/usr/lib/x.tar'],
  ['${path%%.*}', '/usr/lib/x'],
  ['${path/lib/LIB}', '/usr/LIB/x.tar.gz'],
  ['${path//\\//-}', '-usr-lib-x.tar.gz'],
])('expands %s to %s', (text, expected) => {
  expect(expand(text)).toBe(expected);
});

test.each([
  ['${a', "missing '}'"],
  ['${none:?is needed}', 'none: is needed'],
  ['${a!b}', 'unsupported modifier'],
  ['"open', 'matching double-quote'],
  ["'open", 'matching single-quote'],
])('refuses %s', (text, message) => {
  expect(() => expand(text)).toThrow(message);
});

test('splits at blanks outside of quotes and keeps the quotes', () => {
  expect(splitWords(`A=1 B="2 3"  C=x\\ y D='a b'`)).toEqual(['A=1', 'B="2 3"', 'C=x\\ y', "D='a b'"]);
});

test('quotes in a heredoc are text', () => {
  expect(expandText(`say "$a" '\${a}' \\$a`, (name) => values[name])).toBe(`say "one" 'one' $a`);
});
