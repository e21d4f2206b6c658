import { append, BadRequest } from '../../base/index.ts';
import type { GroupVersionKind, KubeObject } from '../object.ts';
import type { CustomSchema, Resource } from '../resource.ts';
import { allFindings, FINDINGS_LIMIT, type TextFindings } from './duplicates.ts';
import { type FieldInfo, goTypeName, type TypeInfo, typeInfo } from './fields.ts';
import { decodeScalar, jsonTypeName, ScalarError, zeroOf } from './scalars.ts';
import { groupVersionString, parseGroupVersion, schemaRef } from './schema.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Decoded<T> {
  object: T;
  /** One sentence a strict decoding error, when `fieldValidation` is Warn. */
  warnings: string[];
}

export interface DecodeOptions {
  /** Keep `false`, `0`, `""`, `[]` and `{}` that Go would omit: server-side apply owns what was written. */
  keepZeroValues?: boolean;
}

type JsonObject = Record<string, unknown>;

/**
 * What a client sent, as the resource's own type: unknown fields pruned, nulls and Go's omitted zero values
 * dropped, quantities and times in canonical form. `body` is taken over: it may be changed and become part
 * of the result.
 *
 * `found` is what was found in the text, judged like unknown fields.
 *
 * @throws BadRequest with Kubernetes' wording: wrong apiVersion or kind, wrong JSON type, strict decoding error.
 */
export function decodeObject(
  resource: Pick<Resource, 'group' | 'version' | 'kind' | 'schema'>,
  body: unknown,
  fieldValidation: FieldValidation,
  found?: TextFindings,
  options?: DecodeOptions,
): Decoded<KubeObject> {
  if (resource.schema.custom !== undefined)
    return decodeCustom(resource, resource.schema.custom, body, fieldValidation, found);
  return decodeKind<KubeObject>(resource, resource.schema.ref, body, fieldValidation, found, options);
}

function decodeCustom(
  gvk: GroupVersionKind,
  schema: CustomSchema,
  body: unknown,
  fieldValidation: FieldValidation,
  found?: TextFindings,
): Decoded<KubeObject> {
  const sent = checkHeader(gvk, body);
  const pruned: string[] = [];
  const looks = fieldValidation !== 'Ignore';
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = sent;
  schema.prune(rest, (field) => {
    if (looks && pruned.length < FINDINGS_LIMIT) pruned.push(`unknown field ${JSON.stringify(field)}`);
  });
  if (
    metadata !== undefined &&
    metadata !== null &&
    (typeof metadata !== 'object' || Array.isArray(metadata))
  )
    throw cannotHandle(
      gvk,
      `json: cannot unmarshal ${jsonTypeName(metadata)} into Go struct field .metadata of type v1.ObjectMeta`,
    );
  const decoder = new Decoder(looks, false, ['metadata']);
  let decoded: JsonObject;
  const embedded: string[] = [];
  try {
    decoded = decoder.struct(typeInfo('meta/v1.ObjectMeta'), (metadata ?? {}) as JsonObject);
    schema.eachEmbedded(rest, (place, one) => {
      if (typeof one.metadata !== 'object' || one.metadata === null || Array.isArray(one.metadata)) return;
      const inner = new Decoder(looks, true, [...place, 'metadata']);
      one.metadata = inner.struct(typeInfo('meta/v1.ObjectMeta'), one.metadata as JsonObject);
      append(embedded, inner.strictErrors);
    });
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw cannotHandle(gvk, cause.message, cause);
  }
  // Not in the order of the text: upstream looks for each of these on a walk of its own.
  const strict = [
    ...(found?.repeated ?? []),
    ...decoder.strictErrors,
    ...pruned.toSorted(),
    ...embedded,
  ].slice(0, FINDINGS_LIMIT);
  if (strict.length > 0 && fieldValidation === 'Strict')
    throw cannotHandle(gvk, `strict decoding error: ${strict.join(', ')}`);
  const object = { apiVersion: groupVersionString(gvk), kind: gvk.kind, metadata: decoded, ...rest };
  return { object: object as unknown as KubeObject, warnings: fieldValidation === 'Warn' ? strict : [] };
}

