const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\f': '\\f' };
/** C0, DEL and C1, and what turns the direction of a line around. */
const HIDDEN = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
const HIDDEN_IN_A_LINE = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text of somebody else's (a label, a command, an answer of a registry) for a terminal: what would move the
 * cursor or rewrite the line is shown as Go's `%q` has it, `\x1b`. For tables and messages; never for JSON.
 */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, shown);
}

/** The same, of text that has tabs and lines of its own. */
export function visibleLines(text: string): string {
  return text.replace(HIDDEN_IN_A_LINE, shown);
}

function shown(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x80) return SHORT[character] ?? `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
