/**
 * spdy: SPDY/3.1 framing over any byte stream, as far as Kubernetes' streaming protocols use it: streams
 * with headers, half-close, reset, ping, flow control. No HTTP semantics, no push, no credentials.
 */
export { SpdyConnection, type SpdyConnectionOptions } from './spdy-connection.ts';
export type { SpdyStream } from './spdy-stream.ts';
