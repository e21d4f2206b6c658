import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const checkout = resolve(import.meta.dirname, '..');

test('docs/errors.md lists exactly the error codes that the source makes', () => {
  const inSource = new Set<string>();
  for (const file of readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const text = readFileSync(join(checkout, 'src', file), 'utf8');
    for (const match of text.matchAll(/(?:new OrreryError|super)\(\s*'([A-Z][A-Za-z]+)'/g))
      inSource.add(match[1]!);
  }
  const listed = [
    ...readFileSync(join(checkout, 'docs/errors.md'), 'utf8').matchAll(/^\| `([A-Za-z]+)` \|/gm),
  ].map((m) => m[1]!);
  expect([...listed].sort()).toEqual([...inSource].sort());
});
