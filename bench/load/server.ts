/**
 * The server under load, in a process of its own: an API server over an LMDB store, or, to compare with, the least
 * that node:http2 can do. `BenchServer` is the end in the process that measures.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createApiServer, ensurePki } from '../../src/apiserver/index.ts';
import { silentLog } from '../../src/base/index.ts';
import { ROLE_MALLOC, ROLE_RUNTIME_FLAGS } from '../../src/cli/role.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { configMap } from './operations.ts';
import type { Target } from './wire.ts';

/** Of the server's process. `anonymousMb` is memory of its own; the rest of resident are pages of files (code, LMDB's map). */
export interface Usage {
  cpuSeconds: number;
  residentMb: number;
  anonymousMb: number;
  heapMb: number;
  buffersMb: number;
}

export interface Served extends Target {
  /** From the start of the process until it listened and was ready. */
  readyMs: number;
}

export class BenchServer {
  readonly served: Served;
  readonly #child: ChildProcess;

  static async start(
    directory: string,
    options: { bare?: boolean; nodeArguments?: readonly string[] } = {},
  ): Promise<BenchServer> {
    const path = join(import.meta.dirname, 'server.ts');
    const startedAtMs = Date.now();
    const child = fork(path, [options.bare === true ? '--bare' : '--serve', directory], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...ROLE_MALLOC, ...process.env },
      execArgv: ['--expose-gc', ...ROLE_RUNTIME_FLAGS, ...(options.nodeArguments ?? [])],
    });
    const [served] = (await once(child, 'message')) as [Target];
    return new BenchServer(child, { ...served, readyMs: Date.now() - startedAtMs });
  }

  private constructor(child: ChildProcess, served: Served) {
    this.#child = child;
    this.served = served;
  }

  /** `settled`: after a garbage collection, as an idle server comes to by itself. */
  async usage(settled = false): Promise<Usage> {
    this.#child.send(settled ? 'settled' : 'usage');
    const [usage] = (await once(this.#child, 'message')) as [Usage];
    return usage;
  }

  async stop(): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }
}

function usageNow(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const anonymous = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  return {
    cpuSeconds: (user + system) / 1e6,
    residentMb: rss / 2 ** 20,
    anonymousMb: Number(anonymous?.[1] ?? 0) / 1024,
    heapMb: heapUsed / 2 ** 20,
    buffersMb: arrayBuffers / 2 ** 20,
  };
}

async function credentialsIn(directory: string) {
  const pki = await ensurePki(join(directory, 'pki'));
  const { certificate, key } = await pki.issueClientCertificate({
    commonName: 'bench',
    organizations: ['system:masters'],
  });
  return { pki, target: { ca: pki.caCertificatePem, certificate, key } };
}

/** Resolves when whoever measures has let go. */
async function served(target: Target): Promise<void> {
  process.send!(target);
  process.on('message', (message) => {
    if (message === 'settled') globalThis.gc?.();
    process.send!(usageNow());
  });
  await once(process, 'disconnect');
}

async function serveApi(directory: string): Promise<void> {
  const { pki, target } = await credentialsIn(directory);
  const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  const server = await createApiServer({
    store,
    pki: pki.paths,
    log: silentLog,
    productVersion: '0.1.0',
    advertise: { address: '192.0.2.1', port: 6443 },
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  await server.bootstrap();
  await served({ port, ...target });
  await server.close();
  await store.close();
}

/** Answers everything with an object of 1.5 KB, having read what was sent. */
async function serveBare(directory: string): Promise<void> {
  const { pki, target } = await credentialsIn(directory);
  const answer = configMap('bare');
  const server = createSecureServer({
    allowHTTP1: true,
    cert: readFileSync(pki.paths.serverCertificate),
    key: readFileSync(pki.paths.serverKey),
    ca: readFileSync(pki.paths.caCertificate),
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('request', (request, response) => {
    if (request.httpVersionMajor !== 1) return;
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
      response.end(answer);
    });
  });
  server.removeAllListeners('stream');
  server.on('stream', (stream, _headers, flags) => {
    const respond = () => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(answer);
    };
    if ((flags & 1) !== 0) respond();
    else stream.resume().on('end', respond);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await served({ port: (server.address() as AddressInfo).port, ...target });
  process.exit(0);
}

const [mode, directory] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename)
  await (mode === '--bare' ? serveBare(directory!) : serveApi(directory!));
