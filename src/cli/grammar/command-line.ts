import type { CommandDefinition, CommandEntry, GroupEntry, Invocation } from './command.ts';
import type { Flag } from './flag.ts';
import { FlagValues } from './flag-values.ts';
import { commandHelp, groupHelp } from './help.ts';
import { type ParsedFlags, parseFlags } from './parse-flags.ts';
import { similarNames } from './similar-names.ts';
import { UsageError } from './usage-error.ts';

export interface CommandLineOptions<Context> {
  /** The name it was called by. */
  program: string;
  summary: string;
  description: string;
  entries: readonly CommandEntry<Context>[];
  groups: readonly GroupEntry[];
  /** Flags of the program itself; accepted by every command that has none of that name. */
  globals: readonly Flag[];
  /** What `--version` prints. */
  version: () => string;
  write: (text: string) => void;
  context: (invocation: Invocation) => Promise<Context>;
}

/** A command as it was found: its entry, at one of its paths. */
export interface FoundCommand<Context> {
  entry: CommandEntry<Context>;
  path: string;
  rest: string[];
}

/**
 * A tree of commands with cobra's behaviour and Podman's words: finds the command, reads its flags and
 * arguments, prints help, and runs it.
 */
export class CommandLine<Context> {
  readonly #options: CommandLineOptions<Context>;
  readonly #byPath = new Map<string, CommandEntry<Context>>();
  readonly #groups = new Map<string, GroupEntry>();

  constructor(options: CommandLineOptions<Context>) {
    this.#options = options;
    for (const entry of options.entries)
      for (const path of [...entry.paths, ...(entry.aliases ?? [])]) this.#byPath.set(path, entry);
    for (const group of options.groups)
      for (const path of [group.path, ...(group.aliases ?? [])]) this.#groups.set(path, group);
  }

  /** @returns the exit code. @throws UsageError, and whatever the command throws. */
  async run(words: readonly string[]): Promise<number> {
    const first = parseFlags(words, this.#options.globals, {
      interspersed: false,
      command: this.#options.program,
    });
    const [head] = first.args;
    if (first.given.has('version')) {
      this.#options.write(`${this.#options.version()}\n`);
      return 0;
    }
    if (head === 'help') return await this.#help(first.args.slice(1));
    if (head === undefined) return this.#withoutCommand('', first.help);
    const found = this.find(first.args);
    if (found === undefined) return this.#unknown(first.args, first.help);
    return await this.#runFound(found, words, first);
  }

  /** The command that the words name, or undefined when they name none. */
  find(words: readonly string[]): FoundCommand<Context> | undefined {
    let path = '';
    for (const [i, word] of words.entries()) {
      const next = path === '' ? word : `${path} ${word}`;
      const entry = this.#byPath.get(next);
      if (entry !== undefined) return { entry, path: next, rest: words.slice(i + 1) };
      const group = this.#groups.get(next);
      if (group === undefined) return undefined;
      path = group.path;
    }
    return undefined;
  }

  async #runFound(
    { entry, path, rest }: FoundCommand<Context>,
    words: readonly string[],
    first: ParsedFlags,
  ): Promise<number> {
    const { program, globals } = this.#options;
    const definition = await entry.load();
    const name = `${program} ${path}`;
    const own = new Set(definition.flags.flatMap((flag) => [flag.name, ...(flag.aliases ?? [])]));
    const parsed = parseFlags(rest, [...definition.flags, ...globals.filter((flag) => !own.has(flag.name))], {
      interspersed: definition.interspersed !== false,
      command: name,
    });
    if (parsed.help || first.help) {
      this.#options.write(`${this.helpOf(path, entry, definition)}`);
      return 0;
    }
    const complaint = definition.args(parsed.args, name);
    if (complaint !== undefined) throw new UsageError(complaint);
    const atRoot = new Map([...first.given]);
    for (const flag of globals) {
      const given = own.has(flag.name) ? undefined : parsed.given.get(flag.name);
      if (given !== undefined) atRoot.set(flag.name, given);
    }
    const invocation: Invocation = {
      program,
      path,
      args: parsed.args,
      flags: new FlagValues(definition.flags, parsed.given),
      globals: new FlagValues(globals, atRoot),
      commandLine: [program, ...words],
    };
    return (await definition.run(invocation, await this.#options.context(invocation))) ?? 0;
  }

  helpOf(path: string, entry: CommandEntry<Context>, definition: CommandDefinition<Context>): string {
    const parent = parentOf(path);
    const aliases = [...entry.paths, ...(entry.aliases ?? [])]
      .filter((one) => one !== path && parentOf(one) === parent)
      .map((one) => one.split(' ').at(-1)!);
    return commandHelp({ program: this.#options.program, path, summary: entry.summary, aliases, definition });
  }

  async #help(words: readonly string[]): Promise<number> {
    const found = this.find(words);
    if (found !== undefined) {
      this.#options.write(this.helpOf(found.path, found.entry, await found.entry.load()));
      return 0;
    }
    const group = this.#groups.get(words.join(' '));
    if (words.length > 0 && group === undefined) return this.#unknown([...words], false);
    this.#options.write(this.#helpOfGroup(group?.path ?? ''));
    return 0;
  }

  #helpOfGroup(path: string): string {
    const { program, summary, description, globals } = this.#options;
    const group = this.#groups.get(path);
    return groupHelp({
      program,
      path,
      summary: group?.summary ?? summary,
      description: group?.description ?? description,
      commands: this.listed(path),
      ...(path === '' && { flags: globals }),
    });
  }

  /** Commands and groups directly below a group that are shown. */
  listed(path: string): { name: string; summary: string }[] {
    const commands = this.#options.entries
      .filter((entry) => entry.hidden !== true)
      .flatMap((entry) => entry.paths.map((one) => ({ path: one, summary: entry.summary })));
    const groups = this.#options.groups.filter((group) => group.hidden !== true);
    return [...commands, ...groups]
      .filter((one) => parentOf(one.path) === path)
      .map((one) => ({ name: one.path.split(' ').at(-1)!, summary: one.summary }));
  }

  #withoutCommand(path: string, isHelp: boolean): number {
    this.#options.write(this.#helpOfGroup(path));
    if (isHelp) return 0;
    const name = [this.#options.program, path].filter((part) => part !== '').join(' ');
    throw new UsageError(`missing command '${name} COMMAND'`);
  }

  #unknown(words: string[], isHelp: boolean): number {
    let path = '';
    let depth = 0;
    for (const word of words) {
      const group = this.#groups.get(path === '' ? word : `${path} ${word}`);
      if (group === undefined) break;
      path = group.path;
      depth++;
    }
    const rest = words.slice(depth);
    const isAsked = isHelp || rest[0] === '--help' || rest[0] === '-h';
    if (rest.length === 0 || isAsked) return this.#withoutCommand(path, isAsked);
    const { program } = this.#options;
    const name = [program, path].filter((part) => part !== '').join(' ');
    // As cobra: flags are looked at before the command that is none.
    parseFlags(rest, this.#options.globals, { interspersed: true, command: name });
    const near = similarNames(
      rest[0]!,
      this.listed(path).map((one) => one.name),
    );
    const hint =
      near.length === 0 ? '' : `\n\nDid you mean this?\n${near.map((one) => `\t${one}\n`).join('')}`;
    throw new UsageError(
      `unrecognized command \`${name} ${rest[0]}\`${hint}\nTry '${name} --help' for more information`,
    );
  }
}

function parentOf(path: string): string {
  return path.split(' ').slice(0, -1).join(' ');
}
