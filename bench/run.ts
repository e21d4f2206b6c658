/**
 * `npm run bench [-- NAME…]`: runs the measurements one after another, each in a process of its own. Each
 * writes its table to bench/results/NAME.md. Medians and ratios: the machines are shared and noisy.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && file !== 'report.ts')
  .map((file) => file.slice(0, -3));
const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!existsSync(join(folder, `${name}.ts`))) {
    process.stderr.write(`error: no measurement "${name}"\nhint: one of ${all.join(', ')}\n`);
    process.exit(2);
  }
}
for (const name of wanted.length > 0 ? wanted : all) {
  process.stdout.write(`\n## ${name}\n\n`);
  const { status } = spawnSync(process.execPath, [join(folder, `${name}.ts`)], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
