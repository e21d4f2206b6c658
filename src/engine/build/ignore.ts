import { globToRegExp } from './glob.ts';

interface Pattern {
  path: string;
  shape: RegExp;
  negated: boolean;
}

/** Which paths of a context a `.dockerignore` leaves out. */
export class IgnoreRules {
  readonly #patterns: readonly Pattern[];

  private constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  /**
   * As moby's patternmatcher reads them: `#` begins a comment, the last pattern that fits decides, `!` brings
   * back, `**` is any number of folders, a slash at the beginning means nothing. @throws BadRequest
   */
  static parse(text: string): IgnoreRules {
    const patterns = text
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
      .filter((line) => !line.startsWith('#'))
      .flatMap((line): Pattern[] => {
        const trimmed = line.trim();
        const negated = trimmed.startsWith('!');
        const path = cleaned(negated ? trimmed.slice(1).trim() : trimmed);
        if (path === '') return [];
        // What stands for a folder stands for all below it.
        const shape = new RegExp(`^${globToRegExp(path, { doubleStar: true })}(?:/.*)?$`, 's');
        return [{ path, shape, negated }];
      });
    return new IgnoreRules(patterns);
  }

  static readonly none = new IgnoreRules([]);

  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** @param path relative to the context, without a slash at either end. */
  ignores(path: string): boolean {
    let ignored = false;
    for (const { shape, negated } of this.#patterns)
      if (negated === ignored && shape.test(path)) ignored = !negated;
    return ignored;
  }

  /**
   * Whether an ignored folder is looked into at all. As in Docker and Podman, only when a `!` pattern begins
   * with its very path: `!*\/x` brings nothing back out of an ignored folder.
   */
  mayBringBackBelow(folder: string): boolean {
    return this.#patterns.some((one) => one.negated && `${one.path}/`.startsWith(`${folder}/`));
  }
}

/** Go's filepath.Clean of a pattern without its leading slash. */
function cleaned(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}
