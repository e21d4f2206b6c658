import type { KubeObject, metav1 } from '../../kube/index.ts';
import type { WatchMetrics } from '../discovery/metrics.ts';
import { notAcceptable } from '../errors.ts';
import { type ApiResponse, decodeText, encodeText } from '../http/messages.ts';
import type { WatchAnswer, WatchItem } from '../registry/registry.ts';
import { groupVersion } from '../storage/object-storage.ts';
import { type EncodeContext, partial, table } from './answer.ts';
import { joined } from './chunks.ts';
import type { Encoding } from './negotiation.ts';
import {
  encodeProtobufEnvelope,
  encodeProtobufEvent,
  encodeProtobufObject,
  sharedProtobufMessage,
} from './protobuf-encoder.ts';
import { PROTOBUF } from './protobuf-types.ts';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** A watcher that reads nothing for so long is ended: what waits for it would be kept for good. */
const STALL_LIMIT_MS = 30_000;

function stallOf({ watch, stallLimitMs }: EncodeContext): NonNullable<ApiResponse['stall']> {
  return { limitMs: stallLimitMs ?? STALL_LIMIT_MS, ended: () => watch?.terminated() };
}

type Encoder = (item: WatchItem) => Uint8Array[];

/**
 * A watch: one JSON text or protobuf frame an event, events that come together in one chunk. YAML cannot be
 * streamed here.
 */
export function watchResponse(answer: WatchAnswer, encoding: Encoding, context: EncodeContext): ApiResponse {
  if (encoding.format === 'protobuf')
    return {
      status: 200,
      headers: { 'content-type': `${PROTOBUF};stream=watch`, 'cache-control': 'no-cache, private' },
      body: stream(answer.events, protobufEncoder(answer, encoding, context), context.watch),
      stall: stallOf(context),
    };
  if (encoding.format !== 'json') throw notAcceptable(['application/json', 'application/json;stream=watch']);
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' },
    body: stream(answer.events, encoderFor(answer, encoding, context), context.watch),
    stall: stallOf(context),
  };
}

async function* stream(
  events: AsyncIterable<readonly WatchItem[]>,
  encode: Encoder,
  watch: WatchMetrics | undefined,
): AsyncGenerator<Uint8Array> {
  watch?.open();
  try {
    for await (const items of events) yield* joined(encoded(items, encode, watch));
  } finally {
    watch?.close();
  }
}

/** One after the other: of a large batch only the chunk being sent is in memory twice. */
function* encoded(
  items: readonly WatchItem[],
  encode: Encoder,
  watch: WatchMetrics | undefined,
): Generator<Uint8Array[]> {
  for (const item of items) {
    const parts = encode(item);
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    watch?.event(bytes);
    yield parts;
  }
}

function encoderFor(answer: WatchAnswer, encoding: Encoding, context: EncodeContext): Encoder {
  const convert = converter(answer, encoding, context);
  return (item) => {
    if (item.type === 'ERROR') return [eventText('ERROR', JSON.stringify(item.status))];
    if (item.type === 'BOOKMARK') return [eventText('BOOKMARK', convert.bookmark(item))];
    if (convert.object === undefined)
      return item.isLive
        ? [liveEvent(item.type, item.stored.bytes)]
        : plainEvent(item.type, item.stored.bytes);
    return [eventText(item.type, convert.object(item))];
  };
}

const HEADS = {
  ADDED: encodeText('{"type":"ADDED","object":'),
  MODIFIED: encodeText('{"type":"MODIFIED","object":'),
  DELETED: encodeText('{"type":"DELETED","object":'),
};
const TAIL = encodeText('}\n');

function plainEvent(type: keyof typeof HEADS, bytes: Uint8Array): Uint8Array[] {
  return [HEADS[type], bytes, TAIL];
}

/** By the bytes of a change: a thousand watchers send one event, not a thousand copies. */
const liveEvents = new WeakMap<Uint8Array, { type: string; text: Uint8Array }>();

function liveEvent(type: keyof typeof HEADS, bytes: Uint8Array): Uint8Array {
  let event = liveEvents.get(bytes);
  if (event?.type !== type) {
    event = { type, text: Buffer.concat(plainEvent(type, bytes)) };
    liveEvents.set(bytes, event);
  }
  return event.text;
}

function eventText(type: string, object: string): Uint8Array {
  return encodeText(`{"type":"${type}","object":${object}}\n`);
}

function protobufEncoder(answer: WatchAnswer, encoding: Encoding, context: EncodeContext): Encoder {
  const { resource } = answer;
  const isPartial = encoding.as !== 'object';
  const enveloped = (object: Readonly<KubeObject>) => {
    if (isPartial) return encodeProtobufObject('meta/v1.PartialObjectMetadata', partial(object));
    return encodeProtobufEnvelope(object, sharedProtobufMessage(resource.schema.ref, object));
  };
  return (item) => {
    if (item.type === 'ERROR')
      return [encodeProtobufEvent('ERROR', encodeProtobufObject('meta/v1.Status', item.status))];
    if (item.type === 'BOOKMARK') {
      const bare = {
        apiVersion: groupVersion(resource),
        kind: resource.kind,
        metadata: bookmarkMetadata(item),
      };
      return [encodeProtobufEvent('BOOKMARK', enveloped(bare))];
    }
    return [encodeProtobufEvent(item.type, enveloped(objectOf(item, context)))];
  };
}

/** The last state of what is gone is in no cache. */
function objectOf(
  item: WatchItem & { type: 'ADDED' | 'MODIFIED' | 'DELETED' },
  { storage }: EncodeContext,
): Readonly<KubeObject> {
  return item.type === 'DELETED'
    ? (JSON.parse(decodeText(item.stored.bytes)) as KubeObject)
    : storage.sharedBytes(item.stored);
}

interface Converter {
  bookmark(item: WatchItem & { type: 'BOOKMARK' }): string;
  /** Absent: the stored bytes go out. */
  object?(item: WatchItem & { type: 'ADDED' | 'MODIFIED' | 'DELETED' }): string;
}

function converter(answer: WatchAnswer, encoding: Encoding, context: EncodeContext): Converter {
  const { resource } = answer;
  const bare = (item: WatchItem & { type: 'BOOKMARK' }) => ({
    kind: resource.kind,
    apiVersion: groupVersion(resource),
    metadata: bookmarkMetadata(item),
  });
  if (encoding.as === 'object') return { bookmark: (item) => JSON.stringify(bare(item)) };
  if (encoding.as !== 'Table')
    return {
      bookmark: (item) => JSON.stringify(partial({ metadata: bookmarkMetadata(item) })),
      object: (item) => JSON.stringify(partial(objectOf(item, context))),
    };
  let headersSent = false;
  return {
    bookmark: (item) =>
      JSON.stringify(table(resource, [bare(item)], bookmarkMetadata(item), { ...context, now: new Date() })),
    object: (item) => {
      const object = objectOf(item, context);
      const printed = table(resource, [object], object.metadata, { ...context, now: new Date() });
      // Columns come once: the client keeps them.
      if (headersSent) (printed as { columnDefinitions: unknown }).columnDefinitions = null;
      headersSent = true;
      return JSON.stringify(printed);
    },
  };
}

function bookmarkMetadata(item: WatchItem & { type: 'BOOKMARK' }): metav1.ObjectMeta {
  return {
    resourceVersion: String(item.revision),
    creationTimestamp: null,
    ...(item.initialEventsEnd && { annotations: { [INITIAL_EVENTS_END]: 'true' } }),
  } as unknown as metav1.ObjectMeta;
}
