import { BadRequest } from '../base/index.ts';

type Paint = (text: string) => string;

/** Colours only on a terminal, and never when NO_COLOR is set (no-color.org). */
export function painter(stream: { isTTY?: boolean }): {
  bold: Paint;
  dim: Paint;
  green: Paint;
  red: Paint;
  yellow: Paint;
  cyan: Paint;
} {
  const on = stream.isTTY === true && (process.env.NO_COLOR ?? '') === '';
  const code =
    (open: number, close: number): Paint =>
    (text) =>
      on ? `\x1b[${open}m${text}\x1b[${close}m` : text;
  return {
    bold: code(1, 22),
    dim: code(2, 22),
    green: code(32, 39),
    red: code(31, 39),
    yellow: code(33, 39),
    cyan: code(36, 39),
  };
}

/** Columns three spaces apart, as kubectl prints them. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows]
    .map(
      (row) =>
        row
          .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]! + 3)))
          .join('')
          .trimEnd() + '\n',
    )
    .join('');
}

export type OutputFormat = 'text' | 'json' | 'yaml';

export function outputFormat(text: string | undefined): OutputFormat {
  if (text === undefined) return 'text';
  if (text === 'json' || text === 'yaml') return text;
  throw new BadRequest(
    `unable to match a printer suitable for the output format "${text}", allowed formats are: json,yaml`,
  );
}

export async function printStructured(value: unknown, format: 'json' | 'yaml'): Promise<void> {
  if (format === 'json') process.stdout.write(JSON.stringify(value, null, 4) + '\n');
  else {
    const { stringify } = await import('yaml');
    process.stdout.write(stringify(value));
  }
}

/** 1536 → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Seconds as kubectl shows ages: `42s`, `3m10s`, `5h`, `2d`. */
export function formatDuration(seconds: number): string {
  const s = Math.floor(seconds);
  if (s < 120) return `${s}s`;
  if (s < 600) return s % 60 === 0 ? `${Math.floor(s / 60)}m` : `${Math.floor(s / 60)}m${s % 60}s`;
  if (s < 3 * 3600) return `${Math.floor(s / 60)}m`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86_400)}d`;
}
