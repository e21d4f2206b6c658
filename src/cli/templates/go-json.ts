import { type GoValue, structType } from './values.ts';

/**
 * JSON as Go's encoding/json writes it: a struct's fields in their order, a map's keys sorted, no methods.
 * @param options.escapesHtml Go's default; Podman turns it off.
 */
export function goJson(value: GoValue, options: { indent?: string; escapesHtml?: boolean } = {}): string {
  const { indent } = options;
  const text = write(value, indent === undefined ? undefined : { indent, level: '' });
  return options.escapesHtml
    ? text.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026')
    : text;
}

function write(value: GoValue, style: { indent: string; level: string } | undefined): string {
  if (value === undefined || value === null || typeof value === 'function') return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return quote(value);
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), style);
  const inner = style && { indent: style.indent, level: style.level + style.indent };
  if (Array.isArray(value))
    return enclose(
      value.map((one) => write(one, inner)),
      '[]',
      style,
    );
  const entries = Object.entries(value).filter(([, one]) => one !== undefined && typeof one !== 'function');
  const ordered =
    structType(value) === undefined ? entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : entries;
  return enclose(
    ordered.map(([key, one]) => `${quote(key)}:${style ? ' ' : ''}${write(one, inner)}`),
    '{}',
    style,
  );
}

function enclose(
  parts: string[],
  brackets: string,
  style: { indent: string; level: string } | undefined,
): string {
  if (parts.length === 0) return brackets;
  if (style === undefined) return brackets[0] + parts.join(',') + brackets[1];
  const line = `\n${style.level}${style.indent}`;
  return `${brackets[0]}${line}${parts.join(`,${line}`)}\n${style.level}${brackets[1]}`;
}

function quote(value: unknown): string {
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}
