import { parseGoDurationMs } from '../../base/index.ts';
import type { Flag } from './flag.ts';

/** What was given for each flag; asking for one that the command does not have is a mistake in our code. */
export class FlagValues {
  readonly #flags: ReadonlyMap<string, Flag>;
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #configured: ReadonlyMap<string, readonly string[]>;

  /** @param configured what stands for flags that are not given, before the defaults of the table */
  constructor(
    flags: readonly Flag[],
    given: ReadonlyMap<string, readonly string[]>,
    configured: ReadonlyMap<string, readonly string[]> = new Map(),
  ) {
    this.#flags = new Map(flags.map((flag) => [flag.name, flag]));
    this.#given = given;
    this.#configured = configured;
  }

  /** The same with other defaults; what is configured has not `changed`. */
  withConfigured(configured: ReadonlyMap<string, readonly string[]>): FlagValues {
    return new FlagValues([...this.#flags.values()], this.#given, configured);
  }

  /** Whether it was given, with whatever value. */
  changed(name: string): boolean {
    this.#flag(name);
    return this.#given.has(name);
  }

  has(name: string): boolean {
    return this.#flags.has(name);
  }

  bool(name: string): boolean {
    const given = this.#last(name);
    if (given === undefined) return this.#flag(name).default === true;
    return /^(?:1|t|T|TRUE|true|True)$/.test(given);
  }

  /** The last one given, else the default. */
  string(name: string): string | undefined {
    const value = this.#last(name) ?? this.#flag(name).default;
    return value === undefined ? undefined : String(value);
  }

  strings(name: string): readonly string[] {
    const given = this.#given.get(name) ?? this.#configured.get(name);
    if (given !== undefined) return given;
    const fallback = this.#flag(name).default;
    return Array.isArray(fallback)
      ? (fallback as string[])
      : fallback === undefined
        ? []
        : [String(fallback)];
  }

  number(name: string): number | undefined {
    const value = this.string(name);
    return value === undefined ? undefined : Number(value);
  }

  /** Milliseconds. */
  durationMs(name: string): number | undefined {
    const value = this.string(name);
    return value === undefined ? undefined : parseGoDurationMs(value);
  }

  /** Names of all that were given, in the order of the table. */
  names(): string[] {
    return [...this.#flags.keys()].filter((name) => this.#given.has(name));
  }

  #last(name: string): string | undefined {
    this.#flag(name);
    return (this.#given.get(name) ?? this.#configured.get(name))?.at(-1);
  }

  #flag(name: string): Flag {
    const flag = this.#flags.get(name);
    if (flag === undefined) throw new Error(`the command has no flag --${name}`);
    return flag;
  }
}
