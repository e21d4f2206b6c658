import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

const RESULTS = join(import.meta.dirname, 'results');

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? Number.NaN;
}

/** The lines of a Markdown table. */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map(
    (row) => `| ${row.join(' | ')} |`,
  );
}

/** Prints a Markdown table and keeps it in bench/results/NAME.md with the machine it was measured on. */
export function report(
  name: string,
  about: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  reportLines(name, about, tableLines(head, rows));
}

/** The same of lines of one's own; `numbers`, when there are any, go to bench/results/NAME.json. */
export function reportLines(name: string, about: string, lines: readonly string[], numbers?: object): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
  const text = `# ${name}\n\n${about}\n\nMeasured ${new Date().toISOString().slice(0, 10)} with \`npm run bench -- ${name}\` on ${machine}.\n\n${lines.join('\n')}\n`;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.md`), text);
  if (numbers !== undefined)
    writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(numbers, undefined, 1)}\n`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
