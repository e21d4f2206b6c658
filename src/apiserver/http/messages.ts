import type { Duplex, Readable } from 'node:stream';

/** A request as the pipeline sees it; which wire it came by is forgotten. Structurally the client room's ApiRequest. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** How the method was sent when it is one that is a GET to us: what lies behind a proxy tells them apart. */
  sentMethod?: 'HEAD' | 'OPTIONS';
  /** Absolute path, percent-encoded, without the query. */
  path: string;
  query?: URLSearchParams;
  /** Lower-case names. */
  headers?: Record<string, string>;
  /** Names and values in turn, as they came, for headers that mean something else when their lines are joined. */
  headerLines?: readonly string[];
  body?: Uint8Array;
  signal?: AbortSignal;
}

export interface ApiResponse {
  status: number;
  headers: Record<string, string>;
  body: ResponseBody;
  /** Of a stream whose reader must keep up: how long he may take for what lies ready, and who hears that he did not. */
  stall?: { limitMs: number; ended(): void };
}

/** Whole for ordinary answers, in one piece or (large lists) in several; a stream of chunks for watches and logs. */
export type ResponseBody = WholeBody | AsyncIterable<Uint8Array>;

export type WholeBody = Uint8Array | readonly Uint8Array[];

/** A body that nobody has read yet: taken in whole, or passed on as it comes. */
export interface RequestBody {
  /** @throws OrreryError BadRequest, RequestEntityTooLarge */
  read(): Promise<Uint8Array>;
  readonly stream: Readable;
}

/** A connection that asked to be switched to another protocol (exec, attach, port-forward). */
export interface UpgradeRequest {
  request: ApiRequest;
  socket: Duplex;
  /** What the client had already sent after its request. */
  head: Uint8Array;
}

/** Who asks; k8s.io/apiserver/pkg/authentication/user.Info. */
export interface User {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
  /** A part of this process, not somebody who came over the wire: it may come into every workspace. */
  isInternal?: true;
  /** Who came over the wire acts, in this workspace, for its owner while it begins or ends: never of a credential. */
  lifecycleOf?: string;
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
export const AUTHENTICATED_GROUP = 'system:authenticated';
export const MASTERS_GROUP = 'system:masters';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function isWhole(body: ResponseBody): body is WholeBody {
  return body instanceof Uint8Array || Array.isArray(body);
}

/** Undefined for a stream. */
export function bodyLength(body: ResponseBody): number | undefined {
  if (body instanceof Uint8Array) return body.length;
  return isWhole(body) ? body.reduce((sum, part) => sum + part.length, 0) : undefined;
}

export function joinedBody(body: WholeBody): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.concat(body);
}

export function jsonResponse(status: number, body: unknown, headers?: Record<string, string>): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: encoder.encode(JSON.stringify(body)),
  };
}

export function textResponse(status: number, text: string, headers?: Record<string, string>): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', ...headers },
    body: encoder.encode(text),
  };
}