/** The same for a kind that is not a resource of its own: Scale, Binding, Eviction, TokenRequest, DeleteOptions. */
export function decodeKind<T extends object>(
  gvk: GroupVersionKind,
  ref: string,
  body: unknown,
  fieldValidation: FieldValidation,
  found?: TextFindings,
  options: DecodeOptions = {},
): Decoded<T> {
  const object = checkHeader(gvk, body);
  const decoder = new Decoder(fieldValidation !== 'Ignore', options.keepZeroValues === true);
  let decoded: JsonObject;
  try {
    decoded = decoder.struct(typeInfo(ref), object);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw cannotHandle(gvk, cause.message, cause);
  }
  const strict = allFindings(found, decoder.strictErrors);
  if (strict.length > 0 && fieldValidation === 'Strict')
    throw cannotHandle(gvk, `strict decoding error: ${strict.join(', ')}`);
  if (decoded.apiVersion === undefined || decoded.kind === undefined)
    decoded = { apiVersion: groupVersionString(gvk), kind: gvk.kind, ...decoded };
  if (typeInfo(ref).fields.has('metadata')) decoded.metadata ??= {};
  return { object: decoded as T, warnings: fieldValidation === 'Warn' ? strict : [] };
}

/** What was sent is no object of the kind; of a patch that makes one, `why` alone is told. */
export class CannotDecode extends BadRequest {
  readonly why: string;

  constructor(message: string, why: string, cause: unknown) {
    super(message, { cause });
    this.why = why;
  }
}

function cannotHandle(gvk: GroupVersionKind, why: string, cause?: unknown, sent = gvk): CannotDecode {
  return new CannotDecode(
    `${sent.kind} in version ${JSON.stringify(sent.version)} cannot be handled as a ${gvk.kind}: ${why}`,
    why,
    cause,
  );
}

