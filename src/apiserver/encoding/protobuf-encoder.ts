import { parseGroupVersion, schemaRef } from '../../kube/index.ts';
import { EMPTY, type NumberedField, numberedFields, SCHEMA_CHOICES, SCHEMA_TYPE } from './protobuf-types.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

type Json = Readonly<Record<string, unknown>>;

const VARINT = 0;
const FIXED64 = 1;
const MAGIC = Buffer.from('k8s\0');

/**
 * An object as Kubernetes' protobuf: the prefix, and runtime.Unknown around the message of its type. What is absent
 * from the JSON is absent here and read as the zero value, as Go reads it.
 *
 * Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf; the field numbers are the field table's.
 */
export function encodeProtobufObject(ref: string, object: object): Uint8Array {
  return envelope(object, (writer) => writeStruct(writer, ref, object as Json));
}

/** The field table's key of an object or list; undefined for what has no protobuf form. */
export function protobufType(object: { apiVersion?: string; kind?: string }): string | undefined {
  const { apiVersion = '', kind = '' } = object;
  const ref = schemaRef({ ...parseGroupVersion(apiVersion), kind });
  return ref === 'meta/v1.Table' ? undefined : ref;
}

const messages = new WeakMap<object, { ref: string; message: Uint8Array }>();

/** The message of an object that nobody changes: encoded once for all who list or watch it. */
export function sharedProtobufMessage(ref: string, object: object): Uint8Array {
  const known = messages.get(object);
  if (known?.ref === ref) return known.message;
  const message = encodeProtobufMessage(ref, object as Json);
  messages.set(object, { ref, message });
  return message;
}

/** A list whose items are already messages (see `encodeProtobufMessage`). */
export function encodeProtobufList(
  list: { apiVersion: string; kind: string; metadata: object },
  items: readonly Uint8Array[],
): Uint8Array {
  return envelope(list, (writer) => {
    for (let index = items.length - 1; index >= 0; index--) {
      const since = writer.length;
      writer.bytes(items[index]!);
      writer.endMessage(2, since);
    }
    const since = writer.length;
    writeStruct(writer, 'meta/v1.ListMeta', list.metadata as Json);
    writer.endMessage(1, since);
  });
}

/** The same of an object whose message is at hand. */
export function encodeProtobufEnvelope(object: object, message: Uint8Array): Uint8Array {
  return envelope(object, (writer) => writer.bytes(message));
}

/** The bare message of a type, without its envelope. */
function encodeProtobufMessage(ref: string, object: Json): Uint8Array {
  const writer = new ProtobufWriter();
  writeStruct(writer, ref, object);
  return writer.finish();
}

/**
 * One frame of a watch: four bytes of length, and a bare meta/v1 WatchEvent whose object is a whole enveloped one.
 *
 * Source: k8s.io/apimachinery/pkg/util/framer NewLengthDelimitedFrameWriter, meta/v1 generated.proto WatchEvent.
 */
export function encodeProtobufEvent(type: string, object: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter();
  writer.bytes(object);
  writer.endMessage(1, 0);
  writer.endMessage(2, 0);
  writeText(writer, 1, type);
  const length = writer.length;
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32BE(length, 0);
  frame.set(writer.finish(), 4);
  return frame;
}

function envelope(
  { apiVersion = '', kind = '' }: { apiVersion?: string; kind?: string },
  write: (writer: ProtobufWriter) => void,
): Uint8Array {
  const writer = new ProtobufWriter();
  // Content encoding and type, which Go writes though they are empty.
  writeText(writer, 4, '');
  writeText(writer, 3, '');
  const raw = writer.length;
  write(writer);
  writer.endMessage(2, raw);
  const typeMeta = writer.length;
  writeText(writer, 2, kind);
  writeText(writer, 1, apiVersion);
  writer.endMessage(1, typeMeta);
  writer.bytes(MAGIC);
  return writer.finish();
}

function writeStruct(writer: ProtobufWriter, ref: string, object: Json): void {
  const fields = numberedFields(ref);
  for (let index = fields.length - 1; index >= 0; index--) {
    const field = fields[index]!;
    if (field.inl === 1) {
      const since = writer.length;
      writeStruct(writer, field.t, object);
      if (writer.length > since) writer.endMessage(field.n, since);
      continue;
    }
    const value = object[field.name];
    if (value === undefined || value === null) continue;
    if (field.c === 'list') writeList(writer, field, value as readonly unknown[]);
    else if (field.c === 'map') writeMap(writer, field, value as Json);
    else writeValue(writer, field.n, field.t, value);
  }
}

