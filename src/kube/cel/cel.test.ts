import { describe, expect, test } from 'vitest';
import {
  CelCompileError,
  CelFailure,
  celFromJson,
  celToJson,
  compileCel,
  DYN,
  mapOf,
  scalar,
} from './index.ts';

const SELF = {
  a: 1,
  name: 'abc',
  list: [1, 2, 3],
  map: { x: 'y', z: 'w' },
  cpu: '1500m',
  ip: '10.1.2.3',
  when: '2026-01-02T03:04:05Z',
  items: [{ n: 'a', v: 1 }, { n: 'b' }],
};

function evaluate(source: string, limit?: number): unknown {
  const program = compileCel(source, { variables: { self: DYN } });
  return celToJson(program.evaluate({ self: celFromJson(SELF) }, limit).value);
}

test.each<[string, unknown]>([
  ['self.a + 1 == 2 && self.name == "abc"', true],
  ['self.missing == 1 || self.a == 1', true],
  ['self.a == 1 && !(self.a > 1)', true],
  ['has(self.b) ? self.b : self.a', 1],
  ['self.list.all(x, x > 0) && self.list.exists(x, x == 2)', true],
  ['self.list.exists_one(x, x > 2)', true],
  ['self.list.map(x, x * 2)', [2, 4, 6]],
  ['self.list.filter(x, x > 1)', [2, 3]],
  ['self.map.all(k, self.map[k].size() == 1)', true],
  ['self.?b.orValue(7)', 7],
  ['self.?a.orValue(7)', 1],
  ['self[?"a"].hasValue()', true],
  ['self.list[?9].orValue(5)', 5],
  ['self.?b.?c.hasValue()', false],
  ['self.?a.optMap(x, x + 1).orValue(0)', 2],
  ['[?self.?b, 1]', [1]],
  ['{?"k": self.?a, ?"l": self.?b}', { k: 1 }],
  ['cel.bind(x, self.a + 1, x * x)', 4],
  ['self.list.all(i, v, v == i + 1)', true],
  ['self.map.exists(k, v, k == "x" && v == "y")', true],
  ['self.list.transformList(i, v, i > 0, v + i)', [3, 5]],
  ['self.map.transformMap(k, v, v + k)', { x: 'yx', z: 'wz' }],
  ['self.items.all(i, has(i.v) || i.n == "b")', true],
  ['self.list.sum() == 6 && self.list.max() == 3 && self.list.min() == 1', true],
  ['self.list.isSorted() && self.list.indexOf(2) == 1', true],
  ['"abc".find("[bc]+")', 'bc'],
  ['"a1b22".findAll("[0-9]+")', ['1', '22']],
  ['self.name.matches("^[a-c]+$")', true],
  ['quantity(self.cpu).isGreaterThan(quantity("1"))', true],
  ['quantity("1Gi").add(quantity("1Gi")) == quantity("2Gi")', true],
  ['isQuantity("x") || quantity("200M").compareTo(quantity("0.2G")) == 0', true],
  ['ip(self.ip).family() == 4 && cidr("10.0.0.0/8").containsIP(self.ip)', true],
  ['cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && isCIDR("fe80::/10")', true],
  ['string(ip("2001:db8:0:0::1"))', '2001:db8::1'],
  ['ip.isCanonical("::1") && !isIP("1.2.3")', true],
  ['url("https://a.b:80/c?d=e").getHost()', 'a.b:80'],
  ['url("/path").getHost() == "" && isURL("https://x")', true],
  ['semver("1.2.3").isLessThan(semver("1.10.0")) && isSemver("v1.0", true)', true],
  ['format.dns1123Label().validate("Abc").hasValue()', true],
  ['format.named("uuid").hasValue()', true],
  ['"%s is %d of %.2f".format(["a", 1, 1.5])', 'a is 1 of 1.50'],
  ['"a,b".split(",").join("-") + "x".upperAscii()', 'a-bX'],
  ['"hello".substring(1, 3) + "hello".charAt(0) + "aXbX".replace("X", "y")', 'elhayby'],
  [
    'timestamp(self.when).getFullYear() == 2026 && timestamp(self.when) > timestamp("2025-01-01T00:00:00Z")',
    true,
  ],
  ['duration("90s") == duration("1m30s") && duration("1h").getMinutes() == 60', true],
  ['timestamp(self.when) - timestamp("2026-01-02T03:04:00Z") == duration("5s")', true],
  ['type(self.a) == int && type("x") == string', true],
  ['int("12") + int(3.7) == 15 && string(12) == "12" && double(1) == 1.0', true],
  ['"x" in self.map && 2 in self.list && !(9 in self.list)', true],
  ['sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 2], [2, 1, 1])', true],
  ['self.list[0] == 1 && self.map["x"] == "y"', true],
  ['[1, 2] + [3] == self.list', true],
  ['self.a == 1.0', true],
  ['"?" == "?" ? self.a : 0', 1],
  ['base64.decode("YQ==") == b"a"', true],
  ['math.greatest(1, 5, 3) == 5 && lists.range(3) == [0, 1, 2]', true],
  ['dyn(self.items)[0].n', 'a'],
])('%s', (source, expected) => {
  expect(evaluate(source)).toEqual(expected);
});

