import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { BadRequest } from '../../base/index.ts';
import type { Filters } from '../../libpod/index.ts';
import { parseFilters } from './filters.ts';
import type { Hijacked } from './hijack.ts';
import { Refusal } from './refusal.ts';
import { compareVersions } from './router.ts';

const JSON_LIMIT_BYTES = 4 * 1024 * 1024;
const JSON_TIMEOUT_MS = 60_000;

export interface ExchangeParts {
  request: IncomingMessage;
  response: ServerResponse;
  /** What the client sends after the headers. */
  body: Readable;
  url: URL;
  params: Record<string, string>;
  version: string;
  signal: AbortSignal;
  hijack: (contentType: string) => Hijacked;
  takeSocket: () => Socket;
}

/** One request and its answer, as handlers see them. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Readable;
  readonly params: Record<string, string>;
  /** Of the API, as the client asked: `1.41`. */
  readonly version: string;
  /** Aborted when the client is gone, or the server ends. */
  readonly signal: AbortSignal;
  /** Takes the connection out of HTTP; the answer's head is sent. */
  readonly hijack: (contentType: string) => Hijacked;
  /** The bare connection of an upgrade request, nothing sent; whoever takes it closes it. @throws BadRequest for any other. */
  readonly takeSocket: () => Socket;
  readonly #query: URLSearchParams;

  constructor(parts: ExchangeParts) {
    this.request = parts.request;
    this.response = parts.response;
    this.body = parts.body;
    this.params = parts.params;
    this.version = parts.version;
    this.signal = parts.signal;
    this.hijack = parts.hijack;
    this.takeSocket = parts.takeSocket;
    this.#query = parts.url.searchParams;
  }

  /** The parameter of the path; Docker allows a name with the slash that it prints before it. */
  name(): string {
    return this.params.name!.replace(/^\/(?=[^/]+$)/, '');
  }

  isAtLeast(version: string): boolean {
    return compareVersions(this.version, version) >= 0;
  }

  text(key: string): string | undefined {
    const value = this.#query.get(key);
    return value === null || value === '' ? undefined : value;
  }

  texts(key: string): string[] {
    return this.#query.getAll(key).filter((one) => one !== '');
  }

  /** Docker's booleans: absent, empty, `0`, `no`, `false` and `none` are false; all else is true. */
  flag(key: string, fallback = false): boolean {
    const value = this.#query.get(key);
    if (value === null) return fallback;
    return !['', '0', 'no', 'false', 'none'].includes(value.trim().toLowerCase());
  }

  /** @throws BadRequest */
  integer(key: string): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,15}$/.test(value)) throw new BadRequest(`invalid value for ${key}: "${value}"`);
    return Number(value);
  }

  filters(known?: readonly string[]): Filters {
    return parseFilters(this.text('filters'), known);
  }

  /** Refuses parameters that ask for what is not there. @throws Refusal 400 */
  refuse(keys: readonly string[]): void {
    const first = keys.find((key) => {
      const value = this.#query.get(key);
      return (
        value !== null && !['', '0', 'false', 'no', 'none', '[]', '{}', 'null'].includes(value.toLowerCase())
      );
    });
    if (first !== undefined) throw new Refusal(400, `the parameter "${first}" is not supported`);
  }

  /** The body as a JSON object; `{}` when there is none. @throws BadRequest Refusal 413, 408 */
  async json(): Promise<Record<string, unknown>> {
    const text = (await readWhole(this.body)).toString('utf8');
    if (text.trim() === '') return {};
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (cause) {
      throw new BadRequest('invalid JSON: the body cannot be parsed', { cause });
    }
    if (parsed === null) return {};
    if (typeof parsed !== 'object' || Array.isArray(parsed))
      throw new BadRequest('invalid JSON: the body is not an object');
    return parsed as Record<string, unknown>;
  }

  send(status: number, body: unknown): void {
    this.sendText(status, `${JSON.stringify(body)}\n`);
  }

  /** JSON that was written by hand. */
  sendText(status: number, text: string): void {
    this.response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
    });
    this.response.end(this.request.method === 'HEAD' ? undefined : text);
  }

  /** An answer without a body: 204, 304, 200. */
  done(status = 204): void {
    this.response.writeHead(status, status === 200 || status === 201 ? { 'Content-Length': 0 } : {});
    this.response.end();
  }

  /** Sends the head at once; the body follows with `write`. */
  open(contentType: string, headers: Record<string, string> = {}): void {
    this.response.writeHead(200, { 'Content-Type': contentType, ...headers });
    this.response.flushHeaders();
  }

  /** One piece of an open answer; resolves when the client can take more. Nothing is written to one that is gone. */
  async write(chunk: Buffer | string): Promise<void> {
    const { response } = this;
    if (this.signal.aborted || response.destroyed || response.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        response.off('drain', go);
        response.off('close', go);
        resolve();
      };
      response.on('drain', go);
      response.on('close', go);
    });
  }

  end(): void {
    if (!this.response.writableEnded) this.response.end();
  }

  /** Sends a stream as the body; an error of the stream ends the connection, so that nobody takes a part for the whole. */
  async pipe(stream: Readable): Promise<void> {
    const stop = (): void => void stream.destroy();
    this.signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const chunk of stream) await this.write(chunk as Buffer);
      this.end();
    } catch (error) {
      if (this.signal.aborted) return;
      this.response.destroy();
      throw error;
    } finally {
      this.signal.removeEventListener('abort', stop);
    }
  }
}

async function readWhole(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(
    () => body.destroy(new Refusal(408, 'the body did not come in time')),
    JSON_TIMEOUT_MS,
  );
  try {
    for await (const chunk of body) {
      size += (chunk as Buffer).byteLength;
      if (size > JSON_LIMIT_BYTES)
        throw new Refusal(413, `the body is larger than ${JSON_LIMIT_BYTES} bytes`);
      chunks.push(chunk as Buffer);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}
