import { messageOf } from '../../../base/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import type { ToolContext } from '../context.ts';

/** One that was asked for: what is known of it, or why there is nothing. */
export type Inspected = { data: object } | { error: unknown };

/**
 * Prints what `inspect` commands found, by `--format`, as Podman's do: an array also when it is empty; errors
 * afterwards, the first as the command's own.
 */
export function printInspected(
  found: readonly Inspected[],
  format: string,
  context: ToolContext,
  errorPrefix = 'inspecting object: ',
): void {
  const data = found.flatMap((one) => ('data' in one ? [one.data] : []));
  const errors = found.flatMap((one) => ('error' in one ? [one.error] : []));
  try {
    if (format === '' || asksForJson(format)) context.stdout.write(`${goJson(data, { indent: '     ' })}\n`);
    else
      context.stdout.write(
        renderReport({ name: 'inspect', rows: data, format: normalise(format), columns: '' }),
      );
  } catch (error) {
    errors.push(new Error(`printing inspect output: ${messageOf(error)}`, { cause: error }));
  }
  for (const error of errors.slice(1)) context.stderr.write(`error inspecting object: ${messageOf(error)}\n`);
  if (errors.length > 0) throw new Error(errorPrefix + messageOf(errors[0]), { cause: errors[0] });
}

/** Docker's names of what Podman calls otherwise. */
function normalise(format: string): string {
  return format
    .replace(/\{\{\s*\.Id\s*\}\}/g, '{{.ID}}')
    .replaceAll('.Src', '.Source')
    .replaceAll('.Dst', '.Destination')
    .replaceAll('.ImageID', '.Image');
}
