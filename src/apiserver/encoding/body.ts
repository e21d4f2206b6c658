import { BadRequest, messageOf } from '../../base/index.ts';
import { type FieldValidation, findDuplicateKeys } from '../../kube/index.ts';
import { entityTooLarge, unsupportedMediaType } from '../errors.ts';
import type { ApiRequest } from '../http/messages.ts';
import { decodeText } from '../http/messages.ts';
import { checkTextNesting } from './nesting.ts';
import { decodeProtobufObject } from './protobuf-object.ts';
import { PROTOBUF } from './protobuf-types.ts';
import { parseYaml } from './yaml.ts';

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
  const body = request.body;
  if (body === undefined || body.length === 0) return undefined;
  checkSize(body);
  switch (contentType(request)) {
    case '':
    case 'application/json':
      return parseJson(decodeText(body));
    case 'application/yaml':
    case 'application/x-yaml':
    case 'text/yaml':
      return parseYaml(decodeText(body));
    case PROTOBUF:
      return decodeProtobufObject(body);
    default:
      throw unsupportedMediaType(['application/json', 'application/yaml', PROTOBUF]);
  }
}

/**
 * The body of a create or update, with the findings of keys that stand in it twice (for the strict decoder).
 *
 * @throws as readBody; BadRequest when it is empty.
 */
export async function readObject(
  request: ApiRequest,
  fieldValidation: FieldValidation,
): Promise<{ body: unknown; duplicates: readonly string[] }> {
  const body = await readBody(request);
  const isJson = ['', 'application/json'].includes(contentType(request));
  const look = isJson && body !== undefined && fieldValidation !== 'Ignore';
  return { body, duplicates: look ? findDuplicateKeys(decodeText(request.body!)) : [] };
}

/** @throws OrreryError UnsupportedMediaType, RequestEntityTooLarge; BadRequest. */
export async function readPatch(request: ApiRequest): Promise<{ type: PatchType; patch: unknown }> {
  const sent = contentType(request);
  if (!Object.hasOwn(PATCH_TYPES, sent)) throw unsupportedMediaType(Object.keys(PATCH_TYPES));
  const type = PATCH_TYPES[sent as keyof typeof PATCH_TYPES];
  const body = request.body ?? new Uint8Array();
  checkSize(body);
  const text = decodeText(body);
  // kubectl sends JSON, which is YAML too, and parses many times faster.
  if (type === 'apply' && !text.trimStart().startsWith('{')) return { type, patch: await parseYaml(text) };
  return { type, patch: parseJson(text) };
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
