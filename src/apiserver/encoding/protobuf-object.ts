import { BadRequest } from '../../base/index.ts';
import { hasType, parseGroupVersion, schemaRef } from '../../kube/index.ts';
import { decodeText } from '../http/messages.ts';
import { checkTextNesting } from './nesting.ts';
import { malformed, readFields } from './protobuf-reader.ts';
import { EMPTY, type NumberedField, numberedFields, SCHEMA_CHOICES, SCHEMA_TYPE } from './protobuf-types.ts';

const MAGIC = [0x6b, 0x38, 0x73, 0x00];

/**
 * A request body in Kubernetes' protobuf as the JSON it stands for: typed clients of client-go 1.32 and newer write
 * so and cannot be told otherwise.
 *
 * Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf; the field numbers are the field table's.
 * @throws BadRequest when it is not such an object, or of a kind we do not know.
 */
export function decodeProtobufObject(body: Uint8Array): Record<string, unknown> {
  if (!MAGIC.every((byte, index) => body[index] === byte))
    throw malformed('the object does not begin with the prefix "k8s\\x00"');
  let apiVersion = '';
  let kind = '';
  let raw: Uint8Array = new Uint8Array();
  for (const { number, value } of readFields(body.subarray(MAGIC.length))) {
    if (number === 1) {
      for (const part of readFields(bytesOf(value))) {
        if (part.number === 1) apiVersion = decodeText(bytesOf(part.value));
        if (part.number === 2) kind = decodeText(bytesOf(part.value));
      }
    } else if (number === 2) raw = bytesOf(value);
  }
  const ref = refOf(apiVersion, kind);
  return { apiVersion, kind, ...readStruct(ref, raw) };
}

function refOf(apiVersion: string, kind: string): string {
  // Every group version has these; they are meta.k8s.io's.
  if (kind === 'DeleteOptions') return 'meta/v1.DeleteOptions';
  const ref = schemaRef({ ...parseGroupVersion(apiVersion), kind });
  if (ref === undefined || !hasType(ref))
    throw new BadRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  return ref;
}

const byNumber = new Map<string, Map<number, NumberedField>>();

function fieldsByNumber(ref: string): Map<number, NumberedField> {
  let fields = byNumber.get(ref);
  if (fields === undefined) {
    fields = new Map(numberedFields(ref).map((field) => [field.n, field]));
    byNumber.set(ref, fields);
  }
  return fields;
}

type Json = Record<string, unknown>;

function readStruct(ref: string, message: Uint8Array): Json {
  const fields = fieldsByNumber(ref);
  const object: Json = {};
  for (const { number, value } of readFields(message)) {
    const field = fields.get(number);
    // A field newer than our table: JSON would say "unknown field"; its name is not on the wire.
    if (field === undefined) continue;
    if (field.inl === 1) Object.assign(object, readStruct(field.t, bytesOf(value)));
    else if (field.c === 'map') readEntry(field, bytesOf(value), object);
    else if (field.c === 'list') readElement(field, value, object);
    else {
      const read = readValue(field.t, value);
      if (read !== undefined) object[field.name] = read;
    }
  }
  return object;
}

function readElement(field: NumberedField, value: bigint | Uint8Array, object: Json): void {
  object[field.name] ??= [];
  (object[field.name] as unknown[]).push(readValue(field.t, value) ?? null);
}

