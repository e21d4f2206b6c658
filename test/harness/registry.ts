import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provideReflectMetadata } from '../../src/apiserver/pki/reflect-metadata.ts';
import { freePort } from './cloud.ts';
import { findDebianProgram } from './debian-program.ts';

export const USER = 'tester';
export const PASSWORD = 'secret';
/** bcrypt of the password, as htpasswd writes it. */
const HASH = '$2y$04$NkTBKC99sRVtp9GCNGCq5uIXxcysUgUrO4Y0qufdeUIZEEldqUjA6';
const START_MS = 20_000;

export interface Registry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** Ends it and removes what it had. */
  stop(): Promise<void>;
}

/** Debian's docker-registry on loopback: plain HTTP, open, or with a password, or with a token service. */
export async function startRegistry(authentication: 'none' | 'basic' | 'token' = 'none'): Promise<Registry> {
  const program = await findDebianProgram('docker-registry', 'docker-registry');
  const home = mkdtempSync(join(tmpdir(), 'orrery-registry-'));
  const port = await freePort();
  const tokens = authentication === 'token' ? await startTokenService(home) : undefined;
  const config: Record<string, unknown> = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(home, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  };
  if (authentication === 'basic') {
    writeFileSync(join(home, 'htpasswd'), `${USER}:${HASH}\n`);
    config.auth = { htpasswd: { realm: 'test', path: join(home, 'htpasswd') } };
  }
  if (tokens !== undefined) config.auth = { token: tokens.settings };
  writeFileSync(join(home, 'config.yml'), JSON.stringify(config));
  const child = spawn(program, ['serve', join(home, 'config.yml')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async () => {
    await kill(child);
    tokens?.server.close();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await listening(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: `127.0.0.1:${port}`, stop };
}

async function listening(child: ChildProcess): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`docker-registry does not start:\n${said}`)), START_MS);
    const hear = (chunk: Buffer) => {
      said = (said + chunk).slice(-8000);
      if (!said.includes('listening on')) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout!.on('data', hear);
    child.stderr!.on('data', hear);
    child.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`docker-registry ended:\n${said}`));
    });
  });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

/** Docker's token service: gives what is asked for to whom has the password, reading to all. */
async function startTokenService(home: string): Promise<{ server: Server; settings: object }> {
  provideReflectMetadata();
  const { X509CertificateGenerator, cryptoProvider } = await import('@peculiar/x509');
  const { SignJWT } = await import('jose');
  cryptoProvider.set(globalThis.crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=tokens',
    keys,
    signingAlgorithm: algorithm,
  });
  writeFileSync(join(home, 'tokens.pem'), certificate.toString('pem'));
  const server = createServer(async (incoming, answer) => {
    const url = new URL(incoming.url ?? '', 'http://tokens');
    const given = Buffer.from(
      incoming.headers.authorization?.replace('Basic ', '') ?? '',
      'base64',
    ).toString();
    if (given !== '' && given !== `${USER}:${PASSWORD}`) return void answer.writeHead(401).end('{}');
    const access = url.searchParams.getAll('scope').map((scope) => {
      const [type, name, actions] = scope.split(':');
      return { type, name, actions: given === '' ? ['pull'] : actions!.split(',') };
    });
    const token = await new SignJWT({ access, jti: String(Math.random()) })
      .setProtectedHeader({ alg: 'ES256', x5c: [Buffer.from(certificate.rawData).toString('base64')] })
      .setIssuer('tokens')
      .setAudience('registry')
      .setSubject(USER)
      .setIssuedAt()
      .setNotBefore('-1m')
      .setExpirationTime('5m')
      .sign(keys.privateKey);
    answer.end(JSON.stringify({ token }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const settings = {
    realm: `http://127.0.0.1:${port}/token`,
    service: 'registry',
    issuer: 'tokens',
    rootcertbundle: join(home, 'tokens.pem'),
  };
  return { server, settings };
}

/** What goes wrong on the way: returns true when it has answered itself. */
export type Fault = (incoming: IncomingMessage, answer: ServerResponse, pass: () => void) => void;

export interface FaultyRegistry {
  readonly host: string;
  /** For the requests from now on. */
  fault: Fault;
  /** Method and path of every request, oldest first. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** A proxy before a registry that drops, lies and waits as the test says. */
export async function startFaultyRegistry(registry: string): Promise<FaultyRegistry> {
  const requests: string[] = [];
  const server = createServer((incoming, answer) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    faulty.fault(incoming, answer, () => forward(registry, incoming, answer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const faulty: FaultyRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: (_incoming, _answer, pass) => pass(),
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return faulty;
}

/** Asks the registry; `use` gets its answer instead of the client. */
export function forward(
  registry: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  use?: (real: IncomingMessage) => void,
): void {
  const [hostname, port] = registry.split(':');
  const { host: _own, ...headers } = incoming.headers;
  const outgoing = request(
    { hostname, port, method: incoming.method, path: incoming.url, headers: { ...headers, host: registry } },
    (real) => {
      if (use !== undefined) return use(real);
      const location = real.headers.location?.replace(registry, String(incoming.headers.host));
      answer.writeHead(real.statusCode!, { ...real.headers, ...(location && { location }) });
      real.pipe(answer);
    },
  );
  outgoing.on('error', () => answer.destroy());
  incoming.pipe(outgoing);
}