function writeList(writer: ProtobufWriter, field: NumberedField, list: readonly unknown[]): void {
  for (let index = list.length - 1; index >= 0; index--) writeValue(writer, field.n, field.t, list[index]);
}

/** A map is a list of messages of key (1) and value (2), in the order of the keys. */
function writeMap(writer: ProtobufWriter, field: NumberedField, map: Json): void {
  const keys = Object.keys(map).sort();
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index]!;
    const since = writer.length;
    // The one map of "raw" values is `extra`, whose values are messages of strings (ExtraValue).
    if (field.t === 'raw') writeStrings(writer, 2, map[key]);
    else writeValue(writer, 2, field.t, map[key]);
    writeText(writer, 1, key);
    writer.endMessage(field.n, since);
  }
}

function writeStrings(writer: ProtobufWriter, number: number, value: unknown): void {
  const since = writer.length;
  const strings = Array.isArray(value) ? value : [];
  for (let index = strings.length - 1; index >= 0; index--) writeText(writer, 1, String(strings[index]));
  writer.endMessage(number, since);
}

function writeText(writer: ProtobufWriter, number: number, text: string): void {
  const since = writer.length;
  writer.text(text);
  writer.endMessage(number, since);
}

function writeInteger(writer: ProtobufWriter, number: number, value: number): void {
  writer.varint(value);
  writer.tag(number, VARINT);
}

function writeValue(writer: ProtobufWriter, number: number, type: string, value: unknown): void {
  const since = writer.length;
  switch (type) {
    case 'string':
      writeText(writer, number, String(value ?? ''));
      break;
    case 'bool':
      writeInteger(writer, number, value === true ? 1 : 0);
      break;
    case 'int32':
    case 'int64':
      writeInteger(writer, number, Number(value));
      break;
    case 'float64':
      writer.double(Number(value));
      writer.tag(number, FIXED64);
      break;
    default:
      writeMessage(writer, type, value);
      writer.endMessage(number, since);
  }
}

/** The content of what is written with its length. */
function writeMessage(writer: ProtobufWriter, type: string, value: unknown): void {
  switch (type) {
    case EMPTY:
      break;
    case 'bytes':
      writer.bytes(Buffer.from(String(value ?? ''), 'base64'));
      break;
    case 'quantity':
      writeText(writer, 1, String(value ?? '0'));
      break;
    case 'intorstring':
      writeIntOrString(writer, value);
      break;
    case 'time':
    case 'microtime':
      writeTime(writer, value);
      break;
    case 'raw':
      if (value !== undefined) writeText(writer, 1, JSON.stringify(value));
      break;
    default:
      writeStructOrChoice(writer, type, value);
  }
}

function writeStructOrChoice(writer: ProtobufWriter, type: string, value: unknown): void {
  const choice = SCHEMA_CHOICES[type];
  if (choice !== undefined) writeSchemaChoice(writer, choice, value);
  else if (typeof value === 'object' && value !== null) writeStruct(writer, type, value as Json);
}

/** k8s.io/apimachinery/pkg/util/intstr: type (1), intVal (2), strVal (3). */
function writeIntOrString(writer: ProtobufWriter, value: unknown): void {
  const isText = typeof value === 'string';
  writeText(writer, 3, isText ? value : '');
  writeInteger(writer, 2, isText ? 0 : Number(value));
  writeInteger(writer, 1, isText ? 1 : 0);
}

/** Seconds (1) and nanoseconds (2) since the epoch; nothing at all is the zero time. */
function writeTime(writer: ProtobufWriter, value: unknown): void {
  const text = String(value ?? '');
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return;
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  writeInteger(writer, 2, Number(fraction.slice(0, 9).padEnd(9, '0')));
  writeInteger(writer, 1, Math.floor(ms / 1000));
}

function writeSchemaChoice(
  writer: ProtobufWriter,
  numbers: (typeof SCHEMA_CHOICES)[string],
  value: unknown,
): void {
  if (typeof value === 'boolean') {
    if (numbers.bool !== undefined) writeInteger(writer, numbers.bool, value ? 1 : 0);
  } else if (Array.isArray(value)) {
    const [number, type] =
      numbers.strings === undefined ? [numbers.schemas, SCHEMA_TYPE] : [numbers.strings, 'string'];
    for (let index = value.length - 1; index >= 0; index--) writeValue(writer, number!, type, value[index]);
  } else if (typeof value === 'object' && value !== null) {
    // Upstream's JSON form of a schema where a bool may stand says that anything like it is allowed.
    writeValue(writer, numbers.schema, SCHEMA_TYPE, value);
    if (numbers.bool !== undefined) writeInteger(writer, numbers.bool, 1);
  }
}
