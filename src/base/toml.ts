import { BadRequest } from './errors.ts';

export type TomlValue = string | number | boolean | TomlValue[] | { [key: string]: TomlValue };
export type TomlTable = { [key: string]: TomlValue };

/**
 * Reads what registries.conf(5) and its like are written in: TOML v1.0 without dates and multi-line strings, which
 * those files do not have. @throws BadRequest with the line that is not understood
 */
export function parseToml(text: string, file: string): TomlTable {
  return new Parser(text, file).document();
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text.replaceAll('\r\n', '\n');
    this.#file = file;
  }

  document(): TomlTable {
    const root: TomlTable = Object.create(null) as TomlTable;
    let table = root;
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) return root;
      if (this.#take('[[')) {
        const path = this.#keyPath();
        this.#expect(']]');
        table = this.#appended(root, path);
      } else if (this.#take('[')) {
        const path = this.#keyPath();
        this.#expect(']');
        table = path.reduce((at, key) => this.#child(at, key), root);
      } else this.#pair(table);
      this.#endOfLine();
    }
  }

  #pair(table: TomlTable): void {
    const path = this.#keyPath();
    this.#expect('=');
    const last = path.pop()!;
    const holder = path.reduce((at, key) => this.#child(at, key), table);
    if (last in holder) this.#fail(`${last} stands twice`);
    holder[last] = this.#value();
  }

  #appended(root: TomlTable, path: string[]): TomlTable {
    const last = path.pop()!;
    const holder = path.reduce((at, key) => this.#child(at, key), root);
    holder[last] ??= [];
    const list = holder[last];
    if (!Array.isArray(list)) return this.#fail(`${last} is not an array of tables`);
    const table = Object.create(null) as TomlTable;
    list.push(table);
    return table;
  }

  #child(table: TomlTable, key: string): TomlTable {
    table[key] ??= Object.create(null) as TomlTable;
    const value = table[key];
    const child = Array.isArray(value) ? value.at(-1) : value;
    if (typeof child !== 'object' || Array.isArray(child)) return this.#fail(`${key} is not a table`);
    return child;
  }

  #keyPath(): string[] {
    const path: string[] = [];
    do {
      this.#skipSpaces();
      const quote = this.#text[this.#at];
      if (quote === '"' || quote === "'") path.push(this.#string());
      else {
        const [word] = /^[\w-]+/.exec(this.#rest()) ?? [];
        if (word === undefined) this.#fail('a key is expected');
        path.push(word!);
        this.#at += word!.length;
      }
      this.#skipSpaces();
    } while (this.#take('.'));
    return path;
  }

  #value(): TomlValue {
    this.#skipSpaces();
    const first = this.#text[this.#at];
    if (first === '"' || first === "'") return this.#string();
    if (this.#take('[')) return this.#array();
    if (this.#take('{')) return this.#inlineTable();
    const [word] = /^[\w.+-]+/.exec(this.#rest()) ?? [];
    if (word === undefined) return this.#fail('a value is expected');
    this.#at += word.length;
    if (word === 'true' || word === 'false') return word === 'true';
    const number = Number(word.replaceAll('_', ''));
    return Number.isNaN(number) ? this.#fail(`${word} is no value`) : number;
  }

  #array(): TomlValue[] {
    const values: TomlValue[] = [];
    for (;;) {
      this.#skipBlank();
      if (this.#take(']')) return values;
      values.push(this.#value());
      this.#skipBlank();
      if (this.#take(',')) continue;
      this.#expect(']');
      return values;
    }
  }

  #inlineTable(): TomlTable {
    const table = Object.create(null) as TomlTable;
    this.#skipSpaces();
    if (this.#take('}')) return table;
    do this.#pair(table);
    while (this.#take(','));
    this.#expect('}');
    return table;
  }

  #string(): string {
    const [whole, double, single] = /^(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')/.exec(this.#rest()) ?? [];
    if (whole === undefined) return this.#fail('a string does not end');
    this.#at += whole.length;
    if (single !== undefined) return single;
    try {
      return JSON.parse(`"${double!}"`) as string;
    } catch {
      // Also JSON's escapes are TOML's: what is none is named with its line.
      return this.#fail(`${whole} has an escape that is not supported`);
    }
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #expect(word: string): void {
    this.#skipSpaces();
    if (!this.#take(word)) this.#fail(`${word} is expected`);
    this.#skipSpaces();
  }

  #skipSpaces(): void {
    this.#at += /^[ \t]*/.exec(this.#rest())![0].length;
  }

  #skipBlank(): void {
    this.#at += /^(?:\s|#[^\n]*)*/.exec(this.#rest())![0].length;
  }

  #endOfLine(): void {
    const [rest] = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(this.#rest()) ?? [];
    if (rest === undefined) this.#fail('the line goes on after its end');
    this.#at += rest!.length;
  }

  #fail(what: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    throw new BadRequest(`${this.#file}:${line}: ${what}`);
  }
}
