import { BadRequest } from '../../base/index.ts';
import { celLibrary } from './cel-library.ts';

/**
 * Regular expressions of others: RE2's syntax, in time linear in the text. A pattern that is plainly harmless (at
 * most one unbounded repeat, no repeated groups, only syntax that means the same) goes to the engine of the platform.
 */
type Matcher = (text: string) => boolean;

const LIMIT_CACHED = 500;
const FAST_TEXT = 2000;
const matchers = new Map<string, Matcher>();
let engine: ReturnType<ReturnType<typeof celLibrary>['celEnv']>['funcs'] | undefined;

/** Whether the pattern occurs in the text. @throws BadRequest for a pattern that is not RE2. */
export function matchesPattern(pattern: string, text: string): boolean {
  let matcher = matchers.get(pattern);
  if (matcher === undefined) {
    matcher = compile(pattern);
    if (matchers.size >= LIMIT_CACHED) matchers.clear();
    matchers.set(pattern, matcher);
  }
  return matcher(text);
}

/** What is wrong with a pattern; undefined for nothing. */
export function patternProblem(pattern: string): string | undefined {
  if (isHarmless(pattern)) return undefined;
  const result = runRe2(pattern, '');
  return typeof result === 'boolean' ? undefined : result.message;
}

function compile(pattern: string): Matcher {
  const slow: Matcher = (text) => {
    const result = runRe2(pattern, text);
    if (typeof result === 'boolean') return result;
    throw new BadRequest(`invalid regular expression ${JSON.stringify(pattern)}: ${result.message}`);
  };
  if (!isHarmless(pattern)) return slow;
  const native = new RegExp(pattern, 'u');
  return (text) =>
    text.length > FAST_TEXT || /[\r\u2028\u2029]/.test(text) ? slow(text) : native.test(text);
}

const FAST_SYNTAX =
  /^(?:[\w ^$.|:;,@%&<>=~"'!/-]|\\[.\-/d+*?()[\]{}|^$]|\[\^?(?:[\w .:;,@%&<>=~"'!+*?(){}|$/-]|\\[.\-/d])+\]|[()*+?]|\{\d{1,3}(?:,\d{0,3})?\})*$/;

function isHarmless(pattern: string): boolean {
  if (!FAST_SYNTAX.test(pattern) || pattern.includes('(?') || /\)[*+{]/.test(pattern)) return false;
  const bare = pattern.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  if ((bare.match(/[*+]|\{\d+,/g) ?? []).length > 1) return false;
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function runRe2(pattern: string, text: string): boolean | Error {
  engine ??= celLibrary().celEnv().funcs;
  const result = engine.find('matches')?.call(0, text, [pattern]);
  if (typeof result === 'boolean') return result;
  return result instanceof Error ? result : new Error('not a regular expression');
}
