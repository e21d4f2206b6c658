import type { Flag } from './flag.ts';
import type { FlagValues } from './flag-values.ts';

/**
 * One command in the table: what is needed to find it and to list it. Everything else is behind `load`, so
 * that a command line loads no more than the command it names.
 */
export interface CommandEntry<Context> {
  /** Where it stands: `run`, `container run`. The first is the one that documents itself. */
  paths: readonly string[];
  /** Further paths that are not listed: `container ps`. */
  aliases?: readonly string[];
  /** One line, without a full stop. */
  summary: string;
  /** Found, but not listed. */
  hidden?: boolean;
  load: () => Promise<CommandDefinition<Context>>;
}

/** A command that holds commands: `image`. */
export interface GroupEntry {
  path: string;
  aliases?: readonly string[];
  summary: string;
  description: string;
  hidden?: boolean;
}

export interface CommandDefinition<Context> {
  /** What follows the command's name: `[options] IMAGE [COMMAND [ARG...]]`. Arguments in capitals. */
  usage: string;
  description: string;
  /** Without the program's name: `run -d nginx`. */
  examples?: readonly string[];
  flags: readonly Flag[];
  args: ArgumentCheck;
  /** False: the first argument that is no flag ends the flags, as in `run IMAGE --flag-of-the-command`. Default true. */
  interspersed?: boolean;
  /** What a template of `--format` can name, for completion. */
  templateFields?: readonly string[];
  /** @returns the exit code; nothing is 0. */
  run: (invocation: Invocation, context: Context) => Promise<number | undefined>;
}

export interface Invocation {
  /** The name it was called by: `orrery`, `podman` or `docker`. */
  program: string;
  /** The path it was found at: `container ls`. */
  path: string;
  args: readonly string[];
  flags: FlagValues;
  /** Flags of the program itself: `--root`. */
  globals: FlagValues;
  /** Program and everything after it, as given. */
  commandLine: readonly string[];
}

/** @returns what is wrong, or undefined. `name` is the full command: `podman pod ps`. */
export type ArgumentCheck = (args: readonly string[], name: string) => string | undefined;

/** cobra's checks, with Podman's words. */
export const noArgs: ArgumentCheck = (args, name) =>
  args.length === 0 ? undefined : `\`${name}\` takes no arguments`;

export const exactArgs =
  (count: number): ArgumentCheck =>
  (args) =>
    args.length === count ? undefined : `accepts ${count} arg(s), received ${args.length}`;

export const minimumArgs =
  (count: number): ArgumentCheck =>
  (args) =>
    args.length >= count ? undefined : `requires at least ${count} arg(s), only received ${args.length}`;

export const maximumArgs =
  (count: number): ArgumentCheck =>
  (args) =>
    args.length <= count ? undefined : `accepts at most ${count} arg(s), received ${args.length}`;

export const rangeArgs =
  (least: number, most: number): ArgumentCheck =>
  (args) =>
    args.length >= least && args.length <= most
      ? undefined
      : `accepts between ${least} and ${most} arg(s), received ${args.length}`;

/** Whatever is right depends on the flags: the command says. */
export const anyArgs: ArgumentCheck = () => undefined;
