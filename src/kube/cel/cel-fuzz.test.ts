import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CelCompileError, CelFailure, celFromJson, compileCel, DYN } from './index.ts';
import { rewriteOptionals } from './optional-syntax.ts';
import { matchesPattern, patternProblem } from './pattern.ts';

const OPTIONS = { seed: 20260101, numRuns: 400 };
const words = fc.constantFrom(
  'self',
  'oldSelf',
  '.',
  '?',
  '.?',
  '[',
  ']',
  '(',
  ')',
  '{',
  '}',
  ',',
  ':',
  '"a"',
  "'",
  '1',
  '-',
  '+',
  '==',
  '&&',
  '||',
  '!',
  ' in ',
  'has',
  'all',
  'map',
  'x',
  'size',
  'matches',
  '__proto__',
  'constructor',
  'cel.bind',
  'optional.of',
  '//',
  '\n',
);

/** Compiles and evaluates; what it may throw is only of two kinds. */
function attempt(source: string, value: unknown): void {
  try {
    const program = compileCel(source, { variables: { self: DYN, oldSelf: DYN } });
    program.evaluate({ self: celFromJson(value), oldSelf: celFromJson(value) }, 10_000);
  } catch (error) {
    if (!(error instanceof CelCompileError) && !(error instanceof CelFailure)) throw error;
  }
}

test('any text compiles or is refused, and any program ends', () => {
  fc.assert(
    fc.property(fc.array(words, { maxLength: 25 }), fc.json(), (parts, json) => {
      attempt(parts.join(''), JSON.parse(json));
    }),
    OPTIONS,
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      rewriteOptionals(text);
      attempt(text, {});
    }),
    OPTIONS,
  );
});

test('deep nesting and long chains are refused, not crashed on', () => {
  attempt(`${'('.repeat(3000)}1${')'.repeat(3000)}`, {});
  attempt(`self${'.a'.repeat(20_000)}`, {});
  attempt(`${'['.repeat(60)}1${']'.repeat(60)}`, {});
  attempt(Array.from({ length: 5000 }, () => 'true').join(' && '), {});
});

test('patterns take linear time, whatever they are', () => {
  const text = 'a'.repeat(5000);
  const start = performance.now();
  for (const pattern of ['^(a+)+$', '(a|a)*b', '(a*)*c', 'a{0,50}a{0,50}b', '^(\\w+\\s?)*$', '.*.*.*x'])
    expect(patternProblem(pattern) ?? typeof matchesPattern(pattern, `${text}!`)).toBeTypeOf('string');
  expect(performance.now() - start).toBeLessThan(10_000);
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 40 }), (pattern, against) => {
      if (patternProblem(pattern) === undefined) matchesPattern(pattern, against);
    }),
    OPTIONS,
  );
});
