import type { Scalar, YAMLMap } from 'yaml';
import { BadRequest, messageOf } from '../../base/index.ts';
import { FINDINGS_LIMIT } from '../../kube/index.ts';
import { checkNesting } from './nesting.ts';

/** A token costs the parser some 10 µs: a body of three million commas would hold the server for a minute. */
const TOKEN_LIMIT = 200_000;

/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml): 1.1 booleans (`yes`, `on`), but no sexagesimals and no dates.
 * The parser's own check for keys that stand twice, its pretty errors and its warnings (on stderr) are off: they take
 * time in the square of the input. Of such keys the last counts; `repeated` tells of them, line by line.
 *
 * @throws BadRequest
 */
export async function parseYaml(text: string): Promise<{ value: unknown; repeated: string[] }> {
  const yaml = await import('yaml');
  // Each escape that is wrong is an error of its own.
  let tokens = text.split('\\').length;
  for (const _ of new yaml.Lexer().lex(text))
    if (++tokens > TOKEN_LIMIT)
      throw new BadRequest(`error converting YAML to JSON: more than ${TOKEN_LIMIT} tokens; send JSON`);
  let value: unknown;
  const repeated: number[] = [];
  const names = new Map<number, unknown>();
  const lines = new yaml.LineCounter();
  try {
    const document = yaml.parseDocument(text, {
      version: '1.1',
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter: lines,
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isSurprising(tag)),
    });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    yaml.visit(document, {
      Map: (_key, map) => {
        for (const { at, name } of repeatedKeys(map)) {
          repeated.push(at);
          names.set(at, name);
        }
      },
    });
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new BadRequest(`error converting YAML to JSON: ${messageOf(cause)}`, { cause });
  }
  checkNesting(value);
  const tell = (at: number) =>
    `line ${lines.linePos(at).line}: key ${JSON.stringify(names.get(at))} already set in map`;
  return {
    value,
    repeated: repeated
      .toSorted((a, b) => a - b)
      .slice(0, FINDINGS_LIMIT)
      .map(tell),
  };
}

/** What the strict parser of Kubernetes says of repeated keys, all in one. */
export function repeatedInYaml(repeated: readonly string[]): string {
  return `yaml: unmarshal errors:\n${repeated.map((one) => `  ${one}`).join('\n')}`;
}

function* repeatedKeys(map: YAMLMap): Generator<{ at: number; name: unknown }> {
  const seen = new Set<unknown>();
  for (const { key } of map.items) {
    const scalar = key as Partial<Scalar> | null;
    const name = scalar?.value ?? key;
    if (name !== '<<' && seen.has(name)) yield { at: scalar?.range?.[0] ?? 0, name };
    seen.add(name);
  }
}

export async function printYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 });
}

function isSurprising(tag: { tag?: string; format?: string }): boolean {
  return tag.format === 'TIME' || tag.tag === 'tag:yaml.org,2002:timestamp';
}