/** A map is a list of messages of key (1) and value (2). */
function readEntry(field: NumberedField, message: Uint8Array, object: Json): void {
  let key = '';
  let entry: unknown;
  for (const { number, value } of readFields(message)) {
    if (number === 1) key = decodeText(bytesOf(value));
    // The one map of "raw" values is `extra`, whose values are messages of strings (ExtraValue).
    else if (number === 2)
      entry = field.t === 'raw' ? readStrings(bytesOf(value)) : readValue(field.t, value);
  }
  object[field.name] ??= {};
  Object.defineProperty(object[field.name] as Json, key, {
    value: entry ?? zeroOf(field.t),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function zeroOf(type: string): unknown {
  return type === 'string' || type === 'bytes' ? '' : type === 'quantity' ? '0' : null;
}

function readStrings(message: Uint8Array): string[] {
  return [...readFields(message)].map(({ value }) => decodeText(bytesOf(value)));
}

/** Undefined for an empty message that stands for nothing (a zero time). */
function readValue(type: string, value: bigint | Uint8Array): unknown {
  switch (type) {
    case 'string':
      return decodeText(bytesOf(value));
    case 'bool':
      return value !== 0n;
    case 'int32':
    case 'int64':
      return typeof value === 'bigint' ? Number(value) : mismatch();
    case 'float64':
      return readDouble(bytesOf(value));
    case 'bytes':
      return Buffer.from(bytesOf(value)).toString('base64');
    case 'quantity':
      return first(bytesOf(value), 1) ?? '0';
    case 'intorstring':
      return readIntOrString(bytesOf(value));
    case 'time':
      return readTime(bytesOf(value), 0);
    case 'microtime':
      return readTime(bytesOf(value), 6);
    case 'raw':
      return readRaw(bytesOf(value));
    case EMPTY:
      return {};
    default:
      return SCHEMA_CHOICES[type] === undefined
        ? readStruct(type, bytesOf(value))
        : readSchemaChoice(SCHEMA_CHOICES[type], bytesOf(value));
  }
}

function readSchemaChoice(numbers: (typeof SCHEMA_CHOICES)[string], message: Uint8Array): unknown {
  let schema: unknown;
  let isAllowed = false;
  const schemas: unknown[] = [];
  for (const { number, value } of readFields(message)) {
    if (number === numbers.schema) schema = readStruct(SCHEMA_TYPE, bytesOf(value));
    else if (number === numbers.bool) isAllowed = value !== 0n;
    else if (number === numbers.strings) schemas.push(decodeText(bytesOf(value)));
    else if (number === numbers.schemas) schemas.push(readStruct(SCHEMA_TYPE, bytesOf(value)));
  }
  return schema ?? (numbers.bool === undefined ? schemas : isAllowed);
}

function first(message: Uint8Array, wanted: number): string | undefined {
  for (const { number, value } of readFields(message))
    if (number === wanted) return decodeText(bytesOf(value));
  return undefined;
}

function readDouble(bytes: Uint8Array): number {
  if (bytes.length !== 8) mismatch();
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
}

/** k8s.io/apimachinery/pkg/util/intstr: type (1), intVal (2), strVal (3). */
function readIntOrString(message: Uint8Array): number | string {
  let isString = false;
  let number = 0;
  let text = '';
  for (const field of readFields(message)) {
    if (field.number === 1) isString = field.value === 1n;
    else if (field.number === 2) number = Number(field.value);
    else if (field.number === 3) text = decodeText(bytesOf(field.value));
  }
  return isString ? text : number;
}

/** Seconds (1) and nanoseconds (2) since the epoch; nothing at all is Go's zero time, JSON's null. */
function readTime(message: Uint8Array, digits: 0 | 6): string | undefined {
  if (message.length === 0) return undefined;
  let seconds = 0n;
  let nanoseconds = 0n;
  for (const { number, value } of readFields(message)) {
    if (typeof value !== 'bigint') continue;
    if (number === 1) seconds = value;
    else if (number === 2) nanoseconds = value;
  }
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) throw malformed('a time is out of range');
  const whole = date.toISOString().slice(0, 19);
  if (digits === 0) return `${whole}Z`;
  return `${whole}.${String(nanoseconds / 1000n).padStart(6, '0')}Z`;
}

/** RawExtension, FieldsV1 and JSON: the JSON text itself, in field 1. */
function readRaw(message: Uint8Array): unknown {
  const text = first(message, 1);
  if (text === undefined || text === '') return undefined;
  checkTextNesting(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new BadRequest('the object provided is unrecognized: an embedded object is not JSON', { cause });
  }
}

function bytesOf(value: bigint | Uint8Array): Uint8Array {
  return typeof value === 'bigint' ? mismatch() : value;
}

function mismatch(): never {
  throw malformed('a field has another type than its schema says');
}
