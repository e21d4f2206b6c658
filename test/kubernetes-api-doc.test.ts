import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { apiPage, PAGE } from '../scripts/generate-api-page.ts';
import { features, lackingOf, machineryOf } from '../scripts/kubernetes-api-state.ts';
import { builtinResources } from '../src/kube/index.ts';

const checkout = resolve(import.meta.dirname, '..');

test('docs/kubernetes-api.md is what scripts/generate-api-page.ts writes', () => {
  expect(readFileSync(PAGE, 'utf8'), 'stale: run node scripts/generate-api-page.ts').toBe(apiPage());
});

test('every feature of the page has the test it names', () => {
  const missing = features.filter(({ test: [file, title] }) => {
    const path = join(checkout, file);
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(title);
  });
  expect(missing).toEqual([]);
});

test('what the page says of resources is of resources that are served, and each is said once', () => {
  const served = new Set(builtinResources.map(({ group, name }) => `${group}/${name}`));
  const told = [...Object.keys(machineryOf), ...Object.keys(lackingOf)];
  expect(told.filter((key) => !served.has(key))).toEqual([]);
  expect(told.length).toBe(new Set(told).size);
});
