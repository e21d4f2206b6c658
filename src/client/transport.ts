/**
 * How a request reaches an API server: a function call inside one process, HTTPS between processes. The
 * code above does not know which.
 */
export interface Transport {
  request(request: ApiRequest): Promise<ApiResponse>;
}

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path, percent-encoded, without the query: `/clusters/root/api/v1/namespaces/default/pods`. */
  path: string;
  query?: URLSearchParams;
  /** Lower-case names. */
  headers?: Record<string, string>;
  body?: Uint8Array;
  signal?: AbortSignal;
}

export interface ApiResponse {
  status: number;
  headers: Record<string, string>;
  /** Whole for ordinary answers; a stream of chunks for watches and logs. */
  body: Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>;
}
