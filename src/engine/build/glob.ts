import { BadRequest } from '../../base/index.ts';

/**
 * The source of a regular expression for a pattern of Go's filepath.Match; with `doubleStar`, `**` also stands
 * for any number of folders (moby/patternmatcher).
 *
 * @throws BadRequest `syntax error in pattern`
 */
export function globToRegExp(
  pattern: string,
  options: { acrossSlashes?: boolean; doubleStar?: boolean } = {},
): string {
  const one = options.acrossSlashes ? '.' : '[^/]';
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '*' && options.doubleStar && pattern[i + 1] === '*') {
      i++;
      if (pattern[i + 1] === '/') {
        i++;
        out += '(?:.*/)?';
      } else out += '.*';
    } else if (char === '*') out += `${one}*`;
    else if (char === '?') out += one;
    else if (char === '[') {
      const end = classEnd(pattern, i);
      out += pattern.slice(i, end + 1).replace(/^\[!/, '[^');
      i = end;
    } else if (char === '\\') {
      if (i + 1 >= pattern.length) throw new BadRequest(`syntax error in pattern ${JSON.stringify(pattern)}`);
      out += escaped(pattern[++i]!);
    } else out += escaped(char);
  }
  return out;
}

function classEnd(pattern: string, start: number): number {
  let i = start + 1;
  if (pattern[i] === '^' || pattern[i] === '!') i++;
  for (let first = true; i < pattern.length; i++, first = false) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === ']' && !first) return i;
  }
  throw new BadRequest(`syntax error in pattern ${JSON.stringify(pattern)}`);
}

function escaped(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

export function hasGlob(text: string): boolean {
  return /[*?[\\]/.test(text);
}
