import { BadRequest } from '../../base/index.ts';
import type { ImageConfig } from '../engine.ts';

/**
 * Applies Dockerfile instructions, as `--change` of import and commit takes them (`CMD ["sh"]`, `ENV A=b`, also
 * with `=` after the word), to a configuration; those given stay as they are.
 *
 * @throws BadRequest quoting the change that is none
 */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  let changed = structuredClone(config);
  for (const change of changes) changed = applyChange(changed, change);
  return changed;
}

function applyChange(config: ImageConfig, change: string): ImageConfig {
  const [, word, rest] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)$/s.exec(change) ?? [];
  if (word === undefined || rest === undefined || rest.trim() === '')
    throw new BadRequest(`invalid change ${JSON.stringify(change)} - must be formatted as KEY VALUE`);
  const value = rest.trim();
  switch (word.toUpperCase()) {
    case 'USER':
      return { ...config, User: value };
    case 'EXPOSE':
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...exposed(value, change) } };
    case 'ENV':
      return { ...config, Env: withVariables(config.Env ?? [], pairs(value, change)) };
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs(value, change)) } };
    case 'ENTRYPOINT':
      return { ...config, Entrypoint: command(value) };
    case 'CMD':
      return { ...config, Cmd: command(value) };
    case 'VOLUME':
      return { ...config, Volumes: { ...config.Volumes, ...emptyValues(words(value)) } };
    case 'WORKDIR':
      return { ...config, WorkingDir: value };
    case 'STOPSIGNAL':
      return { ...config, StopSignal: value };
    case 'ONBUILD':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), value] };
    default:
      throw new BadRequest(`invalid change ${JSON.stringify(change)}: ${word} cannot be changed`);
  }
}

function exposed(value: string, change: string): Record<string, object> {
  return emptyValues(
    value.split(/\s+/).map((port) => {
      if (!/^\d{1,5}(?:-\d{1,5})?(?:\/(?:tcp|udp|sctp))?$/.test(port))
        throw new BadRequest(`invalid change ${JSON.stringify(change)}: ${port} is not a port`);
      return port.includes('/') ? port : `${port}/tcp`;
    }),
  );
}

/** A JSON array, or a line for the shell. */
function command(value: string): string[] {
  return jsonWords(value) ?? ['/bin/sh', '-c', value];
}

function words(value: string): string[] {
  return jsonWords(value) ?? value.split(/\s+/);
}

function jsonWords(value: string): string[] | undefined {
  if (!value.startsWith('[')) return undefined;
  try {
    const parsed = JSON.parse(value) as unknown;
    if (Array.isArray(parsed) && parsed.every((word) => typeof word === 'string')) return parsed;
    return undefined;
  } catch (error) {
    // As in a Dockerfile: what is no JSON is a shell's line that begins with a bracket.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `A=b C="d e"`, or `A b` for one alone. */
function pairs(value: string, change: string): [string, string][] {
  if (!/^[^\s=]+=/.test(value)) {
    const [, key, rest] = /^(\S+)\s+(.*)$/s.exec(value) ?? [];
    if (key === undefined)
      throw new BadRequest(`invalid change ${JSON.stringify(change)} - must be KEY=VALUE`);
    return [[key, rest!]];
  }
  return [...value.matchAll(/([^\s=]+)=((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])*)/g)].map(
    ([, key, quoted]) => [key!, unquoted(quoted!)],
  );
}

function unquoted(text: string): string {
  return text.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
    (_all, double: string | undefined, single: string | undefined, escaped: string | undefined) =>
      double?.replace(/\\(.)/g, '$1') ?? single ?? escaped ?? '',
  );
}

function withVariables(env: readonly string[], added: readonly [string, string][]): string[] {
  const variables = new Map(env.map((one) => [one.split('=')[0]!, one] as const));
  for (const [key, value] of added) variables.set(key, `${key}=${value}`);
  return [...variables.values()];
}

function emptyValues(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}