/** apiVersion and kind may be left out, but not be another's. */
function checkHeader(gvk: GroupVersionKind, body: unknown): JsonObject {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const what = body === null || body === undefined ? 'null' : jsonTypeName(body);
    throw new BadRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${what} into Go value of type ` +
        'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
    );
  }
  const { apiVersion, kind } = body as JsonObject;
  for (const [name, value] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const)
    if (value !== undefined && value !== null && typeof value !== 'string')
      throw new BadRequest(
        `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeName(value)} into Go struct field .${name} of type string`,
      );
  const expected = groupVersionString(gvk);
  const sentVersion = (apiVersion as string | null | undefined) || expected;
  const sentKind = (kind as string | null | undefined) || gvk.kind;
  if (sentVersion === expected && sentKind === gvk.kind) return body as JsonObject;
  if (sentKind === gvk.kind)
    throw new BadRequest(
      `the API version in the data (${sentVersion}) does not match the expected API version (${expected})`,
    );
  const sent = { ...parseGroupVersion(sentVersion), kind: sentKind };
  throw cannotHandle(
    gvk,
    schemaRef(sent) === undefined
      ? `no kind ${JSON.stringify(sentKind)} is registered for version ${JSON.stringify(sentVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`
      : `converting (${sent.version}.${sentKind}) to (${gvk.group === '' ? 'core' : gvk.group.split('.')[0]}.${gvk.kind}): unknown conversion`,
    undefined,
    sent,
  );
}

class DecodeError extends Error {}

/**
 * One walk over one object. The path is a stack that is only read when something is wrong: field names as
 * strings, list indexes as numbers, map keys with a leading NUL.
 */
class Decoder {
  readonly strictErrors: string[] = [];
  readonly #strict: boolean;
  readonly #keepZeroValues: boolean;
  readonly #path: (string | number)[];

  constructor(strict: boolean, keepZeroValues: boolean, path: (string | number)[] = []) {
    this.#path = path;
    this.#strict = strict;
    this.#keepZeroValues = keepZeroValues;
  }

  /** The same object when nothing had to go, else a copy without what went. */
  struct(type: TypeInfo, object: JsonObject): JsonObject {
    let dropped = false;
    for (const name in object) {
      const field = type.fields.get(name);
      if (field === undefined) {
        dropped = true;
        object[name] = undefined;
        this.#unknown(name);
        continue;
      }
      const value = object[name];
      const decoded = value === null || value === undefined ? undefined : this.#field(type, field, value);
      if (decoded === undefined) {
        dropped = true;
        object[name] = undefined;
      } else if (decoded !== value) object[name] = decoded;
    }
    const decoded = dropped ? withoutUndefined(object) : object;
    if (!this.#keepZeroValues)
      for (const field of type.alwaysWritten) decoded[field.name] ??= zeroOf(field.kind);
    return decoded;
  }

  #field(type: TypeInfo, field: FieldInfo, value: unknown): unknown {
    this.#path.push(field.name);
    let decoded: unknown;
    if (field.collection === 'list') decoded = this.#list(type, field, value);
    else if (field.collection === 'map') decoded = this.#map(type, field, value);
    else if (field.kind === 'struct') {
      if (typeof value !== 'object' || Array.isArray(value))
        throw this.#mismatch(type, field.goType, jsonTypeName(value));
      decoded = this.struct(field.struct, value as JsonObject);
    } else {
      decoded = this.#scalar(type, field, value);
      if (!this.#keeps(field) && !field.pointer && (decoded === '' || decoded === 0 || decoded === false))
        decoded = undefined;
    }
    this.#path.pop();
    return decoded;
  }

  #keeps(field: FieldInfo): boolean {
    return field.required || this.#keepZeroValues;
  }

  #list(type: TypeInfo, field: FieldInfo, value: unknown): unknown[] | undefined {
    if (!Array.isArray(value)) throw this.#mismatch(type, field.goType, jsonTypeName(value));
    // An empty managedFields asks for a reset of field tracking, so it must be seen.
    if (value.length === 0) return this.#keeps(field) || field.name === 'managedFields' ? value : undefined;
    for (let i = 0; i < value.length; i++) value[i] = this.#element(type, field, value[i], i);
    return value;
  }

  #map(type: TypeInfo, field: FieldInfo, value: unknown): JsonObject | undefined {
    if (typeof value !== 'object' || Array.isArray(value))
      throw this.#mismatch(type, field.goType, jsonTypeName(value));
    const map = value as JsonObject;
    let empty = true;
    for (const key in map) {
      empty = false;
      const one = map[key];
      const decoded = this.#element(type, field, one, `\0${key}`);
      if (decoded !== one) map[key] = decoded;
    }
    return empty && !this.#keeps(field) ? undefined : map;
  }

  #element(type: TypeInfo, field: FieldInfo, value: unknown, place: number | string): unknown {
    if (value === null) return zeroOf(field.kind);
    if (field.kind !== 'struct') return this.#scalar(type, field, value);
    if (typeof value !== 'object' || Array.isArray(value))
      throw this.#mismatch(type, goTypeName(field.ref!), jsonTypeName(value));
    this.#path.push(place);
    const decoded = this.struct(field.struct, value as JsonObject);
    this.#path.pop();
    return decoded;
  }

  #scalar(type: TypeInfo, field: FieldInfo, value: unknown): unknown {
    if (field.kind === 'string' && typeof value === 'string') return value;
    try {
      return decodeScalar(field, value);
    } catch (error) {
      if (!(error instanceof ScalarError)) throw error;
      if (error.mismatch === undefined) throw new DecodeError(error.message);
      const goType =
        field.collection === undefined ? field.goType : field.goType.replace(/^(\[\]|map\[string\])/, '');
      throw this.#mismatch(type, goType, error.mismatch);
    }
  }

  /** encoding/json's UnmarshalTypeError: innermost struct, path of field names without indexes and keys. */
  #mismatch(type: TypeInfo, goType: string, what: string): DecodeError {
    const path = this.#path.filter((part) => typeof part === 'string' && !part.startsWith('\0')).join('.');
    return new DecodeError(
      `json: cannot unmarshal ${what} into Go struct field ${type.name}.${path} of type ${goType}`,
    );
  }

  #unknown(name: string): void {
    if (!this.#strict || this.strictErrors.length >= FINDINGS_LIMIT) return;
    let path = '';
    for (const part of [...this.#path, name]) {
      if (typeof part === 'number') path += `[${part}]`;
      else path += `${path === '' ? '' : '.'}${part.startsWith('\0') ? part.slice(1) : part}`;
    }
    const message = `unknown field ${JSON.stringify(path)}`;
    if (!this.strictErrors.includes(message)) this.strictErrors.push(message);
  }
}

/** A fresh object keeps its fast shape; deleting from the old one would not. */
function withoutUndefined(object: JsonObject): JsonObject {
  const clean: JsonObject = {};
  for (const name in object) if (object[name] !== undefined) clean[name] = object[name];
  return clean;
}
