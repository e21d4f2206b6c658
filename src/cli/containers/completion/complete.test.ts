import { expect, test } from 'vitest';
import { globalFlags } from '../global-flags.ts';
import { createTool } from '../tool.ts';
import { complete } from './complete.ts';

async function suggestions(...words: string[]): Promise<string[]> {
  const { output } = await complete(words, {
    tool: createTool('podman'),
    globals: globalFlags,
    withDescriptions: false,
    namesOf: async (kind) => ({ CONTAINER: ['c1', 'c2'], IMAGE: ['localhost/i:1'] })[kind] ?? [],
    pathsInside: async (kind, name, typed) => (typed === '/e' ? [`/${kind}-${name}`, '/etc/'] : ['/one']),
  });
  return output.trimEnd().split('\n');
}

test('commands and groups complete without files', async () => {
  expect(await suggestions('unpa')).toEqual(['unpause', ':4']);
  expect(await suggestions('container', 'unp')).toEqual(['unpause', ':4']);
});

test('flags, values of flags and fields of a format', async () => {
  expect(await suggestions('ps', '--form')).toEqual(['--format', ':4']);
  expect(await suggestions('ps', '--format', '{{.Na')).toEqual(['{{.Names}}', '{{.Namespaces}}', ':6']);
  expect(await suggestions('run', '--systemd', 'a')).toEqual(['always', ':4']);
});

test('arguments by the usage line: containers, images, then files or nothing', async () => {
  expect(await suggestions('rm', '')).toEqual(['c1', 'c2', ':4']);
  expect(await suggestions('rm', 'c1', '')).toEqual(['c2', ':4']);
  expect(await suggestions('run', '-d', '--name', 'x', '')).toEqual(['localhost/i:1', ':4']);
  expect(await suggestions('exec', 'c1', '')).toEqual([':0']);
  expect(await suggestions('rename', 'a', 'b', '')).toEqual([':4']);
  expect(await suggestions('cp', '')).toEqual(['c1:', 'c2:', ':2']);
});

test('paths in the image of a container to be, and in the container of a copy', async () => {
  expect(await suggestions('run', '-d', 'i', '/e')).toEqual(['/IMAGE-i', '/etc/', ':2']);
  expect(await suggestions('container', 'create', 'i', '/o')).toEqual(['/one', ':0']);
  expect(await suggestions('cp', 'c1:/e')).toEqual(['c1:/CONTAINER-c1', 'c1:/etc/', ':2']);
  expect(await suggestions('pod', 'create', '')).not.toContain('/one');
});
