import { executeTemplate } from './execute.ts';
import { TEMPLATE_FUNCTION_NAMES } from './functions.ts';
import { type ParsedTemplate, parseTemplate } from './parser.ts';
import { alignColumns, type TabStops } from './tab-writer.ts';
import { TemplateError } from './template-error.ts';
import type { GoValue } from './values.ts';

/** Whether `--format` asks for JSON: `json`, `{{json .}}` or `{{ json }}`. */
export function asksForJson(format: string): boolean {
  return /^\s*(json|\{\{\s*json\s*(\.)?\s*\}\})\s*$/.test(format);
}

export function hasTable(format: string): boolean {
  return format.startsWith('table ');
}

export interface Report {
  /** Named in errors: the command. */
  name: string;
  rows: readonly GoValue[];
  /** The user's `--format`; then headers are only with `table`. */
  format?: string;
  /** When there is no format: cells with tabs between them. */
  columns: string;
  /** Field → header. */
  headers?: Record<string, string>;
  hasNoHeading?: boolean;
  /** Default: Podman's. */
  tabs?: TabStops;
}

/**
 * A list as Podman prints it, by its report package's rules: a template is applied to each row (unless it
 * ranges by itself), `table` and the command's own columns are aligned and get a row of headers, and show
 * control characters; a format of the user's gets the data as it is.
 * @throws TemplateError
 */
export function renderReport(report: Report): string {
  const { format } = report;
  const isTable = format === undefined || hasTable(format);
  const template = parseReport(report.name, format, report.columns);
  const pieces: string[] = [];
  if (isTable && !report.hasNoHeading && report.headers)
    executeTemplate(template, [report.headers], (text) => pieces.push(text));
  executeTemplate(template, report.rows, (text) => pieces.push(text), isTable);
  return isTable ? alignColumns(pieces.join(''), report.tabs) : pieces.join('');
}

/** @param columns the command's own row, without its newline */
function parseReport(name: string, format: string | undefined, columns: string): ParsedTemplate {
  const parse = (text: string) => parseTemplate(name, text, TEMPLATE_FUNCTION_NAMES);
  if (format === undefined) return parse(`{{range .}}${columns}\n{{end -}}`);
  const escaped = (text: string) => text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  const ended = (text: string) => (text.endsWith('\n') ? text : `${text}\n`);
  const normal = hasTable(format)
    ? `{{range .}}${ended(escaped(format.slice('table '.length)).replaceAll(' ', '\t'))}{{end -}}`
    : enforceRange(ended(escaped(format)));
  try {
    return parse(normal);
  } catch (error) {
    // `{{"\n"}}`: the escape was the template's own, not the shell's.
    if (!(error instanceof TemplateError)) throw error;
    const plain = hasTable(format)
      ? `{{range .}}${format.slice('table '.length)}{{end -}}`
      : enforceRange(format);
    if (plain === normal) throw error;
    return parse(plain);
  }
}

function enforceRange(text: string): string {
  return /^\{\{\s*range/.test(text) ? text : `{{range .}}${text}{{end -}}`;
}

/** `RestartCount` → `RESTART COUNT`. */
export function headersOf(
  fields: readonly string[],
  overrides: Record<string, string> = {},
): Record<string, string> {
  const split = (name: string) =>
    name.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2');
  return {
    ...Object.fromEntries(fields.map((name) => [name, split(name).toUpperCase()])),
    ...Object.fromEntries(Object.entries(overrides).map(([name, header]) => [name, header.toUpperCase()])),
  };
}
