import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';

const KILLS = 10;
const WRITERS = 32;
const script = join(import.meta.dirname, 'apiserver-process.ts');

interface Answer {
  status: number;
  object: { metadata: { name: string; resourceVersion: string; uid: string }; [field: string]: unknown };
}

const running = new Set<Killable>();

afterEach(async () => {
  for (const server of running) await server.kill();
});

/** The server's process and a connection to it. */
class Killable {
  readonly #child: ChildProcess;
  readonly #session: ClientHttp2Session;

  private constructor(child: ChildProcess, session: ClientHttp2Session) {
    this.#child = child;
    this.#session = session;
    running.add(this);
  }

  static async start(directory: string): Promise<Killable> {
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
    const { port, ca, certificate, key } = JSON.parse(line);
    const session = connect(`https://127.0.0.1:${port}`, { ca, cert: certificate, key });
    session.on('error', () => undefined); // it is killed under us: requests tell
    return new Killable(child, session);
  }

  /** Undefined when the server died before it had answered. */
  request(method: string, path: string, body?: object): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      if (this.#session.closed || this.#session.destroyed) return resolve(undefined);
      const stream = this.#session.request({
        ':method': method,
        ':path': path,
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      });
      let status = 0;
      const chunks: Buffer[] = [];
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => resolve(undefined));
      stream.on('close', () => resolve(undefined));
      stream.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        // A connection cut in the middle of an answer is no acknowledgement.
        const whole = status !== 0 && text.trimEnd().endsWith('}');
        resolve(whole ? { status, object: JSON.parse(text) } : undefined);
      });
      stream.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async kill(): Promise<void> {
    running.delete(this);
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
    this.#session.destroy();
  }
}

const NAMESPACE = '/api/v1/namespaces/default';

/** The last thing the server acknowledged about an object: its state, or that it is gone. */
type Known = { value: string; resourceVersion: number; uid: string } | 'deleted';

/** Creates, changes and deletes its own objects, one request at a time, until the server is gone. */
async function write(
  server: Killable,
  writer: string,
  known: Map<string, Known>,
  unsure: Set<string>,
): Promise<void> {
  for (let n = 0; ; n++) {
    const name = `${writer}-${n % 10}`;
    const path = `${NAMESPACE}/configmaps/${name}`;
    const value = `${writer}.${n}.${Math.random()}`;
    const before = known.get(name);
    unsure.add(name);
    let answer: Answer | undefined;
    if (before === undefined || before === 'deleted')
      answer = await server.request('POST', `${NAMESPACE}/configmaps`, {
        metadata: { name },
        data: { value },
      });
    else if (n % 7 === 0) answer = await server.request('DELETE', path);
    else answer = await server.request('PATCH', path, { data: { value } });
    if (answer === undefined) return;
    expect(answer.status, JSON.stringify(answer.object)).toBeLessThan(300);
    unsure.delete(name);
    const { metadata, kind } = answer.object;
    if (kind === 'Status') known.set(name, 'deleted');
    else known.set(name, { value, resourceVersion: Number(metadata.resourceVersion), uid: metadata.uid });
  }
}

test('every acknowledged object is there after the server was killed under concurrent writes, ten times', {
  timeout: 240_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orrery-api-crash-'));
  const known = new Map<string, Known>();
  let acknowledged = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await Killable.start(directory);
      const unsure = new Set<string>();
      const writing = Promise.all(
        Array.from({ length: WRITERS }, (_, writer) => write(server, `k${kill}w${writer}`, known, unsure)),
      );
      await sleep(100 + Math.random() * 400);
      await server.kill();
      await writing;
      // What was under way at the kill may or may not have happened: nobody was told.
      for (const name of unsure) known.delete(name);

      const restarted = await Killable.start(directory);
      const list = (await restarted.request('GET', `${NAMESPACE}/configmaps`))!;
      const items = list.object.items as {
        metadata: Answer['object']['metadata'];
        data?: { value?: string };
      }[];
      const stored = new Map(items.map((item) => [item.metadata.name, item]));
      for (const [name, state] of known) {
        const found = stored.get(name);
        if (state === 'deleted') expect(found, `${name} came back`).toBeUndefined();
        else {
          expect(found?.data?.value, name).toBe(state.value);
          expect(found?.metadata.uid).toBe(state.uid);
          expect(Number(found?.metadata.resourceVersion)).toBe(state.resourceVersion);
        }
      }
      acknowledged += known.size;
      await restarted.kill();
    }
    expect(acknowledged).toBeGreaterThan(KILLS * WRITERS);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('addresses and node ports stay unique when the server was killed while it gave them out', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orrery-api-crash-'));
  try {
    for (let kill = 0; kill < 4; kill++) {
      const server = await Killable.start(directory);
      let answered = 0;
      const underWay = new EventEmitter();
      const creating = Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          await server.request('POST', `${NAMESPACE}/services`, {
            metadata: { name: `s${kill}-${n}` },
            spec: { type: 'NodePort', ports: [{ port: 80 }] },
          });
          if (++answered === 40) underWay.emit('some');
        }),
      );
      await once(underWay, 'some');
      await server.kill();
      await creating;
    }
    const server = await Killable.start(directory);
    const list = (await server.request('GET', `${NAMESPACE}/services`))!;
    const specs = (
      list.object.items as { spec: { clusterIP: string; ports: { nodePort?: number }[] } }[]
    ).map(({ spec }) => spec);
    expect(specs.length).toBeGreaterThan(160);
    expect(new Set(specs.map(({ clusterIP }) => clusterIP)).size).toBe(specs.length);
    const ports = specs.flatMap((spec) => spec.ports.flatMap(({ nodePort }) => nodePort ?? []));
    expect(new Set(ports).size).toBe(ports.length);
    await server.kill();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
