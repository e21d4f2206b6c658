/** Stand-ins for the optional syntax of CEL, which the parser does not know. */
export const OPTIONAL_FIELD = '__optional_field__';
export const OPTIONAL_MARK = '__optional__';

interface Open {
  bracket: string;
  /** A mark was opened and closes at the end of this element. */
  marked: boolean;
  ternaries: number;
}

/**
 * Rewrites `a.?b`, `a[?b]`, `[?a]` and `{?k: v}` to what the parser accepts: a marked field name, and calls of a
 * mark around the index, element or key. Text in quotes and comments stays.
 */
export function rewriteOptionals(source: string): string {
  if (!source.includes('?')) return source;
  const open: Open[] = [];
  let result = '';
  let at = 0;
  const closeMark = () => {
    const top = open.at(-1);
    if (top?.marked !== true) return;
    top.marked = false;
    result += ')';
  };
  while (at < source.length) {
    const quoted = quotedAt(source, at);
    if (quoted > 0) {
      result += source.slice(at, at + quoted);
      at += quoted;
      continue;
    }
    const character = source[at]!;
    const top = open.at(-1);
    if (character === '.' && /^\.\s*\?/.test(source.slice(at, at + 8))) {
      const skipped = /^\.\s*\?\s*/.exec(source.slice(at))![0].length;
      result += `.${OPTIONAL_FIELD}`;
      at += skipped;
      continue;
    }
    if ('([{'.includes(character)) open.push({ bracket: character, marked: false, ternaries: 0 });
    else if (')]}'.includes(character)) {
      closeMark();
      open.pop();
    } else if (character === ',') closeMark();
    else if (character === '?' && top !== undefined && startsElement(result)) {
      top.marked = true;
      result += `${OPTIONAL_MARK}(`;
      at++;
      continue;
    } else if (character === '?' && top !== undefined) top.ternaries++;
    else if (character === ':' && top !== undefined) {
      if (top.ternaries > 0) top.ternaries--;
      else if (top.bracket === '{') closeMark();
    }
    result += character;
    at++;
  }
  return result;
}

function startsElement(before: string): boolean {
  return /[[{,]\s*$/.test(before);
}

/** The length of the string literal or comment that begins here; 0 for neither. */
function quotedAt(source: string, at: number): number {
  if (source.startsWith('//', at)) {
    const end = source.indexOf('\n', at);
    return (end < 0 ? source.length : end) - at;
  }
  const quote = source[at];
  if (quote !== '"' && quote !== "'") return 0;
  const raw = /[rR][bB]?$|[bB][rR]$/.test(source.slice(Math.max(0, at - 2), at));
  const fence = source.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  let end = at + fence.length;
  while (end < source.length && !source.startsWith(fence, end)) end += !raw && source[end] === '\\' ? 2 : 1;
  return Math.min(end + fence.length, source.length) - at;
}
