import { CelFailure, CelOptional, type CelValue, celEquals } from './cel-value.ts';
import type { CostBudget } from './cost-budget.ts';
import { define, order } from './functions.ts';
import { matchesPattern } from './pattern.ts';

/** Kubernetes' lists and regex libraries, and cel-go's lists, sets and math extensions. */
const list = (value: CelValue | undefined) => value as readonly CelValue[];

function walk(value: CelValue | undefined, budget: CostBudget): readonly CelValue[] {
  budget.spend(list(value).length);
  return list(value);
}

define('.isSorted', 'list->bool', ([a], budget) =>
  walk(a, budget).every((one, index, all) => index === 0 || order(all[index - 1]!, one) <= 0),
);
define('.sum', 'list->dyn', ([a], budget) => {
  const all = walk(a, budget);
  if (all.length === 0) return 0n;
  return all.reduce((sum, one) => {
    if (typeof one !== typeof sum || (typeof one !== 'bigint' && typeof one !== 'number'))
      throw new CelFailure('no such overload');
    return ((sum as number) + (one as number)) as CelValue;
  });
});
for (const [name, better] of [
  ['min', (difference: number) => difference < 0],
  ['max', (difference: number) => difference > 0],
] as const) {
  const pick = (all: readonly CelValue[]) =>
    all.reduce((best, one) => (better(order(one, best)) ? one : best));
  define(`.${name}`, 'list->element', ([a], budget) => {
    const all = walk(a, budget);
    if (all.length === 0) throw new CelFailure(`${name} called on empty list`);
    return pick(all);
  });
  const mathName = name === 'min' ? 'math.least' : 'math.greatest';
  define(mathName, 'list->dyn', ([a], budget) => pick(walk(a, budget)));
  define(mathName, 'any->dyn;any,any->dyn;any,any,any->dyn;any,any,any,any->dyn', (args) => pick(args));
}
define('.indexOf', 'list,any->int', ([a, b], budget) =>
  BigInt(walk(a, budget).findIndex((one) => celEquals(one, b!))),
);
define('.lastIndexOf', 'list,any->int', ([a, b], budget) =>
  BigInt(walk(a, budget).findLastIndex((one) => celEquals(one, b!))),
);
define('.slice', 'list,int,int->same', ([a, from, to], budget) => {
  const [start, end] = [Number(from as bigint), Number(to as bigint)];
  if (start < 0 || end < 0)
    throw new CelFailure(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end)
    throw new CelFailure(
      `cannot slice(${start}, ${end}), start index must be less than or equal to end index`,
    );
  if (end > list(a).length)
    throw new CelFailure(`cannot slice(${start}, ${end}), list is length ${list(a).length}`);
  return walk(a, budget).slice(start, end);
});
define('.flatten', 'list->list', ([a], budget) =>
  walk(a, budget).flatMap((one) => {
    if (!Array.isArray(one)) return [one];
    budget.spend(one.length * 0.1);
    return one;
  }),
);
define('.reverse', 'list->same', ([a], budget) => [...walk(a, budget)].reverse());
define('.sort', 'list->same', ([a], budget) => [...walk(a, budget)].sort(order));
define('.distinct', 'list->same', ([a], budget) => {
  const seen: CelValue[] = [];
  for (const one of list(a)) {
    budget.spend(seen.length + 1);
    if (!seen.some((other) => celEquals(one, other))) seen.push(one);
  }
  return seen;
});
define('lists.range', 'int->list(int)', ([n], budget) => {
  budget.spend(Number(n as bigint));
  return Array.from({ length: Number(n as bigint) }, (_, index) => BigInt(index));
});
define('.first', 'list->optional', ([a]) => new CelOptional(list(a)[0]));
define('.last', 'list->optional', ([a]) => new CelOptional(list(a).at(-1)));

const has = (all: readonly CelValue[], one: CelValue) => all.some((other) => celEquals(one, other));
define('sets.contains', 'list,list->bool', ([a, b], budget) => {
  budget.spend(list(a).length * list(b).length);
  return list(b).every((one) => has(list(a), one));
});
define('sets.intersects', 'list,list->bool', ([a, b], budget) => {
  budget.spend(list(a).length * list(b).length);
  return list(b).some((one) => has(list(a), one));
});
define('sets.equivalent', 'list,list->bool', ([a, b], budget) => {
  budget.spend(list(a).length * list(b).length * 2);
  return list(b).every((one) => has(list(a), one)) && list(a).every((one) => has(list(b), one));
});

define('math.abs', 'int->int', ([a]) => ((a as bigint) < 0n ? -(a as bigint) : (a as bigint)));
define('math.abs', 'double->double', ([a]) => Math.abs(a as number));
for (const name of ['ceil', 'floor', 'round', 'trunc'] as const)
  define(`math.${name}`, 'double->double', ([a]) => Math[name](a as number));
define('math.sign', 'int->int', ([a]) => ((a as bigint) > 0n ? 1n : (a as bigint) < 0n ? -1n : 0n));
define('math.isNaN', 'double->bool', ([a]) => Number.isNaN(a));
define('math.isInf', 'double->bool', ([a]) => Math.abs(a as number) === Number.POSITIVE_INFINITY);
define('math.isFinite', 'double->bool', ([a]) => Number.isFinite(a));

/** Finds with the linear engine by narrowing: the first match, as Go's FindString. */
define(
  '.find',
  'string,string->string',
  ([a, pattern], budget) => firstMatch(a as string, pattern as string, budget) ?? '',
);
define(
  '.findAll',
  'string,string->list(string);string,string,int->list(string)',
  ([a, pattern, n], budget) => {
    const limit = n === undefined || (n as bigint) < 0n ? Number.POSITIVE_INFINITY : Number(n as bigint);
    const found: string[] = [];
    let rest = a as string;
    while (found.length < limit && rest !== '') {
      const match = firstMatch(rest, pattern as string, budget);
      if (match === undefined || match === '') break;
      found.push(match);
      rest = rest.slice(rest.indexOf(match) + match.length);
    }
    return found;
  },
);

function firstMatch(text: string, pattern: string, budget: CostBudget): string | undefined {
  budget.spend((text.length * 0.1 + 1) * (pattern.length * 0.25 + 1));
  if (!matchesPattern(pattern, text)) return undefined;
  const whole = `^(?:${pattern})`;
  let start = 0;
  while (!matchesPattern(whole, text.slice(start))) {
    budget.spend((text.length * 0.1 + 1) * (pattern.length * 0.25 + 1));
    start++;
  }
  const exact = `^(?:${pattern})$`;
  for (let end = text.length; end > start; end--) {
    budget.spend((text.length * 0.1 + 1) * (pattern.length * 0.25 + 1));
    if (matchesPattern(exact, text.slice(start, end))) return text.slice(start, end);
  }
  return '';
}
