import { BadRequest } from '../../base/index.ts';

/** A text given in the Dockerfile itself: `<<EOF`. */
export interface Heredoc {
  name: string;
  content: string;
  /** Variables in it are expanded: its name was not quoted. */
  expand: boolean;
}

export interface Instruction {
  /** In capitals. */
  keyword: string;
  flags: { name: string; value: string | undefined }[];
  /** What follows keyword and flags, continued lines put together, comments inside taken out. */
  text: string;
  heredocs: Heredoc[];
  /** As it is shown: `RUN --mount=… echo hi`. */
  shown: string;
  /** The first is 1. */
  line: number;
}

export interface ParsedDockerfile {
  instructions: Instruction[];
  /** `\` or, after `# escape=`, a backtick. */
  escapeChar: string;
}

const WITH_HEREDOCS = new Set(['RUN', 'COPY', 'ADD']);
const WITH_FLAGS = new Set(['FROM', 'RUN', 'COPY', 'ADD', 'HEALTHCHECK']);

/**
 * Splits a Dockerfile into instructions. `dockerfile-ast` finds them, the escape directive and the heredocs;
 * words are taken from the text itself, as BuildKit and imagebuilder read it. `# syntax=` is a comment, for the
 * front end is this one.
 *
 * @param name of the file, for messages.
 * @throws BadRequest
 */
export async function parseDockerfile(text: string, name: string): Promise<ParsedDockerfile> {
  if (text.trim() === '') throw new BadRequest(`no contents in "${name}"`);
  const { DockerfileParser } = await import('dockerfile-ast');
  const whole = text.replace(/^\uFEFF/, '').replace(/\r\n/g, '\n');
  const parsed = DockerfileParser.parse(whole);
  const escapeChar = parsed.getEscapeCharacter();
  const lines = whole.split('\n');
  const instructions = parsed.getInstructions().map((one) => {
    const { start, end } = one.getRange();
    return readInstruction(lines.slice(start.line, end.line + 1), start.line + 1, escapeChar);
  });
  if (instructions.length === 0) throw new BadRequest('no FROM statement found');
  return { instructions, escapeChar };
}

/** An instruction that comes as one text: an ONBUILD trigger, a `--change`. */
export function parseOneInstruction(text: string, escapeChar = '\\'): Instruction {
  return readInstruction(text.split('\n'), 1, escapeChar);
}

function readInstruction(lines: readonly string[], line: number, escapeChar: string): Instruction {
  const { joined, rest } = joinLines(lines, escapeChar);
  const trimmed = joined.trim();
  const [, word = '', after = ''] = /^(\S+)\s*([\s\S]*)$/.exec(trimmed) ?? [];
  const keyword = word.toUpperCase();
  const { flags, text } = WITH_FLAGS.has(keyword) ? takeFlags(after) : { flags: [], text: after };
  const heredocs = WITH_HEREDOCS.has(keyword) ? readHeredocs(text, rest, line) : [];
  return { keyword, flags, text, heredocs, line, shown: `${keyword} ${after}`.trim() };
}

/** The logical line, and the lines after it that belong to heredocs. */
function joinLines(lines: readonly string[], escapeChar: string): { joined: string; rest: string[] } {
  const continued = new RegExp(`${escapeChar === '`' ? '`' : '\\\\'}[ \\t]*$`);
  let joined = '';
  for (const [i, line] of lines.entries()) {
    if (i > 0 && /^\s*(?:#|$)/.test(line)) continue;
    if (!continued.test(line)) return { joined: joined + line, rest: lines.slice(i + 1) };
    joined += line.replace(continued, '');
  }
  return { joined, rest: [] };
}

function takeFlags(text: string): { flags: Instruction['flags']; text: string } {
  const flags: Instruction['flags'] = [];
  let rest = text;
  for (;;) {
    const match = /^--([a-zA-Z0-9-]*)(?:=((?:"[^"]*"|'[^']*'|[^\s"'])*))?(?:\s+|$)/.exec(rest);
    if (match === null) return { flags, text: rest };
    rest = rest.slice(match[0].length);
    // `--` ends them.
    if (match[1] === '' && match[2] === undefined) return { flags, text: rest };
    flags.push({ name: match[1]!, value: match[2]?.replace(/["']/g, '') });
  }
}

const HEREDOC = /(?:^|\s)\d*<<(-?)(?:(["'])([a-zA-Z_][a-zA-Z0-9_.]*)\2|([a-zA-Z_][a-zA-Z0-9_.]*))/g;

/** The markers of an instruction's line. */
export function heredocMarkers(text: string): { name: string; quoted: boolean; chomp: boolean }[] {
  return [...text.matchAll(HEREDOC)].map((match) => ({
    name: match[3] ?? match[4]!,
    quoted: match[2] !== undefined,
    chomp: match[1] === '-',
  }));
}

function readHeredocs(text: string, lines: readonly string[], line: number): Heredoc[] {
  if (!text.includes('<<')) return [];
  const found: Heredoc[] = [];
  let at = 0;
  for (const { name, quoted, chomp } of heredocMarkers(text)) {
    const body: string[] = [];
    for (;;) {
      const next = lines[at++];
      if (next === undefined)
        throw new BadRequest(`dockerfile parse error on line ${line}: unterminated heredoc ${name}`);
      const bare = chomp ? next.replace(/^\t+/, '') : next;
      if (bare === name) break;
      body.push(bare);
    }
    found.push({ name, content: body.map((one) => `${one}\n`).join(''), expand: !quoted });
  }
  return found;
}

/** The exec form: a JSON array of strings; undefined for anything else, which is the shell form. */
export function asExecForm(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const value = JSON.parse(text) as unknown;
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  } catch {
    // Not JSON is an ordinary answer here: Docker takes it as a shell's text.
    return undefined;
  }
}
