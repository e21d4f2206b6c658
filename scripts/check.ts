/** `npm run check`: types, lint, layers, unit tests; what CI runs first. Ends with the first that fails. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const checkout = resolve(import.meta.dirname, '..');
const bin = (name: string) => join(checkout, 'node_modules', '.bin', name);
const steps: [string, string[]][] = [
  ['types', [bin('tsc'), '-p', checkout]],
  ['lint', [bin('biome'), 'check', '--error-on-warnings', checkout]],
  ['unused code', [bin('knip'), '--directory', checkout]],
  [
    'unit tests',
    [process.execPath, join(checkout, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'unit'],
  ],
];
for (const [title, [file, ...args]] of steps) {
  const started = Date.now();
  const { status } = spawnSync(file!, args, { stdio: 'inherit', cwd: checkout });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? 'ok' : 'FAILED'}: ${title} (${seconds} s)\n`);
  if (status !== 0) process.exit(1);
}
