import { BadRequest, messageOf } from '../../base/index.ts';
import { checkNesting } from './nesting.ts';

/** YAML as Kubernetes reads it (sigs.k8s.io/yaml): 1.1 booleans (`yes`, `on`), but no sexagesimals and no dates. */
export async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text, {
      version: '1.1',
      merge: true,
      maxAliasCount: 100,
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isSurprising(tag)),
    });
  } catch (cause) {
    throw new BadRequest(`error converting YAML to JSON: ${messageOf(cause)}`, { cause });
  }
  checkNesting(value);
  return value;
}

export async function printYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 });
}

function isSurprising(tag: { tag?: string; format?: string }): boolean {
  return tag.format === 'TIME' || tag.tag === 'tag:yaml.org,2002:timestamp';
}
