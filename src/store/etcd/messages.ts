import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/**
 * The messages of etcd's v3 API that we send and read, on the wire. Only fields we use; what a newer server adds is
 * skipped.
 *
 * Source: etcd 3.4 api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto (field numbers beside each field).
 */
export interface Method<Request, Response> {
  path: string;
  /** `offset`: what our revisions are above etcd's, see layout.ts. */
  encode(request: Request, offset: number): Uint8Array;
  decode(bytes: Uint8Array, offset: number): Response;
}

/** A revision of ours as etcd counts it; 0 stays 0, "none". One from before etcd's time is below zero: never equal. */
export function toEtcd(revision: number, offset: number): number {
  return revision === 0 ? 0 : revision - offset;
}

function fromEtcd(revision: bigint | string, offset: number): number {
  const number = Number(revision);
  return number === 0 ? 0 : number + offset;
}

export interface ResponseHeader {
  clusterId: bigint;
  revision: number;
}

export interface KeyValue {
  key: Uint8Array;
  createRevision: number;
  modRevision: number;
  /** Shares memory with the message it came in. */
  value: Uint8Array;
}

export interface RangeRequest {
  key: Uint8Array;
  /** Exclusive; left out, `key` alone. */
  end?: Uint8Array;
  limit?: number;
  revision?: number;
  keysOnly?: boolean;
  countOnly?: boolean;
}

export interface RangeResponse {
  header: ResponseHeader;
  items: KeyValue[];
  more: boolean;
  /** Keys in the range, whatever the limit. */
  count: number;
}

/** Holds when the key's last change was at `modRevision` (0: it does not exist). */
export type Comparison =
  | { key: Uint8Array; modRevision: number }
  | { key: Uint8Array; modRevisionAbove: number };

export type Operation =
  | { range: RangeRequest }
  | { put: { key: Uint8Array; value: Uint8Array } }
  | { delete: { key: Uint8Array; end?: Uint8Array } };

export interface TxnRequest {
  compare: Comparison[];
  success: Operation[];
  failure: Operation[];
}

export interface TxnResponse {
  header: ResponseHeader;
  succeeded: boolean;
  /** Of the range operations of the branch taken, in order. */
  ranges: RangeResponse[];
}

export interface StatusResponse {
  header: ResponseHeader;
  version: string;
  dbSizeBytes: number;
  dbSizeInUseBytes: number;
}

/** Runs `read` for each field; one it does not want (false) is skipped. */
export function readFields(
  bytes: Uint8Array,
  read: (field: number, reader: BinaryReader) => boolean | undefined,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (read(field, reader) !== true) reader.skip(type, field);
  }
}

export const LENGTH_DELIMITED = 2;
const VARINT = 0;

export function readHeader(bytes: Uint8Array, offset: number): ResponseHeader {
  const header: ResponseHeader = { clusterId: 0n, revision: 0 };
  readFields(bytes, (field, reader) => {
    if (field === 1) header.clusterId = BigInt(reader.uint64());
    else if (field === 3) header.revision = fromEtcd(reader.int64(), offset);
    else return false;
    return true;
  });
  return header;
}

const NO_HEADER: ResponseHeader = { clusterId: 0n, revision: 0 };
const NOTHING = new Uint8Array(0);

export function readKeyValue(bytes: Uint8Array, offset: number): KeyValue {
  const found: KeyValue = { key: NOTHING, createRevision: 0, modRevision: 0, value: NOTHING };
  readFields(bytes, (field, reader) => {
    if (field === 1) found.key = reader.bytes();
    else if (field === 2) found.createRevision = fromEtcd(reader.int64(), offset);
    else if (field === 3) found.modRevision = fromEtcd(reader.int64(), offset);
    else if (field === 5) found.value = reader.bytes();
    else return false;
    return true;
  });
  return found;
}

function encodeRange(request: RangeRequest, offset: number): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, LENGTH_DELIMITED).bytes(request.key);
  if (request.end !== undefined) writer.tag(2, LENGTH_DELIMITED).bytes(request.end);
  if (request.limit !== undefined) writer.tag(3, VARINT).int64(request.limit);
  if (request.revision !== undefined) writer.tag(4, VARINT).int64(toEtcd(request.revision, offset));
  if (request.keysOnly) writer.tag(8, VARINT).bool(true);
  if (request.countOnly) writer.tag(9, VARINT).bool(true);
  return writer.finish();
}

function decodeRange(bytes: Uint8Array, offset: number): RangeResponse {
  const response: RangeResponse = { header: NO_HEADER, items: [], more: false, count: 0 };
  readFields(bytes, (field, reader) => {
    if (field === 1) response.header = readHeader(reader.bytes(), offset);
    else if (field === 2) response.items.push(readKeyValue(reader.bytes(), offset));
    else if (field === 3) response.more = reader.bool();
    else if (field === 4) response.count = Number(reader.int64());
    else return false;
    return true;
  });
  return response;
}

function encodePut(put: { key: Uint8Array; value: Uint8Array }): Uint8Array {
  return new BinaryWriter()
    .tag(1, LENGTH_DELIMITED)
    .bytes(put.key)
    .tag(2, LENGTH_DELIMITED)
    .bytes(put.value)
    .finish();
}

function encodeComparison(comparison: Comparison, offset: number): Uint8Array {
  const [equal, greater, mod] = [0, 1, 2];
  const exact = 'modRevision' in comparison;
  return new BinaryWriter()
    .tag(1, VARINT)
    .int32(exact ? equal : greater)
    .tag(2, VARINT)
    .int32(mod)
    .tag(3, LENGTH_DELIMITED)
    .bytes(comparison.key)
    .tag(6, VARINT)
    .int64(toEtcd(exact ? comparison.modRevision : comparison.modRevisionAbove, offset))
    .finish();
}

