import { BadRequest } from '../../base/index.ts';
import { type KubeObject, type metav1, type Resource, tableOf } from '../../kube/index.ts';
import type { WatchMetrics } from '../discovery/metrics.ts';
import { type ApiRequest, type ApiResponse, decodeText, encodeText, jsonResponse } from '../http/messages.ts';
import type { Answer, ListAnswer, ObjectAnswer } from '../registry/registry.ts';
import { isTrue } from '../request-info/request-info.ts';
import { groupVersion, type ObjectStorage, type StoredObject } from '../storage/object-storage.ts';
import { joined } from './chunks.ts';
import { compressed } from './compression.ts';
import { type Encoding, formatOf, negotiate, PLAIN_JSON, parseAccept } from './negotiation.ts';
import {
  encodeProtobufList,
  encodeProtobufObject,
  protobufType,
  sharedProtobufMessage,
} from './protobuf-encoder.ts';
import { PROTOBUF } from './protobuf-types.ts';
import { watchResponse } from './watch-stream.ts';
import { printYaml } from './yaml.ts';

/** What encoding needs besides the answer. */
export interface EncodeContext {
  request: ApiRequest;
  storage: ObjectStorage;
  now: Date;
  /** Counts what a watch sends. */
  watch?: WatchMetrics;
  /** How long a watcher may leave unread what lies ready for it. Default 30 s. */
  stallLimitMs?: number;
}

const CONTENT_TYPES = { json: 'application/json', yaml: 'application/yaml', protobuf: PROTOBUF };

/**
 * Writes an answer as the client's Accept header asks. An object or list as plain JSON goes out as the bytes that
 * are stored; everything else is parsed first (through the shared cache).
 *
 * @throws OrreryError NotAcceptable (406).
 */
export async function encodeAnswer(answer: Answer, context: EncodeContext): Promise<ApiResponse> {
  if (answer.type === 'response') return answer.response;
  const { headers } = context.request;
  const hasProtobuf = protobufTypeOf(answer) !== undefined;
  const encoding = negotiate(headers?.accept, hasProtobuf, !isStreamedList(context.request));
  if (answer.type === 'watch') return watchResponse(answer, encoding, context);
  return compressed(await encodeWhole(answer, encoding, context), context.request);
}

function encodeWhole(
  answer: Exclude<Answer, { type: 'response' | 'watch' }>,
  encoding: Encoding,
  context: EncodeContext,
): Promise<ApiResponse> | ApiResponse {
  switch (answer.type) {
    case 'plain':
      return printed(answer.status, answer.body, encoding, context, answer.warnings);
    case 'object':
      return encodeObject(answer, encoding, context);
    case 'list':
      return encodeList(answer, encoding, context);
  }
}

/** A watch that begins with the list is of objects, never of tables; handlers/get.go watchListEndpointRestrictions. */
function isStreamedList({ query }: ApiRequest): boolean {
  return query?.get('sendInitialEvents') === 'true' && query.get('allowWatchBookmarks') === 'true';
}

/** Checks what can be checked before the work is done: a write must not happen and then be answered 406. */
export function checkAcceptable(request: ApiRequest, resource: Resource): void {
  const isAskedOnly = resource.verbs.every((verb) => verb === 'create');
  const hasTable = !isAskedOnly && !isStreamedList(request);
  negotiate(request.headers?.accept, resource.schema.custom === undefined, hasTable);
}

/** An error's Status, or another that ends a request, in protobuf for who prefers that and else as JSON. */
export function statusResponse(
  status: Readonly<metav1.Status> & { code: number },
  accept: string | undefined,
  headers: Record<string, string>,
): ApiResponse {
  const preferred = parseAccept(accept ?? '').find(({ type }) => formatOf(type) !== undefined);
  if (preferred === undefined || formatOf(preferred.type) !== 'protobuf')
    return jsonResponse(status.code, status, headers);
  const body = encodeProtobufObject('meta/v1.Status', status);
  return { status: status.code, headers: { 'content-type': PROTOBUF, ...headers }, body };
}

