import { BadRequest, messageOf } from '../base/index.ts';

/** The fields of one object of a configuration file, each read once; what is left over is unknown. Throws BadRequest. */
export class ConfigurationFields {
  readonly #value: Record<string, unknown>;
  readonly #at: string;
  readonly #read = new Set<string>();

  /** @param what the whole, for a value that is no object: `the authentication configuration`. */
  constructor(value: unknown, at: string, what = at) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new BadRequest(`${what} must be an object`);
    this.#value = value as Record<string, unknown>;
    this.#at = at;
  }

  path(name: string): string {
    return this.#at === '' ? name : `${this.#at}.${name}`;
  }

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'string') return value;
    throw new BadRequest(`${this.path(name)} must be a string`);
  }

  required(name: string): string {
    return this.text(name) || this.missing(name);
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw new BadRequest(`${this.path(name)} must be a boolean`);
  }

  texts(name: string): string[] {
    const value = this.#take(name) ?? [];
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[];
    throw new BadRequest(`${this.path(name)} must be a list of strings`);
  }

  object(name: string): ConfigurationFields | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : new ConfigurationFields(value, this.path(name));
  }

  list(name: string): ConfigurationFields[] {
    const value = this.#take(name) ?? [];
    if (!Array.isArray(value)) throw new BadRequest(`${this.path(name)} must be a list`);
    return value.map((one, index) => new ConfigurationFields(one, `${this.path(name)}[${index}]`));
  }

  missing(name: string, why = ''): never {
    throw new BadRequest(`${this.path(name)}: Required value${why && `: ${why}`}`);
  }

  /** Fields that exist upstream and not here. */
  refuse(why: string, ...names: string[]): void {
    const found = names.find((name) => this.#take(name) !== undefined);
    if (found !== undefined) throw new BadRequest(`${this.path(found)} is not supported: ${why}`);
  }

  /** @throws BadRequest when something is there that nobody reads. */
  end(): void {
    const unknown = Object.keys(this.#value).find((name) => !this.#read.has(name));
    if (unknown !== undefined) throw new BadRequest(`unknown field "${this.path(unknown)}"`);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return (Object.hasOwn(this.#value, name) ? this.#value[name] : undefined) ?? undefined;
  }
}

/** The document of a configuration's text, YAML or JSON. @throws BadRequest with the place where it is neither. */
export async function parseConfiguration(text: string, what: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text);
  } catch (cause) {
    const [why] = messageOf(cause).split(/:?\n/);
    throw new BadRequest(`${what} is not YAML: ${why}`, { cause });
  }
}

/** Reads a configuration; what is refused in it is refused with the name of its file. */
export async function inConfigurationFile<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof BadRequest)) throw cause;
    throw new BadRequest(`${JSON.stringify(file)}: ${cause.message}`, { cause });
  }
}
