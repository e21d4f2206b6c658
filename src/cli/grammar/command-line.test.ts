import { expect, test } from 'vitest';
import { exactArgs, noArgs } from './command.ts';
import { CommandLine } from './command-line.ts';
import { flag } from './flag.ts';

const ran: { path: string; args: readonly string[]; root: string | undefined; all: boolean }[] = [];
let written = '';

const line = new CommandLine<undefined>({
  program: 'podman',
  summary: 'Manage things',
  description: 'All of them.',
  globals: [flag('string', 'root', 'where')],
  groups: [{ path: 'pod', summary: 'Manage pods', description: 'Pods are groups.' }],
  version: () => 'podman version 1',
  write: (text) => {
    written += text;
  },
  context: async () => undefined,
  entries: [
    {
      paths: ['pod ps'],
      aliases: ['pod ls', 'pod list'],
      summary: 'List pods',
      load: async () => ({
        usage: '[options]',
        description: 'List all pods.',
        flags: [flag('bool', 'all,a', 'all of them'), flag('int', 'last,n', 'so many', { default: -1 })],
        args: noArgs,
        run: async ({ path, args, flags, globals }) => {
          ran.push({ path, args, root: globals.string('root'), all: flags.bool('all') });
          return 7;
        },
      }),
    },
    {
      paths: ['tag'],
      summary: 'Name an image',
      load: async () => ({
        usage: 'IMAGE NAME',
        description: 'Tag.',
        flags: [],
        args: exactArgs(2),
        run: async () => undefined,
      }),
    },
  ],
});

test('runs a command by any of its names, with the program flags before or after it', async () => {
  ran.length = 0;
  expect(await line.run(['--root', '/a', 'pod', 'ls', '-a'])).toBe(7);
  expect(await line.run(['pod', 'ps', '--root=/b'])).toBe(7);
  expect(ran).toEqual([
    { path: 'pod ls', args: [], root: '/a', all: true },
    { path: 'pod ps', args: [], root: '/b', all: false },
  ]);
});

test('prints help as cobra does', async () => {
  written = '';
  expect(await line.run(['pod', 'ps', '--help'])).toBe(0);
  expect(written).toBe(`List pods

Description:
  List all pods.

Usage:
  podman pod ps [options]

Aliases:
  ps, ls, list

Options:
  -a, --all        all of them
  -n, --last int   so many (default -1)
`);
});

test.each([
  [['pod'], "missing command 'podman pod COMMAND'"],
  [['pod', 'x'], 'unrecognized command `podman pod x`'],
  [['poo'], 'unrecognized command `podman poo`\n\nDid you mean this?\n\tpod\n'],
  [['pod', 'ps', 'x'], '`podman pod ps` takes no arguments'],
  [['tag', 'a'], 'accepts 2 arg(s), received 1'],
  [['pod', 'ps', '--nope'], 'unknown flag: --nope'],
])('%j is refused: %s', async (words, message) => {
  await expect(line.run(words)).rejects.toThrow(message);
});