/** The field table's key of what an answer holds; undefined for what has no protobuf form. */
function protobufTypeOf(answer: Exclude<Answer, { type: 'response' }>): string | undefined {
  if (answer.type === 'plain') return protobufType(answer.body);
  const { resource } = answer;
  if (resource.schema.custom !== undefined) return undefined;
  const kind = answer.type === 'list' ? resource.listKind : resource.kind;
  return protobufType({ apiVersion: groupVersion(resource), kind });
}

function encodeObject(
  answer: ObjectAnswer,
  encoding: Encoding,
  context: EncodeContext,
): Promise<ApiResponse> | ApiResponse {
  const { resource, stored, status, warnings } = answer;
  if (isPlain(encoding, context)) return bytesResponse(status, [stored.bytes], warnings);
  const object = parse(stored.bytes);
  switch (encoding.as) {
    case 'Table':
      return printed(
        status,
        table(resource, [object], object.metadata, context),
        encoding,
        context,
        warnings,
      );
    case 'PartialObjectMetadata':
      return printed(status, partial(object), encoding, context, warnings);
    default:
      return printed(status, object, encoding, context, warnings);
  }
}

async function encodeList(
  answer: ListAnswer,
  encoding: Encoding,
  context: EncodeContext,
): Promise<ApiResponse> {
  const { resource, metadata } = answer;
  // A long list is not gathered in memory only to be indented.
  if (isPlain(encoding, context) || (isJson(encoding) && answer.rest !== undefined)) return plainList(answer);
  const objects = answer.items.map((item) => context.storage.sharedBytes(item));
  for await (const items of answer.rest ?? [])
    for (const item of items) objects.push(context.storage.sharedBytes(item));
  if (encoding.as === 'Table')
    return printed(200, table(resource, objects, metadata, context), encoding, context);
  if (encoding.as === 'PartialObjectMetadataList' || encoding.as === 'PartialObjectMetadata') {
    const list = {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: objects.map(partial),
    };
    return printed(200, list, encoding, context);
  }
  const head = { kind: resource.listKind, apiVersion: groupVersion(resource), metadata };
  if (encoding.format === 'protobuf') {
    const type = protobufType({ apiVersion: head.apiVersion, kind: resource.kind })!;
    const messages = objects.map((object) => sharedProtobufMessage(type, object));
    return protobufResponse(200, encodeProtobufList(head, messages));
  }
  const list = { ...head, items: objects };
  return printed(200, list, encoding, context);
}

const COMMA = encodeText(',');
const COMMA_BYTE = COMMA[0];
const LIST_END = encodeText(']}\n');
/** A list up to here is sent as one. */
const WHOLE_ITEMS = 1000;
/** From this average on, pieces are not copied together. */
const LARGE_PART_BYTES = 16 * 1024;

/** A list's JSON around the stored bytes of its items; a long one is read and sent a chunk at a time. */
function plainList({ resource, items, metadata, rest }: ListAnswer): ApiResponse {
  const head = encodeText(
    `{"kind":${JSON.stringify(resource.listKind)},"apiVersion":${JSON.stringify(groupVersion(resource))},"metadata":${JSON.stringify(metadata)},"items":[`,
  );
  let first = true;
  function* separated(some: readonly StoredObject[]): Generator<Uint8Array[]> {
    for (const bytes of runs(some)) {
      yield first ? [bytes] : [COMMA, bytes];
      first = false;
    }
  }
  if (rest === undefined && items.length <= WHOLE_ITEMS)
    return listResponse([head, ...[...separated(items)].flat(), LIST_END]);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* joined(separated(items));
    for await (const more of rest ?? []) yield* joined(separated(more));
    yield LIST_END;
  }
  return { status: 200, headers: { 'content-type': 'application/json' }, body: chunks() };
}

/** Objects that lie in memory one after the other, a comma between them (the store reads a list so), as one piece. */
function* runs(objects: readonly StoredObject[]): Generator<Uint8Array> {
  let memory: Uint8Array = new Uint8Array();
  let start = 0;
  let end = 0;
  for (const { bytes } of objects) {
    const { buffer, byteOffset, length } = bytes;
    const isNext = buffer === memory.buffer && byteOffset === end + 1 && memory[end] === COMMA_BYTE;
    if (!isNext) {
      if (end > start) yield memory.subarray(start, end);
      if (buffer !== memory.buffer) memory = new Uint8Array(buffer);
      start = byteOffset;
    }
    end = byteOffset + length;
  }
  if (end > start) yield memory.subarray(start, end);
}

