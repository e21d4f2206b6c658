import { readdir, readFile } from 'node:fs/promises';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { type AgentOptions, Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A connection that says nothing for this long is taken for torn. */
const IDLE_MS = 60_000;

export interface HttpRequest {
  method: string;
  url: URL;
  headers?: Record<string, string>;
  body?: Buffer | { stream: Readable; size: number };
  signal?: AbortSignal;
}

/** One set of connections to registries, kept open between requests. */
export class HttpConnections {
  readonly #plain = new PlainAgent({ keepAlive: true, maxSockets: 16 });
  readonly #tls: TlsAgent;

  constructor(options: AgentOptions) {
    this.#tls = new TlsAgent({ keepAlive: true, maxSockets: 16, ...options });
  }

  /** The answer's head; whoever calls reads or destroys its body. Redirects are answers. */
  send(request: HttpRequest): Promise<IncomingMessage> {
    const { url, method, body } = request;
    return new Promise((resolve, reject) => {
      const isTls = url.protocol === 'https:';
      const outgoing = (isTls ? tlsRequest : plainRequest)(url, {
        method,
        agent: isTls ? this.#tls : this.#plain,
        headers: {
          'user-agent': 'orrery',
          ...request.headers,
          ...(body !== undefined && {
            'content-length': String(Buffer.isBuffer(body) ? body.byteLength : body.size),
          }),
        },
        ...(request.signal && { signal: request.signal }),
      });
      outgoing.setTimeout(IDLE_MS, () => outgoing.destroy(idleError(url)));
      outgoing.on('response', resolve).on('error', reject);
      if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
      // An answer may come before the body was read; its error, if any, comes as the request's.
      else pipeline(body.stream, outgoing).catch(reject);
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }
}

function idleError(url: URL): Error {
  return Object.assign(new Error(`${url.host} said nothing for ${IDLE_MS} ms`), { code: 'ETIMEDOUT' });
}

/** certs.d of Docker and of containers: `*.crt` are authorities, `X.cert` with `X.key` is the client's. */
export async function readCertificates(folder: string | undefined): Promise<AgentOptions> {
  if (folder === undefined) return {};
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const read = (name: string) => readFile(join(folder, name));
  const authorities = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
  const client = names.find((name) => name.endsWith('.cert'));
  const options: AgentOptions = {};
  if (authorities.length > 0) {
    const { rootCertificates } = await import('node:tls');
    options.ca = [...rootCertificates, ...authorities];
  }
  if (client !== undefined) {
    options.cert = await read(client);
    options.key = await read(client.replace(/\.cert$/, '.key'));
  }
  return options;
}

/** A body of at most `limitBytes`, whatever its head says; undefined when it is longer. */
export async function readLimited(body: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    // Leaving the loop destroys the stream and its connection.
    if (size > limitBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
