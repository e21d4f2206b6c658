import { BinaryWriter } from '@bufbuild/protobuf/wire';
import {
  type KeyValue,
  LENGTH_DELIMITED,
  type Method,
  type ResponseHeader,
  readFields,
  readHeader,
  readKeyValue,
  toEtcd,
} from './messages.ts';

/** A watch of a range; the only request we send on a stream of watches. Source: as messages.ts. */
export interface WatchCreateRequest {
  key: Uint8Array;
  end: Uint8Array;
  /** Inclusive. */
  startRevision: number;
}

export interface WatchEvent {
  type: 'put' | 'delete';
  item: KeyValue;
  previous?: KeyValue;
}

export interface WatchResponse {
  header: ResponseHeader;
  /** The watch was made; it has seen nothing yet. */
  created: boolean;
  canceled: boolean;
  /** Not 0: the watch began below this revision, which is what history begins at. */
  compactRevision: number;
  cancelReason: string;
  /** More events of the same revisions follow in the next response. */
  fragment: boolean;
  events: WatchEvent[];
}

const VARINT = 0;

function encodeCreate(request: WatchCreateRequest, offset: number): Uint8Array {
  const create = new BinaryWriter()
    .tag(1, LENGTH_DELIMITED)
    .bytes(request.key)
    .tag(2, LENGTH_DELIMITED)
    .bytes(request.end)
    .tag(3, VARINT)
    .int64(toEtcd(request.startRevision, offset))
    .tag(4, VARINT) // progress_notify
    .bool(true)
    .tag(6, VARINT) // prev_kv
    .bool(true)
    .tag(8, VARINT) // fragment
    .bool(true)
    .finish();
  return new BinaryWriter().tag(1, LENGTH_DELIMITED).bytes(create).finish();
}

function decodeEvent(bytes: Uint8Array, offset: number): WatchEvent {
  const event: Partial<WatchEvent> & { type: WatchEvent['type'] } = { type: 'put' };
  readFields(bytes, (field, reader) => {
    if (field === 1) event.type = reader.int32() === 1 ? 'delete' : 'put';
    else if (field === 2) event.item = readKeyValue(reader.bytes(), offset);
    else if (field === 3) event.previous = readKeyValue(reader.bytes(), offset);
    else return false;
    return true;
  });
  return event as WatchEvent;
}

function decodeResponse(bytes: Uint8Array, offset: number): WatchResponse {
  const response: WatchResponse = {
    header: { clusterId: 0n, revision: 0 },
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: '',
    fragment: false,
    events: [],
  };
  readFields(bytes, (field, reader) => {
    if (field === 1) response.header = readHeader(reader.bytes(), offset);
    else if (field === 3) response.created = reader.bool();
    else if (field === 4) response.canceled = reader.bool();
    else if (field === 5) response.compactRevision = Number(reader.int64()) + offset;
    else if (field === 6) response.cancelReason = reader.string();
    else if (field === 7) response.fragment = reader.bool();
    else if (field === 11) response.events.push(decodeEvent(reader.bytes(), offset));
    else return false;
    return true;
  });
  return response;
}

export const WATCH: Method<WatchCreateRequest, WatchResponse> = {
  path: '/etcdserverpb.Watch/Watch',
  encode: encodeCreate,
  decode: decodeResponse,
};
