import { BadRequest, messageOf } from '../../base/index.ts';
import { allFindings, type FieldValidation, findDuplicateKeys, type TextFindings } from '../../kube/index.ts';
import { entityTooLarge, unsupportedMediaType } from '../errors.ts';
import type { ApiRequest } from '../http/messages.ts';
import { decodeText } from '../http/messages.ts';
import { checkTextNesting } from './nesting.ts';
import { decodeProtobufObject } from './protobuf-object.ts';
import { PROTOBUF } from './protobuf-types.ts';
import { parseYaml, repeatedInYaml } from './yaml.ts';

/** kube-apiserver's limit of a request body (3 MiB); k8s.io/apiserver/pkg/server MaxRequestBodyBytes. */
export const BODY_LIMIT_BYTES = 3 * 1024 * 1024;
/** etcd's limit of a request (1.5 MiB), so of a stored object: etcd's --max-request-bytes. */
export const OBJECT_LIMIT_BYTES = 1536 * 1024;

export const PATCH_TYPES = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const;

export type PatchType = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES];

/** The media type of the body, without parameters, in lower case. */
export function contentType(request: ApiRequest): string {
  return (request.headers?.['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/**
 * The body as JSON; undefined for an empty one.
 *
 * @throws OrreryError UnsupportedMediaType (415: CBOR, anything unknown), RequestEntityTooLarge;
 *   BadRequest when it cannot be parsed.
 */
export async function readBody(request: ApiRequest): Promise<unknown> {
  return (await readObject(request, 'Ignore')).body;
}

/**
 * The body of a create or update, with what is wrong with its text (for the strict decoder).
 *
 * @throws as readBody.
 */
export async function readObject(
  request: ApiRequest,
  fieldValidation: FieldValidation,
): Promise<{ body: unknown; found?: TextFindings }> {
  const body = request.body;
  if (body === undefined || body.length === 0) return { body: undefined };
  const looks = fieldValidation !== 'Ignore';
  checkSize(body);
  switch (contentType(request)) {
    case '':
    case 'application/json': {
      const text = decodeText(body);
      const value = parseJson(text);
      return { body: value, ...(looks && { found: { repeated: findDuplicateKeys(text), text } }) };
    }
    case 'application/yaml':
    case 'application/x-yaml':
    case 'text/yaml': {
      const { value, repeated } = await parseYaml(decodeText(body));
      return { body: value, ...(looks && { found: { repeated: toldOfYaml(repeated, fieldValidation) } }) };
    }
    case PROTOBUF:
      return { body: decodeProtobufObject(body) };
    default:
      throw unsupportedMediaType(['application/json', 'application/yaml', PROTOBUF]);
  }
}

/** An error tells of all repeated keys at once, warnings one by one. */
function toldOfYaml(repeated: readonly string[], fieldValidation: FieldValidation): readonly string[] {
  return repeated.length > 0 && fieldValidation === 'Strict' ? [repeatedInYaml(repeated)] : repeated;
}

export interface ReadPatch {
  type: PatchType;
  patch: unknown;
  /** What is wrong with the text of the patch; of an apply line by line. */
  repeated: readonly string[];
}

/** @throws OrreryError UnsupportedMediaType, RequestEntityTooLarge; BadRequest. */
export async function readPatch(
  request: ApiRequest,
  fieldValidation: FieldValidation = 'Ignore',
): Promise<ReadPatch> {
  const sent = contentType(request);
  if (!Object.hasOwn(PATCH_TYPES, sent)) throw unsupportedMediaType(Object.keys(PATCH_TYPES));
  const type = PATCH_TYPES[sent as keyof typeof PATCH_TYPES];
  const body = request.body ?? new Uint8Array();
  checkSize(body);
  const text = decodeText(body);
  const looks = fieldValidation !== 'Ignore';
  if (type !== 'apply') {
    const patch = parseJson(text);
    return { type, patch, repeated: looks ? foundInPatch(type, patch, text) : [] };
  }
  // kubectl sends JSON, which is YAML too, and parses many times faster.
  if (text.trimStart().startsWith('{')) {
    const patch = parseJson(text);
    if (!looks || findDuplicateKeys(text).length === 0) return { type, patch, repeated: [] };
  }
  const { value, repeated } = await parseYaml(text);
  return { type, patch: value, repeated };
}

const JSON_PATCH_FIELDS = new Set(['op', 'path', 'from', 'value']);

/** Keys that stand twice, and in a JSON patch those that an operation has not. */
function foundInPatch(type: PatchType, patch: unknown, text: string): readonly string[] {
  const repeated = findDuplicateKeys(text);
  if (type !== 'json' || !Array.isArray(patch)) return repeated;
  const unknown = patch.flatMap((operation: unknown, index) =>
    Object.keys(operation ?? {})
      .filter((name) => !JSON_PATCH_FIELDS.has(name))
      .map((name) => `unknown field ${JSON.stringify(`[${index}].${name}`)}`),
  );
  return allFindings({ repeated, text }, unknown).map((one) => `json patch ${one}`);
}

function checkSize(body: Uint8Array): void {
  if (body.length > BODY_LIMIT_BYTES) throw entityTooLarge(BODY_LIMIT_BYTES);
}

function parseJson(text: string): unknown {
  checkTextNesting(text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadRequest(
      `the object provided is unrecognized (must be valid JSON or YAML): ${messageOf(cause)}`,
      { cause },
    );
  }
}
