import type { Flag } from './flag.ts';
import { complaintAbout, displayName, parseCsvLine } from './go-values.ts';
import { UsageError } from './usage-error.ts';

export interface ParsedFlags {
  /** By the flag's main name. */
  given: Map<string, string[]>;
  args: string[];
  /** `--help` or `-h` was met. */
  help: boolean;
}

export interface ParseOptions {
  /** False: the first argument that is no flag ends the flags. */
  interspersed: boolean;
  /** For "See 'podman run --help'". */
  command: string;
}

/**
 * pflag's grammar (github.com/spf13/pflag, README and flag.go): `--name=value`, `--name value`, `-n value`,
 * `-nvalue`, `-n=value`, `-abc`, `--` ends; a bool takes a value only after `=`.
 *
 * @throws UsageError with pflag's own words.
 */
export function parseFlags(
  words: readonly string[],
  flags: readonly Flag[],
  options: ParseOptions,
): ParsedFlags {
  return new FlagParser(flags, options).parse(words);
}

class FlagParser {
  readonly #long = new Map<string, Flag>();
  readonly #short = new Map<string, Flag>();
  readonly #options: ParseOptions;
  readonly #result: ParsedFlags = { given: new Map(), args: [], help: false };
  #words: string[] = [];

  constructor(flags: readonly Flag[], options: ParseOptions) {
    // The first of a name wins: a command's own flag shadows the program's.
    for (const flag of flags) {
      for (const name of [flag.name, ...(flag.aliases ?? [])])
        if (!this.#long.has(name)) this.#long.set(name, flag);
      if (flag.short !== undefined && !this.#short.has(flag.short)) this.#short.set(flag.short, flag);
    }
    this.#options = options;
  }

  parse(words: readonly string[]): ParsedFlags {
    this.#words = [...words];
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      if (word === '--') {
        this.#result.args.push(...this.#words);
        break;
      }
      if (word.length < 2 || !word.startsWith('-')) {
        this.#result.args.push(word);
        if (this.#options.interspersed) continue;
        this.#result.args.push(...this.#words);
        break;
      }
      if (word.startsWith('--')) this.#takeLong(word);
      else this.#takeShort(word);
    }
    return this.#result;
  }

  #takeLong(word: string): void {
    const [, name, equals, value] = /^--([^=]*)(=?)([\s\S]*)$/.exec(word)!;
    if (name === '' || name!.startsWith('-')) this.#fail(`bad flag syntax: ${word}`);
    const flag = this.#long.get(name!);
    if (flag === undefined) {
      if (name === 'help') {
        this.#result.help = true;
        return;
      }
      this.#fail(`unknown flag: --${name}`);
    }
    if (equals === '=') this.#set(flag, value!);
    else this.#set(flag, bareValueOf(flag) ?? this.#next(`flag needs an argument: --${name}`));
  }

  #takeShort(word: string): void {
    for (let letters = word.slice(1); letters !== ''; ) {
      const letter = letters[0]!;
      const rest = letters.slice(1);
      const flag = this.#short.get(letter);
      if (flag === undefined) {
        if (letter === 'h') {
          this.#result.help = true;
          return;
        }
        this.#fail(`unknown shorthand flag: '${letter}' in -${letters}`);
      }
      if (rest.startsWith('=')) {
        this.#set(flag, rest.slice(1));
        return;
      }
      const bare = bareValueOf(flag);
      if (bare !== undefined) {
        this.#set(flag, bare);
        letters = rest;
        continue;
      }
      const needed = `flag needs an argument: '${letter}' in -${letters}`;
      this.#set(flag, rest === '' ? this.#next(needed) : rest);
      return;
    }
  }

  #next(complaint: string): string {
    return this.#words.shift() ?? this.#fail(complaint);
  }

  #set(flag: Flag, value: string): void {
    const complaint = complaintAbout(flag.kind, value);
    if (complaint !== undefined)
      this.#fail(`invalid argument ${JSON.stringify(value)} for "${displayName(flag)}" flag: ${complaint}`);
    if (flag.refused !== undefined && !(flag.acceptedValues ?? []).includes(value))
      this.#fail(
        `--${flag.name}${flag.acceptedValues === undefined ? '' : `=${value}`} is not supported: ${flag.refused}`,
      );
    const before = this.#result.given.get(flag.name) ?? [];
    if (flag.kind === 'strings') this.#result.given.set(flag.name, [...before, ...parseCsvLine(value)!]);
    else if (flag.kind === 'stringArray') this.#result.given.set(flag.name, [...before, value]);
    else this.#result.given.set(flag.name, [value]);
  }

  #fail(message: string): never {
    throw new UsageError(message, this.#options.command);
  }
}

function bareValueOf(flag: Flag): string | undefined {
  return flag.bareValue ?? (flag.kind === 'bool' ? 'true' : undefined);
}
