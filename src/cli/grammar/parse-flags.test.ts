import { describe, expect, test } from 'vitest';
import { flag, refusedFlag } from './flag.ts';
import { FlagValues } from './flag-values.ts';
import { parseFlags } from './parse-flags.ts';

const flags = [
  flag('bool', 'interactive,i', 'keep stdin open'),
  flag('bool', 'tty,t', 'a terminal'),
  flag('stringArray', 'env,e', 'environment'),
  flag('strings', 'publish,p', 'ports'),
  flag('uint', 'time', 'seconds', { default: 10 }),
  flag('duration', 'interval', 'between'),
  flag('string', 'net', 'network', { aliases: ['network'] }),
  flag('string', 'log', 'log', { bareValue: 'on' }),
  refusedFlag('string', 'gpus', 'GPUs', 'there is no GPU runtime'),
];
const parse = (words: string[], interspersed = true) =>
  parseFlags(words, flags, { interspersed, command: 'podman run' });
const values = (words: string[]) => new FlagValues(flags, parse(words).given);

describe('what pflag reads', () => {
  test('clusters of short flags, with a value at their end', () => {
    expect(values(['-it']).bool('interactive') && values(['-it']).bool('tty')).toBe(true);
    expect(values(['-itp8080:80']).strings('publish')).toEqual(['8080:80']);
    expect(values(['-p=80', '-p', '81,82']).strings('publish')).toEqual(['80', '81', '82']);
  });
  test('commas stay in a stringArray', () => {
    expect(values(['-e', 'A=1,2', '--env=B=']).strings('env')).toEqual(['A=1,2', 'B=']);
  });
  test('a bool takes a value only after =', () => {
    expect(values(['--tty=false']).bool('tty')).toBe(false);
    expect(parse(['--tty', 'false']).args).toEqual(['false']);
  });
  test('flags after arguments, unless the command begins there', () => {
    expect(parse(['image', '-t']).given.has('tty')).toBe(true);
    expect(parse(['-i', 'image', '-t', '--', 'x'], false).args).toEqual(['image', '-t', '--', 'x']);
  });
  test('-- ends the flags', () => {
    expect(parse(['--', '-t']).args).toEqual(['-t']);
  });
  test('defaults, aliases and bare values', () => {
    expect(values([]).number('time')).toBe(10);
    expect(values(['--network', 'none']).string('net')).toBe('none');
    expect(values(['--log']).string('log')).toBe('on');
    expect(values(['--interval=1m30s']).durationMs('interval')).toBe(90_000);
  });
});

test.each([
  [['--foo'], 'unknown flag: --foo'],
  [['-iZ'], "unknown shorthand flag: 'Z' in -Z"],
  [['-e'], "flag needs an argument: 'e' in -e"],
  [['--env'], 'flag needs an argument: --env'],
  [['--time=x'], 'invalid argument "x" for "--time" flag: strconv.ParseUint: parsing "x": invalid syntax'],
  [['--tty=x'], 'invalid argument "x" for "-t, --tty" flag: strconv.ParseBool: parsing "x": invalid syntax'],
  [['--interval=5'], 'invalid argument "5" for "--interval" flag: time: missing unit in duration "5"'],
  [['--gpus=all'], '--gpus is not supported: there is no GPU runtime'],
  [['--=x'], 'bad flag syntax: --=x'],
])('%j: %s', (words, message) => {
  expect(() => parse(words)).toThrow(message);
});
