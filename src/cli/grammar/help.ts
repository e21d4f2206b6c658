import type { CommandDefinition } from './command.ts';
import type { Flag } from './flag.ts';
import { displayName } from './go-values.ts';

/** The options of a help page, as pflag lays them out. */
export function optionLines(flags: readonly Flag[]): string[] {
  const shown = flags.filter((flag) => flag.hidden !== true && flag.refused === undefined);
  const left = shown.map((flag) => {
    const name = flag.short === undefined ? `    ${displayName(flag)}` : displayName(flag);
    const type =
      flag.placeholder ?? (flag.kind === 'bool' ? '' : flag.kind === 'float' ? 'float' : flag.kind);
    return `  ${name}${type === '' ? '' : ` ${type}`}`;
  });
  const width = Math.max(0, ...left.map((text) => text.length)) + 3;
  return shown
    .map((flag, i) => ({ name: flag.name, text: left[i]!.padEnd(width) + described(flag, width) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ text }) => text);
}

function described(flag: Flag, indent: number): string {
  const text = flag.help.split('\n').join(`\n${' '.repeat(indent)}`);
  return text + defaultOf(flag);
}

function defaultOf({ kind, default: value }: Flag): string {
  if (value === undefined || value === false || value === '' || value === 0) return '';
  if (Array.isArray(value)) return value.length === 0 ? '' : ` (default [${value.join(',')}])`;
  return kind === 'string' ? ` (default ${JSON.stringify(value)})` : ` (default ${value})`;
}

export interface CommandHelp {
  program: string;
  path: string;
  summary: string;
  /** Other names of its last word. */
  aliases: readonly string[];
  definition: Omit<CommandDefinition<never>, 'run' | 'args'>;
}

export function commandHelp({ program, path, summary, aliases, definition }: CommandHelp): string {
  const lines = [summary, '', 'Description:', ...indented(definition.description), ''];
  lines.push('Usage:', `  ${[program, path, definition.usage].filter((part) => part !== '').join(' ')}`, '');
  if (aliases.length > 0) lines.push('Aliases:', `  ${[path.split(' ').at(-1), ...aliases].join(', ')}`, '');
  if (definition.examples !== undefined && definition.examples.length > 0)
    lines.push('Examples:', ...definition.examples.map((example) => `  ${program} ${example}`), '');
  const options = optionLines(definition.flags);
  if (options.length > 0) lines.push('Options:', ...options, '');
  return lines.join('\n');
}

export interface GroupHelp {
  program: string;
  path: string;
  summary: string;
  description: string;
  commands: readonly { name: string; summary: string }[];
  /** Only the program's own. */
  flags?: readonly Flag[];
}

export function groupHelp({ program, path, summary, description, commands, flags }: GroupHelp): string {
  const lines = [summary, '', 'Description:', ...indented(description), '', 'Usage:'];
  const full = [program, path].filter((part) => part !== '').join(' ');
  lines.push(`  ${full} ${flags === undefined ? '' : '[options] '}[command]`, '', 'Available Commands:');
  const width = Math.max(11, ...commands.map(({ name }) => name.length)) + 1;
  for (const { name, summary: what } of [...commands].sort((a, b) => (a.name < b.name ? -1 : 1)))
    lines.push(`  ${name.padEnd(width)}${what}`);
  lines.push('');
  if (flags !== undefined) lines.push('Options:', ...optionLines(flags), '');
  return lines.join('\n');
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => (line === '' ? '' : `  ${line}`));
}
