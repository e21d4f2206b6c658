/** How a value is read, with pflag's names for the kinds (they show in help). */
export type FlagKind =
  | 'bool'
  | 'string'
  /** Repeated; commas stay in the value. */
  | 'stringArray'
  /** Repeated; each value is a line of CSV. */
  | 'strings'
  | 'int'
  | 'uint'
  | 'float'
  /** Go's: `1h2m3.5s`. */
  | 'duration';

export interface Flag {
  name: string;
  /** One letter. */
  short?: string;
  kind: FlagKind;
  /** The value when it is not given. */
  default?: string | readonly string[] | number | boolean;
  /** What help calls its value, when not by its kind: `<number>[<unit>]`. */
  placeholder?: string;
  /** Without a full stop. */
  help: string;
  hidden?: boolean;
  /** The value of `--name` without `=`; a bool's is true. */
  bareValue?: string;
  /** Set: giving it is an error that names it and says this. */
  refused?: string;
  /** Refused only with values other than these: it is accepted where it changes nothing. */
  acceptedValues?: readonly string[];
  /** Who has it, for docs/containers.md; default both. */
  tools?: readonly ('docker' | 'podman' | 'orrery')[];
  /** Another name of the same flag: `net` of `network`. Not listed. */
  aliases?: readonly string[];
}

/** Flags made by the kind, for short tables. */
export function flag(kind: FlagKind, name: string, help: string, more: Partial<Flag> = {}): Flag {
  const [long, short] = name.split(',').map((part) => part.trim());
  return { kind, name: long!, ...(short !== undefined && { short }), help, ...more };
}

/** A flag that is known and refused by name, with the reason. */
export function refusedFlag(
  kind: FlagKind,
  name: string,
  help: string,
  refused: string,
  more: Partial<Flag> = {},
): Flag {
  return flag(kind, name, help, { refused, ...more });
}
