import type { Scalar, YAMLMap } from 'yaml';
import { BadRequest, messageOf } from '../../base/index.ts';
import { checkNesting } from './nesting.ts';

/** A token costs the parser some 10 µs: a body of three million commas would hold the server for a minute. */
const TOKEN_LIMIT = 200_000;

/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml): 1.1 booleans (`yes`, `on`), but no sexagesimals and no dates.
 * The parser's own check for keys that stand twice, its pretty errors and its warnings (on stderr) are off: they take
 * time in the square of the input.
 *
 * @throws BadRequest
 */
export async function parseYaml(text: string): Promise<unknown> {
  const yaml = await import('yaml');
  // Each escape that is wrong is an error of its own.
  let tokens = text.split('\\').length;
  for (const _ of new yaml.Lexer().lex(text))
    if (++tokens > TOKEN_LIMIT)
      throw new BadRequest(`error converting YAML to JSON: more than ${TOKEN_LIMIT} tokens; send JSON`);
  let value: unknown;
  try {
    const document = yaml.parseDocument(text, {
      version: '1.1',
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isSurprising(tag)),
    });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    yaml.visit(document, { Map: (_key, map) => checkUniqueKeys(map) });
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new BadRequest(`error converting YAML to JSON: ${messageOf(cause)}`, { cause });
  }
  checkNesting(value);
  return value;
}

function checkUniqueKeys(map: YAMLMap): void {
  const seen = new Set<unknown>();
  for (const { key } of map.items) {
    const name = (key as Partial<Scalar> | null)?.value ?? key;
    if (name !== '<<' && seen.has(name)) throw new Error(`key ${JSON.stringify(name)} already set in map`);
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
