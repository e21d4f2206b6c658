import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { containersPage, PAGE } from '../scripts/generate-containers-page.ts';

test('docs/containers.md is what the command line’s own tables say', async () => {
  expect(readFileSync(PAGE, 'utf8'), 'node scripts/generate-containers-page.ts writes it').toBe(
    await containersPage(),
  );
});