function encodeOperation(operation: Operation, offset: number): Uint8Array {
  const writer = new BinaryWriter();
  if ('range' in operation) writer.tag(1, LENGTH_DELIMITED).bytes(encodeRange(operation.range, offset));
  else if ('put' in operation) writer.tag(2, LENGTH_DELIMITED).bytes(encodePut(operation.put));
  else {
    const { key, end } = operation.delete;
    const range = new BinaryWriter().tag(1, LENGTH_DELIMITED).bytes(key);
    if (end !== undefined) range.tag(2, LENGTH_DELIMITED).bytes(end);
    writer.tag(3, LENGTH_DELIMITED).bytes(range.finish());
  }
  return writer.finish();
}

function encodeTxn(request: TxnRequest, offset: number): Uint8Array {
  const writer = new BinaryWriter();
  for (const comparison of request.compare)
    writer.tag(1, LENGTH_DELIMITED).bytes(encodeComparison(comparison, offset));
  for (const operation of request.success)
    writer.tag(2, LENGTH_DELIMITED).bytes(encodeOperation(operation, offset));
  for (const operation of request.failure)
    writer.tag(3, LENGTH_DELIMITED).bytes(encodeOperation(operation, offset));
  return writer.finish();
}

function decodeTxn(bytes: Uint8Array, offset: number): TxnResponse {
  const response: TxnResponse = { header: NO_HEADER, succeeded: false, ranges: [] };
  readFields(bytes, (field, reader) => {
    if (field === 1) response.header = readHeader(reader.bytes(), offset);
    else if (field === 2) response.succeeded = reader.bool();
    else if (field === 3) {
      readFields(reader.bytes(), (kind, operation) => {
        if (kind !== 1) return false;
        response.ranges.push(decodeRange(operation.bytes(), offset));
        return true;
      });
    } else return false;
    return true;
  });
  return response;
}

function decodeHeaderOnly(bytes: Uint8Array, offset: number): { header: ResponseHeader } {
  const response = { header: NO_HEADER };
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    response.header = readHeader(reader.bytes(), offset);
    return true;
  });
  return response;
}

function decodeStatus(bytes: Uint8Array, offset: number): StatusResponse {
  const response: StatusResponse = { header: NO_HEADER, version: '', dbSizeBytes: 0, dbSizeInUseBytes: 0 };
  readFields(bytes, (field, reader) => {
    if (field === 1) response.header = readHeader(reader.bytes(), offset);
    else if (field === 2) response.version = reader.string();
    else if (field === 3) response.dbSizeBytes = Number(reader.int64());
    else if (field === 9) response.dbSizeInUseBytes = Number(reader.int64());
    else return false;
    return true;
  });
  return response;
}

export const RANGE: Method<RangeRequest, RangeResponse> = {
  path: '/etcdserverpb.KV/Range',
  encode: encodeRange,
  decode: decodeRange,
};

export const TXN: Method<TxnRequest, TxnResponse> = {
  path: '/etcdserverpb.KV/Txn',
  encode: encodeTxn,
  decode: decodeTxn,
};

export const COMPACT: Method<{ revision: number; physical: boolean }, { header: ResponseHeader }> = {
  path: '/etcdserverpb.KV/Compact',
  encode: ({ revision, physical }, offset) =>
    new BinaryWriter().tag(1, VARINT).int64(toEtcd(revision, offset)).tag(2, VARINT).bool(physical).finish(),
  decode: decodeHeaderOnly,
};

export const DEFRAGMENT: Method<object, { header: ResponseHeader }> = {
  path: '/etcdserverpb.Maintenance/Defragment',
  encode: () => NOTHING,
  decode: decodeHeaderOnly,
};

export interface AlarmRequest {
  action: 'get' | 'deactivate';
  /** 0 and 'get': of all members. */
  memberId: bigint;
}

export interface AlarmResponse {
  header: ResponseHeader;
  /** Members whose alarm NOSPACE is on. */
  members: bigint[];
}

const NOSPACE = 1;

function decodeAlarm(bytes: Uint8Array, offset: number): AlarmResponse {
  const response: AlarmResponse = { header: NO_HEADER, members: [] };
  readFields(bytes, (field, reader) => {
    if (field === 1) response.header = readHeader(reader.bytes(), offset);
    else if (field === 2) {
      let memberId = 0n;
      readFields(reader.bytes(), (part, member) => {
        if (part !== 1) return false;
        memberId = BigInt(member.uint64());
        return true;
      });
      response.members.push(memberId);
    } else return false;
    return true;
  });
  return response;
}

/** The alarm NOSPACE. */
export const ALARM: Method<AlarmRequest, AlarmResponse> = {
  path: '/etcdserverpb.Maintenance/Alarm',
  encode: ({ action, memberId }) =>
    new BinaryWriter()
      .tag(1, VARINT)
      .int32(action === 'get' ? 0 : 2)
      .tag(2, VARINT)
      .uint64(memberId)
      .tag(3, VARINT)
      .int32(NOSPACE)
      .finish(),
  decode: decodeAlarm,
};

export const STATUS: Method<object, StatusResponse> = {
  path: '/etcdserverpb.Maintenance/Status',
  encode: () => NOTHING,
  decode: decodeStatus,
};
