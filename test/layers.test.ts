import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Which room may enter which; drawn in ARCHITECTURE.md. A room is entered through its index.ts only. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  kube: ['base'],
  store: ['base'],
  client: ['base', 'kube'],
  apiserver: ['base', 'kube', 'store'],
  controllers: ['base', 'kube', 'client'],
  scheduler: ['base', 'kube', 'client'],
  engine: ['base'],
  node: ['base', 'kube', 'client', 'engine'],
  libpod: ['base', 'engine'],
  'docker-api': ['base', 'engine', 'libpod'],
  'kube-play': ['base', 'kube', 'client', 'engine', 'node', 'libpod'],
  cli: [
    ...['base', 'kube', 'store', 'client', 'apiserver', 'controllers', 'scheduler', 'engine', 'node'],
    ...['libpod', 'docker-api', 'kube-play'],
  ],
};

/** Second doors: what the command line asks before, or without, anything else being loaded. */
const DOORS = new Set([
  'engine/execution.ts',
  'engine/rootless/index.ts',
  'engine/rootless/outbound-relay.ts',
  'engine/rootless/outbound-sockets.ts',
  'engine/rootless/port-relay.ts',
  'libpod/events/index.ts',
  'libpod/health/index.ts',
]);

const source = resolve(import.meta.dirname, '../src');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

test('no room imports a room it may not enter, and each is entered by its index.ts', () => {
  const wrong: string[] = [];
  for (const file of filesBelow(source)) {
    const room = relative(source, file).split('/')[0]!;
    for (const match of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const target = relative(source, resolve(dirname(file), match[1]!));
      const targetRoom = target.split('/')[0]!;
      if (target.startsWith('..')) wrong.push(`${relative(source, file)} reaches out of src: ${match[1]}`);
      else if (targetRoom === room) continue;
      else if (!(MAY_IMPORT[room] ?? []).includes(targetRoom))
        wrong.push(`${room} may not import ${targetRoom}: ${relative(source, file)}`);
      else if (target !== `${targetRoom}/index.ts` && !DOORS.has(target) && !file.endsWith('.test.ts'))
        wrong.push(`${relative(source, file)} enters ${target}, not ${targetRoom}/index.ts`);
    }
  }
  expect(wrong).toEqual([]);
});

test('nothing but cli reads the environment', () => {
  const wrong = filesBelow(source).filter(
    (file) =>
      !relative(source, file).startsWith('cli/') &&
      !file.endsWith('.test.ts') &&
      /process\.(env|argv)/.test(readFileSync(file, 'utf8')),
  );
  expect(wrong.map((file) => relative(source, file))).toEqual([]);
});