test.each<[string, string]>([
  ['self.nope', 'no such key: nope'],
  ['self.list[7]', 'index out of bounds: 7'],
  ['1 / (self.a - 1)', 'division by zero'],
  ['9223372036854775807 + self.a', 'integer overflow'],
  ['self.a < "x"', 'no such overload'],
  ['optional.none().value()', 'optional.none() dereference'],
])('%s fails: %s', (source, message) => {
  expect(() => evaluate(source)).toThrow(new CelFailure(message));
});

describe('compilation', () => {
  const object = {
    kind: 'object' as const,
    name: 'object',
    field: (name: string) => ({ a: scalar('int'), s: scalar('string'), m: mapOf(scalar('string')) })[name],
  };
  test.each<[string, string]>([
    ['self.b == 1', "ERROR: <input>:1:5: undefined field 'b'\n | self.b == 1\n | ....^"],
    ['foo == 1', "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^"],
    [
      'self.a == "x"',
      "ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'\n | self.a == \"x\"\n | .......^",
    ],
    [
      'self.a + self.s',
      "ERROR: <input>:1:8: found no matching overload for '_+_' applied to '(int, string)'\n | self.a + self.s\n | .......^",
    ],
    [
      'self.s.frob()',
      "ERROR: <input>:1:7: undeclared reference to 'frob' (in container '')\n | self.s.frob()\n | ......^",
    ],
  ])('%s', (source, message) => {
    const compile = () => compileCel(source, { variables: { self: object }, result: 'bool' });
    expect(compile).toThrow(new CelCompileError(`compilation failed: ${message}`));
  });

  test('knows the type of the result', () => {
    expect(() => compileCel('self.s', { variables: { self: object }, result: 'bool' })).toThrow(
      'must evaluate to bool',
    );
    expect(
      compileCel('self.m.all(k, self.m[k] != "")', { variables: { self: object }, result: 'bool' }).type.kind,
    ).toBe('bool');
  });
});

// Each step doubles what it is given and costs next to nothing by itself.
test.each([
  ['joined', "'aaaaaaaaaa'", '[x, x].join()', 'x.size() > 0'],
  ['formatted', "'aaaaaaaaaa'", "'%s%s'.format([x, x])", 'x.size() > 0'],
  ['flattened', '[1]', '[x, x].flatten()', 'x.size() > 0'],
  ['put together as bytes', "b'a'", 'x + x', 'x.size() > 0'],
  ['compared', '[[1], [1]]', '[[x[0], x[0]], [x[1], x[1]]]', 'x[0] == x[1]'],
  ['printed', '[1]', '[x, x]', "'%s'.format([x]) != ''"],
  ['returned', '[1]', '[x, x]', 'x'],
])('what grows by half a hundred doublings and is %s stops at its budget', (_what, seed, step, last) => {
  const source = [...Array.from({ length: 50 }, () => step), last].reduce(
    (inner, outer) => `[${inner}].map(x, ${outer})[0]`,
    seed,
  );
  expect(() => evaluate(source)).toThrow('operation cancelled: actual cost limit exceeded');
});

test('stops at its budget', () => {
  const source =
    '[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, a+b+c > 0)))';
  expect(() => evaluate(source, 1000)).toThrow('operation cancelled: actual cost limit exceeded');
  expect(evaluate(source)).toBe(true);
});
