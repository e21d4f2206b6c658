import { type DeclType, DYN, listOf, mapOf, type ScalarKind, unify } from './cel-type.ts';
import { CelFailure, CelOpaque, type CelValue, kindOf } from './cel-value.ts';
import type { Compiled } from './compiled.ts';
import { callOpaque, type Overload } from './functions.ts';

/** Kinds of values whose functions are their own. */
export const OPAQUE_KINDS = new Set(['quantity', 'ip', 'cidr', 'url', 'semver', 'format', 'opaque']);

/** A call of one of several overloads, chosen when it is known of what. */
export function invocation(
  parts: readonly Compiled[],
  overloads: readonly Overload[],
  types: readonly DeclType[],
): Compiled {
  const runs = parts.map(({ run }) => run);
  const only = overloads.length === 1 && types.every(({ kind }) => kind !== 'dyn') ? overloads[0] : undefined;
  const results = overloads.map((one) => resultType(one, types));
  return {
    type: results.every((type) => type.kind === results[0]!.kind) ? results[0]! : DYN,
    run: (frame) => {
      frame.budget.spend(1);
      const values = runs.map((run) => run(frame));
      return (only ?? chosen(overloads, values)).run(values, frame.budget);
    },
  };
}

function chosen(overloads: readonly Overload[], values: readonly CelValue[]): Overload {
  const found = overloads.find(
    ({ args }) =>
      args.length === values.length &&
      args.every((arg, index) => arg === 'any' || arg === kindOf(values[index]!)),
  );
  if (found === undefined) throw new CelFailure('no such overload');
  return found;
}

/** A function of an opaque value, or of whatever stands there when it is evaluated. */
export function methodOf(
  name: string,
  parts: readonly Compiled[],
  overloads: readonly Overload[] | undefined,
): Compiled {
  return {
    type: methodType(name, parts, overloads),
    run: (frame) => {
      frame.budget.spend(1);
      const [target, ...args] = parts.map(({ run }) => run(frame)) as [CelValue, ...CelValue[]];
      if (target instanceof CelOpaque) return callOpaque(target, name, args);
      if (overloads === undefined) throw new CelFailure('no such overload');
      return chosen(overloads, [target, ...args]).run([target, ...args], frame.budget);
    },
  };
}

/** What the methods of opaque values evaluate to, where nothing else has a method of that name. */
const METHOD_RESULTS: Readonly<Record<string, ScalarKind>> = {
  allowed: 'bool',
  errored: 'bool',
  error: 'string',
  reason: 'string',
  isLessThan: 'bool',
  isGreaterThan: 'bool',
  compareTo: 'int',
  containsIP: 'bool',
  containsCIDR: 'bool',
  isInteger: 'bool',
  getHost: 'string',
  getHostname: 'string',
  getScheme: 'string',
  getPort: 'string',
  getEscapedPath: 'string',
};

function methodType(
  name: string,
  parts: readonly Compiled[],
  overloads: readonly Overload[] | undefined,
): DeclType {
  const known = METHOD_RESULTS[name];
  if (overloads === undefined) return known === undefined ? DYN : { kind: known };
  const types = parts.map(({ type }) => type);
  const [first, ...rest] = overloads.map((one) => resultType(one, types));
  return first !== undefined && rest.every(({ kind }) => kind === first.kind) ? first : DYN;
}

/** Whether arguments of these types may be meant. */
export function fits({ args }: Overload, types: readonly DeclType[]): boolean {
  return (
    args.length === types.length &&
    args.every((arg, index) => {
      const { kind } = types[index]!;
      return arg === 'any' || kind === 'dyn' || arg === kind || (arg === 'map' && kind === 'object');
    })
  );
}

function resultType({ result }: Overload, types: readonly DeclType[]): DeclType {
  const [first, second] = types;
  if (result === 'same') return first!;
  if (result === 'element') return first?.kind === 'list' ? first.element : DYN;
  if (result === 'list')
    return first?.kind === 'list' && second?.kind === 'list' ? unify(first, second) : listOf(DYN);
  if (result.startsWith('list(')) return listOf({ kind: result.slice(5, -1) as ScalarKind });
  if (result === 'map') return mapOf(DYN);
  if (result === 'optional') return { kind: 'optional', of: first ?? DYN };
  return { kind: result as ScalarKind };
}
