import { expect, test } from 'vitest';
import type { ImageConfig } from '../engine.ts';
import type { ImageState } from './options.ts';
import { parseOneInstruction } from './parse.ts';
import { applyToConfig } from './stage-config.ts';

function configAfter(...lines: string[]): ImageConfig {
  const state: ImageState = { config: {}, architecture: 'amd64', os: 'linux' };
  for (const line of lines)
    applyToConfig({
      state,
      instruction: parseOneInstruction(line),
      variables: (name) =>
        state.config.Env?.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1),
      escapeChar: '\\',
    });
  return state.config;
}

test('ENV has two forms, and its variables are from before it', () => {
  expect(configAfter('ENV a=1 b="2 3"', 'ENV a=9 c=$a', 'ENV d  two  words').Env).toEqual([
    ...['a=9', 'b=2 3', 'c=1', 'd=two  words'],
  ]);
});

test('shell forms stand behind the shell, exec forms alone', () => {
  expect(configAfter('CMD echo $x').Cmd).toEqual(['/bin/sh', '-c', 'echo $x']);
  expect(configAfter('SHELL ["/bin/bash", "-c"]', 'ENTRYPOINT x').Entrypoint).toEqual([
    '/bin/bash',
    '-c',
    'x',
  ]);
  expect(configAfter('CMD ["a", "b"]').Cmd).toEqual(['a', 'b']);
});

test('a VOLUME that only looks like JSON is words with brackets', () => {
  expect(
    Object.keys(configAfter(`VOLUME ['/etc/foo', '/etc/bar']`, 'VOLUME ["/a b"]').Volumes ?? {}),
  ).toEqual([...['[/etc/foo,', '/etc/bar]', '/a b']]);
});

test('WORKDIR goes on from the one before', () => {
  expect(configAfter('WORKDIR a', 'WORKDIR b/../c').WorkingDir).toBe('/a/c');
});

test('EXPOSE takes ranges and protocols', () => {
  expect(Object.keys(configAfter('EXPOSE 80 90-91/udp').ExposedPorts ?? {})).toEqual([
    ...['80/tcp', '90/udp', '91/udp'],
  ]);
});

test('HEALTHCHECK keeps its times in nanoseconds', () => {
  expect(configAfter('HEALTHCHECK --interval=1m30s --retries=2 CMD test -f /x').Healthcheck).toEqual({
    Test: ['CMD-SHELL', 'test -f /x'],
    Interval: 90e9,
    Retries: 2,
  });
  expect(configAfter('HEALTHCHECK NONE').Healthcheck).toEqual({ Test: ['NONE'] });
});

test.each([
  ['ENV a', 'ENV must have two arguments'],
  ['ENV a=1 b', `can't find = in "b"`],
  ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
  ['ONBUILD ONBUILD RUN x', 'Chaining ONBUILD'],
  ['SHELL bash', 'SHELL requires the arguments to be in JSON form'],
  ['EXPOSE http', 'invalid containerPort: http'],
  ['HEALTHCHECK --foo=1 CMD x', 'unknown flag: foo'],
  ['HEALTHCHECK --interval=-1s CMD x', 'invalid duration "-1s"'],
  ['HEALTHCHECK --timeout=5 CMD x', 'invalid duration "5"'],
  ['USER', 'USER requires at least one argument'],
])('refuses %s', (line, message) => {
  expect(() => configAfter(line)).toThrow(message);
});