/** Large pieces are sent as they are, small ones are cheaper sent as one. */
function listResponse(parts: readonly Uint8Array[]): ApiResponse {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (bytes < parts.length * LARGE_PART_BYTES) return bytesResponse(200, parts);
  return { status: 200, headers: { 'content-type': 'application/json' }, body: parts };
}

/** `?pretty` and conversions need a parse. */
function isPlain(encoding: Encoding, context: EncodeContext): boolean {
  return isJson(encoding) && !isPretty(context.request);
}

function isJson(encoding: Encoding): boolean {
  return encoding === PLAIN_JSON || (encoding.format === 'json' && encoding.as === 'object');
}

const BROWSERS = ['curl', 'Wget', 'Mozilla/5.0'];

/** k8s.io/apiserver/pkg/endpoints/handlers/negotiation isPrettyPrint: asked for, or a person is likely to read it. */
function isPretty(request: ApiRequest): boolean {
  const asked = request.query?.get('pretty');
  if (asked) return isTrue(asked);
  const agent = request.headers?.['user-agent'];
  return agent !== undefined && BROWSERS.some((browser) => agent.startsWith(browser));
}

function parse(bytes: Uint8Array): KubeObject {
  return JSON.parse(decodeText(bytes)) as KubeObject;
}

export function partial(object: Readonly<KubeObject>): metav1.PartialObjectMetadata {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** @throws BadRequest for an includeObject that is not one of the known. */
export function table(
  resource: Resource,
  objects: Readonly<KubeObject>[],
  metadata: { resourceVersion?: string },
  context: EncodeContext,
): metav1.Table {
  const include = context.request.query?.get('includeObject') || 'Metadata';
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object')
    throw new BadRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  const { resourceVersion, continue: next, remainingItemCount } = metadata as metav1.ListMeta;
  const listMeta = {
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(next && { continue: next }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  } as metav1.ListMeta;
  return tableOf(resource, objects, { now: context.now, includeObject: include, metadata: listMeta });
}

function bytesResponse(
  status: number,
  parts: readonly Uint8Array[],
  warnings: readonly string[] = [],
): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...warningHeader(warnings) },
    body: parts.length === 1 ? parts[0]! : Buffer.concat(parts),
  };
}

async function printed(
  status: number,
  value: object,
  encoding: Encoding,
  context: EncodeContext,
  warnings: readonly string[] = [],
): Promise<ApiResponse> {
  if (encoding.format === 'protobuf')
    return protobufResponse(status, encodeProtobufObject(protobufType(value)!, value), warnings);
  const text =
    encoding.format === 'yaml'
      ? await printYaml(value)
      : `${JSON.stringify(value, undefined, isPretty(context.request) ? 2 : undefined)}\n`;
  return {
    status,
    headers: { 'content-type': CONTENT_TYPES[encoding.format], ...warningHeader(warnings) },
    body: encodeText(text),
  };
}

function protobufResponse(status: number, body: Uint8Array, warnings: readonly string[] = []): ApiResponse {
  return { status, headers: { 'content-type': PROTOBUF, ...warningHeader(warnings) }, body };
}

/** RFC 7234 section 5.5, as k8s.io/apimachinery/pkg/util/net NewWarningHeader. */
export function warningHeader(warnings: readonly string[]): Record<string, string> {
  if (warnings.length === 0) return {};
  const quoted = (text: string) =>
    `"${text.replaceAll(/[\p{Cc}]/gu, ' ').replaceAll(/[\\"]/g, (character) => `\\${character}`)}"`;
  // A header is Latin-1 on the wire: its bytes are the text's UTF-8.
  const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  return { warning: warnings.map((warning) => latin1(`299 - ${quoted(warning)}`)).join(', ') };
}
