import { BadRequest, messageOf } from '../base/index.ts';
import { builtinResources, decodeObject, type KubeObject } from '../kube/index.ts';

export interface KubeDocument {
  kind: string;
  object: KubeObject;
  /** Fields that Kubernetes does not know: sentences for people. */
  warnings: string[];
}

/** Kinds that are played, and in which order: what pods use comes before them. */
const ORDER = ['Secret', 'ConfigMap', 'PersistentVolumeClaim', 'Pod', 'Deployment'];

/** Kinds that stand beside pods in many files and mean nothing on one host. */
const PASSED_OVER = ['Service', 'Namespace', 'ServiceAccount'];

/**
 * The documents of a YAML stream, decoded with Kubernetes' own schemas; those that mean nothing here are
 * left out, with a warning.
 *
 * @throws BadRequest for what cannot be read, and for a kind that cannot be played, by name
 */
export async function readDocuments(
  content: string,
): Promise<{ documents: KubeDocument[]; warnings: string[] }> {
  const yaml = await import('yaml');
  const documents: KubeDocument[] = [];
  const warnings: string[] = [];
  const parsed = yaml.parseAllDocuments(content, {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    logLevel: 'error',
    // Kubernetes' YAML has no dates and no numbers to the base of sixty.
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isSurprising(tag)),
  });
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const [error] = document.errors;
    if (error !== undefined) throw new BadRequest(`multi doc yaml could not be split: ${error.message}`);
    const value = document.toJS({ maxAliasCount: 100 }) as unknown;
    if (value === null || value === undefined) continue;
    for (const one of unlisted(value)) {
      const kind = kindOf(one);
      if (ORDER.includes(kind)) documents.push(decode(one, kind));
      else if (PASSED_OVER.includes(kind))
        warnings.push(`kind ${kind} means nothing here and is passed over`);
      else throw new BadRequest(`kind ${JSON.stringify(kind)} cannot be played`);
    }
  }
  documents.sort((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
  return { documents, warnings: [...warnings, ...documents.flatMap((one) => one.warnings)] };
}

function isSurprising(tag: { tag?: string; format?: string }): boolean {
  return tag.format === 'TIME' || tag.tag === 'tag:yaml.org,2002:timestamp';
}

/** `kind: List` is what kubectl prints of several objects. */
function unlisted(value: unknown): unknown[] {
  const list = value as { kind?: unknown; items?: unknown };
  return list.kind === 'List' && Array.isArray(list.items) ? list.items : [value];
}

function kindOf(value: unknown): string {
  const kind = typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined;
  if (typeof kind !== 'string' || kind === '')
    throw new BadRequest('YAML document does not contain any supported kube kind');
  return kind;
}

function decode(value: unknown, kind: string): KubeDocument {
  const { apiVersion } = value as { apiVersion?: string };
  const candidates = builtinResources.filter((one) => one.kind === kind);
  const resource = candidates.find((one) => versionOf(one) === apiVersion);
  if (resource === undefined)
    throw new BadRequest(
      `${kind} of ${JSON.stringify(apiVersion ?? '')} is not known; known: ${candidates.map(versionOf).join(', ')}`,
    );
  try {
    const { object, warnings } = decodeObject(resource, value, 'Warn');
    return { kind, object, warnings: [...warnings] };
  } catch (cause) {
    throw new BadRequest(`unable to read YAML as Kube ${kind}: ${messageOf(cause)}`, { cause });
  }
}

function versionOf({ group, version }: { group: string; version: string }): string {
  return group === '' ? version : `${group}/${version}`;
}
