import { OrreryError } from '../../base/index.ts';
import { type apidiscoveryv2, mergeOpenApiV2, openApiV2Protobuf, type RemoteSpec } from '../../kube/index.ts';

/** Deeper schemas nobody writes; what walks them has a stack. */
const DEPTH_LIMIT = 100;

/**
 * What an extension API server says goes into documents that everybody reads, so it is taken only in the form it must
 * have: upstream decodes it into Go types, which is where it refuses the rest.
 */
class Misshapen extends OrreryError {
  constructor(what: string) {
    super('ServiceUnavailable', `an extension API server's ${what} cannot be read`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Copies what aggregated discovery knows. @throws OrreryError ServiceUnavailable for anything else in its place */
export function readDiscoveredResources(value: unknown): apidiscoveryv2.APIResourceDiscovery[] {
  if (!Array.isArray(value)) throw new Misshapen('discovery');
  return value.map((one) => {
    const from = fieldsOf(one);
    const { shortNames, categories, subresources } = from;
    return {
      resource: text(from.resource),
      ...kindOf(from.responseKind),
      scope: text(from.scope),
      singularResource: text(from.singularResource ?? ''),
      verbs: texts(from.verbs ?? []),
      ...(shortNames != null && { shortNames: texts(shortNames) }),
      ...(categories != null && { categories: texts(categories) }),
      ...(subresources != null && { subresources: subresourcesOf(subresources) }),
    };
  });
}

function subresourcesOf(value: unknown): apidiscoveryv2.APISubresourceDiscovery[] {
  if (!Array.isArray(value)) throw new Misshapen('discovery');
  return value.map((one) => {
    const from = fieldsOf(one);
    const { acceptedTypes } = from;
    if (acceptedTypes != null && !Array.isArray(acceptedTypes)) throw new Misshapen('discovery');
    return {
      subresource: text(from.subresource),
      ...kindOf(from.responseKind),
      ...(acceptedTypes != null && { acceptedTypes: acceptedTypes.map(groupVersionKind) }),
      verbs: texts(from.verbs ?? []),
    };
  });
}

function kindOf(value: unknown): Pick<apidiscoveryv2.APIResourceDiscovery, 'responseKind'> {
  return value == null ? {} : { responseKind: groupVersionKind(value) };
}

function groupVersionKind(value: unknown) {
  const { group, version, kind } = fieldsOf(value);
  return { group: text(group ?? ''), version: text(version ?? ''), kind: text(kind ?? '') };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Misshapen('discovery');
  return value as Fields;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Misshapen('discovery');
  return value;
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new Misshapen('discovery');
  return value.map(text);
}

/**
 * An OpenAPI 2 document that can be made part of ours: it is merged with an empty one, in both forms, to see.
 *
 * @throws OrreryError ServiceUnavailable
 */
export function readRemoteSpec(prefix: string, document: unknown): RemoteSpec {
  const isDocument = typeof document === 'object' && document !== null && !Array.isArray(document);
  if (!isDocument || depthOf(document) > DEPTH_LIMIT) throw new Misshapen('OpenAPI document');
  const spec = { prefix, document };
  try {
    openApiV2Protobuf(mergeOpenApiV2({ paths: {}, definitions: {} }, [spec]));
  } catch (cause) {
    throw new OrreryError(
      'ServiceUnavailable',
      "an extension API server's OpenAPI document cannot be merged",
      {
        cause,
      },
    );
  }
  return spec;
}

/** Level by level: what is measured here is what a recursion would die of. */
function depthOf(value: object): number {
  let level: object[] = [value];
  let depth = 0;
  for (; level.length > 0 && depth <= DEPTH_LIMIT; depth++)
    level = level.flatMap((one) =>
      Object.values(one).filter((each) => typeof each === 'object' && each !== null),
    );
  return depth;
}
