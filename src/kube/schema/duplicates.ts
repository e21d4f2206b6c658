/**
 * Repeated keys in the objects of a JSON text, which JSON.parse silently resolves to the last one, worded
 * as Kubernetes' strict decoder does: `duplicate field "spec.containers[0].image"`.
 *
 * The text must be valid JSON (parse it first). Costs about as much as parsing: call it only when
 * fieldValidation is Strict or Warn.
 */
export function findDuplicateKeys(text: string): string[] {
  return new DuplicateScanner(text).scan();
}

/** What is wrong with the text of a body beside what its values tell. */
export interface TextFindings {
  /** Sentences on keys that stand twice. */
  readonly repeated: readonly string[];
  /** JSON in whose order unknown fields and repeated ones are told together; else the unknown come after, sorted. */
  readonly text?: string;
}

/**
 * All strict decoding errors of a body in the order Kubernetes tells them. Of a JSON text that is its order, and
 * nothing is said of keys that stand twice in what is unknown anyway.
 */
export function allFindings(found: TextFindings | undefined, unknown: readonly string[]): string[] {
  if (found === undefined) return [...unknown];
  if (found.text === undefined) return [...found.repeated, ...unknown.toSorted()];
  if (found.repeated.length === 0 || unknown.length === 0) return [...found.repeated, ...unknown];
  return new DuplicateScanner(found.text, unknown).scan();
}

/** More than this many findings are not told (as sigs.k8s.io/json). */
export const FINDINGS_LIMIT = 100;

const QUOTE = 34;
const BACKSLASH = 92;

interface Frame {
  /** Keys seen, of an object; undefined for an array. */
  keys: Set<string> | undefined;
  /** The key or index being read. */
  place: string | number;
}

class DuplicateScanner {
  readonly #text: string;
  readonly #found: string[] = [];
  readonly #frames: Frame[] = [];
  readonly #unknown: ReadonlySet<string> | undefined;
  #at = 0;

  /** @param unknown sentences on fields that are told where they first stand, and hide what is below them. */
  constructor(text: string, unknown?: readonly string[]) {
    this.#text = text;
    this.#unknown = unknown && new Set(unknown);
  }

  scan(): string[] {
    const { length } = this.#text;
    let expectKey = false;
    while (this.#at < length) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) {
        const string = this.#string();
        if (expectKey) this.#key(string);
        expectKey = false;
        continue;
      }
      this.#at++;
      if (code === 123 /* { */) {
        this.#frames.push({ keys: new Set(), place: '' });
        expectKey = true;
      } else if (code === 91 /* [ */) this.#frames.push({ keys: undefined, place: 0 });
      else if (code === 125 /* } */ || code === 93 /* ] */) {
        this.#frames.pop();
        expectKey = false;
      } else if (code === 44 /* , */) {
        const top = this.#frames.at(-1);
        if (top?.keys !== undefined) expectKey = true;
        else if (top !== undefined) (top.place as number)++;
      }
    }
    return this.#found;
  }

  /** The text between the quotes as written; the position moves behind the closing quote. */
  #string(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    let backslashes = this.#backslashesBefore(end);
    while (end >= 0 && backslashes % 2 === 1) {
      end = this.#text.indexOf('"', end + 1);
      backslashes = this.#backslashesBefore(end);
    }
    this.#at = end < 0 ? this.#text.length : end + 1;
    return this.#text.slice(start + 1, this.#at - 1);
  }

  #backslashesBefore(end: number): number {
    let count = 0;
    while (this.#text.charCodeAt(end - 1 - count) === BACKSLASH) count++;
    return count;
  }

  #key(written: string): void {
    const key = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written;
    const frame = this.#frames.at(-1)!;
    frame.place = key;
    const isFirst = !frame.keys!.has(key);
    frame.keys!.add(key);
    if (isFirst && this.#unknown === undefined) return;
    let path = '';
    for (const { place } of this.#frames) {
      if (typeof place === 'number') path += `[${place}]`;
      else path += path === '' ? place : `.${place}`;
      const unknown = `unknown field ${JSON.stringify(path)}`;
      if (this.#unknown?.has(unknown)) {
        this.#tell(unknown);
        return;
      }
    }
    if (!isFirst) this.#tell(`duplicate field ${JSON.stringify(path)}`);
  }

  #tell(message: string): void {
    if (this.#found.length < FINDINGS_LIMIT && !this.#found.includes(message)) this.#found.push(message);
  }
}
