import type { CommandDefinition, CommandLine, Flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { usageArguments } from './usage-arguments.ts';

/** cobra's ShellCompDirective: what the shell does with the suggestions. */
const DEFAULT = 0;
const NO_SPACE = 2;
const NO_FILES = 4;
const NAMES: Record<number, string> = {
  [DEFAULT]: 'ShellCompDirectiveDefault',
  [NO_SPACE]: 'ShellCompDirectiveNoSpace',
  [NO_FILES]: 'ShellCompDirectiveNoFileComp',
  [NO_SPACE | NO_FILES]: 'ShellCompDirectiveNoSpace, ShellCompDirectiveNoFileComp',
};

interface Suggestions {
  words: { text: string; description?: string }[];
  directive: number;
}

/** Names of things that there are: containers, images, … by the word that usage lines have for them. */
export type NamesOf = (kind: string, toComplete: string, command: string) => Promise<string[]>;

/** Paths in an image or a container that go on from what is typed; those of folders end in `/`. */
export type PathsInside = (kind: 'IMAGE' | 'CONTAINER', name: string, typed: string) => Promise<string[]>;

export interface Completion {
  tool: CommandLine<ToolContext>;
  namesOf: NamesOf;
  pathsInside: PathsInside;
  withDescriptions: boolean;
  globals: readonly Flag[];
}

/**
 * cobra's hidden commands `__complete` and `__completeNoDesc`: suggestions for the last word, a line each, then
 * the directive, which is said in words on stderr too.
 */
export async function complete(
  words: readonly string[],
  options: Completion,
): Promise<{ output: string; errors: string }> {
  const { words: suggested, directive } = await suggest(words, options);
  const lines = suggested.map(({ text, description }) =>
    options.withDescriptions && description ? `${text}\t${description.split('\n')[0]}` : text,
  );
  return {
    output: [...lines, `:${directive}`, ''].join('\n'),
    errors: `Completion ended with directive: ${NAMES[directive]}\n`,
  };
}

async function suggest(words: readonly string[], options: Completion): Promise<Suggestions> {
  const toComplete = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const found = options.tool.find(withoutFlags(before, options.globals));
  if (found === undefined) return subcommands(before, toComplete, options);
  const definition = await found.entry.load();
  const flags = [...definition.flags, ...options.globals];
  const { args, pending } = argumentsOf(found.rest, flags, definition.interspersed !== false);
  if (pending !== undefined) return valuesOf(pending, toComplete, definition);
  if (toComplete.startsWith('-') && (definition.interspersed !== false || args.length === 0)) {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(toComplete) ?? [];
    const flag = flags.find((one) => one.name === name);
    if (flag !== undefined) return valuesOf(flag, value!, definition);
    return flagNames(flags, toComplete);
  }
  return await argumentValues(found.path, definition, args, toComplete, options);
}

function withoutFlags(words: readonly string[], globals: readonly Flag[]): string[] {
  return argumentsOf(words, globals, false).args;
}

/** The words that are no flags or values of flags; and the flag that waits for the next word. */
function argumentsOf(
  words: readonly string[],
  flags: readonly Flag[],
  isInterspersed: boolean,
): { args: string[]; pending?: Flag } {
  const args: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!isInterspersed && args.length > 0) return { args: [...args, ...words.slice(i)] };
    if (word === '--') return { args: [...args, ...words.slice(i + 1)] };
    if (!word.startsWith('-') || word === '-') {
      args.push(word);
      continue;
    }
    if (word.includes('=')) continue;
    const flag = word.startsWith('--')
      ? flags.find(({ name }) => name === word.slice(2))
      : flags.find(({ short }) => short === word.at(-1));
    if (flag === undefined || flag.kind === 'bool' || flag.bareValue !== undefined) continue;
    if (i === words.length - 1) return { args, pending: flag };
    i += 1;
  }
  return { args };
}

function subcommands(
  before: readonly string[],
  toComplete: string,
  { tool, globals }: Completion,
): Suggestions {
  if (toComplete.startsWith('-')) return flagNames(globals, toComplete);
  const listed = tool.listed(withoutFlags(before, globals).join(' '));
  return {
    words: listed
      .filter(({ name }) => name.startsWith(toComplete))
      .map(({ name, summary }) => ({ text: name, description: summary })),
    directive: NO_FILES,
  };
}

function flagNames(flags: readonly Flag[], toComplete: string): Suggestions {
  const names = flags
    .filter(
      ({ hidden, refused, acceptedValues }) =>
        !hidden && (refused === undefined || acceptedValues !== undefined),
    )
    .flatMap(({ name, short, help }) => [
      { text: `--${name}`, description: help },
      ...(short === undefined ? [] : [{ text: `-${short}`, description: help }]),
    ])
    .filter(({ text }) => text.startsWith(toComplete) && (toComplete !== '--' || text.startsWith('--')));
  return { words: names, directive: NO_FILES };
}

/** Values of flags that have a few, and the fields of `--format`; a path may be any other. */
function valuesOf(flag: Flag, toComplete: string, definition: CommandDefinition<ToolContext>): Suggestions {
  if (flag.name === 'format' && definition.templateFields !== undefined) {
    const open = toComplete.lastIndexOf('{{');
    const before = open < 0 ? '' : toComplete.slice(0, open);
    const fields = definition.templateFields.map((field) => `${before}{{.${field}}}`);
    return {
      words: ['json', ...fields].filter((text) => text.startsWith(toComplete)).map((text) => ({ text })),
      directive: NO_SPACE | NO_FILES,
    };
  }
  const choices = [...(flag.help.match(/\(("[^)]+")\)/)?.[1]?.matchAll(/"([^"]+)"/g) ?? [])].map(
    ([, word]) => word!,
  );
  const words = choices.filter((text) => text.startsWith(toComplete)).map((text) => ({ text }));
  return { words, directive: choices.length > 0 ? NO_FILES : DEFAULT };
}

async function argumentValues(
  path: string,
  { usage }: CommandDefinition<ToolContext>,
  args: readonly string[],
  toComplete: string,
  { namesOf, pathsInside }: Completion,
): Promise<Suggestions> {
  const expected = usageArguments(usage, args.length);
  if (expected === undefined) return { words: [], directive: NO_FILES };
  const isCopy = path.split(' ').at(-1) === 'cp';
  const colon = toComplete.indexOf(':');
  if (isCopy && colon > 0) {
    const paths = await pathsInside('CONTAINER', toComplete.slice(0, colon), toComplete.slice(colon + 1));
    return suggestedPaths(paths.map((one) => toComplete.slice(0, colon + 1) + one));
  }
  if (/^(?:container )?(?:run|create)$/.test(path) && args.length > 0)
    return suggestedPaths(await pathsInside('IMAGE', args[0]!, toComplete));
  const kinds = isCopy ? ['CONTAINER'] : expected.kinds;
  const names = (await Promise.all(kinds.map((kind) => namesOf(kind, toComplete, path)))).flat();
  const words = [...new Set(names)]
    .filter((name) => name.startsWith(toComplete) && !args.includes(name))
    .map((name) => ({ text: isCopy ? `${name}:` : name }));
  return { words, directive: isCopy ? NO_SPACE : expected.isFile ? DEFAULT : NO_FILES };
}

/** A space follows only what is whole: one path, no folder. */
function suggestedPaths(paths: readonly string[]): Suggestions {
  const isOpen = paths.length > 1 || paths.some((path) => path.endsWith('/'));
  return { words: paths.map((text) => ({ text })), directive: isOpen ? NO_SPACE : DEFAULT };
}
