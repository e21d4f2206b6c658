/**
 * `npm run bench [-- NAME…]`: runs the measurements one after another, each in a process of its own. Each
 * writes its table to bench/results/NAME.md. Medians and ratios: the machines are shared and noisy.
 * `speed` stands for those of the API server, and ends with their targets (results/speed.md).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && file !== 'report.ts')
  .map((file) => file.slice(0, -3));
const SPEED = ['api', 'watch', 'start', 'crd'];
const wanted = process.argv.slice(2).flatMap((name) => (name === 'speed' ? SPEED : [name]));
for (const name of wanted) {
  if (!existsSync(join(folder, `${name}.ts`))) {
    process.stderr.write(`error: no measurement "${name}"\nhint: one of ${all.join(', ')}, speed\n`);
    process.exit(2);
  }
}
const running = wanted.length > 0 ? wanted : all;
for (const name of running) run(name, `${name}.ts`);
if (SPEED.every((name) => running.includes(name))) run('speed', join('load', 'targets.ts'));

function run(name: string, file: string): void {
  process.stdout.write(`\n## ${name}\n\n`);
  const { status } = spawnSync(process.execPath, [join(folder, file)], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
