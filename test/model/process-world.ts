import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type Collection,
  Cut,
  contentType,
  furnish,
  isLeaving,
  type Json,
  jsonLines,
  pathOf,
  Refused,
  type States,
  stateOf,
  type World,
} from './world.ts';

const PROGRAM = join(import.meta.dirname, 'server-process.ts');

/** The server in a process of its own, over HTTPS: it can be killed, and connections can break. */
export class ProcessWorld implements World {
  readonly #directory: string;
  readonly #sockets = new Set<Socket>();
  #child!: ChildProcess;
  #port = 0;
  #agent!: Agent;
  #ready: Promise<void> = Promise.resolve();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(): Promise<ProcessWorld> {
    const world = new ProcessWorld(await mkdtemp(join(tmpdir(), 'orrery-model-')));
    await world.#open();
    await furnish(world);
    return world;
  }

  async send(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, options: Json = {}) {
    const { status, text } = await this.#whole(method, url, options);
    const body = JSON.parse(text);
    if (isLeaving(status, body)) throw new Cut('the server goes');
    return { status, body };
  }

  async *watch(url: string, accept: string, signal: AbortSignal) {
    const response = await this.#response('GET', url, { accept, signal });
    try {
      if (response.statusCode !== 200) {
        const body = JSON.parse(await textOf(response));
        throw isLeaving(response.statusCode!, body)
          ? new Cut('the server goes')
          : new Refused(response.statusCode!, body);
      }
      yield* jsonLines(response);
    } catch (error) {
      if (error instanceof Refused || error instanceof SyntaxError) throw error;
      throw new Cut('the watch broke', { cause: error });
    } finally {
      response.destroy();
    }
  }

  /** The server's own word at that revision: what it says later must agree with it. */
  async truth(collection: Collection, revision: number | 'now'): Promise<States | undefined> {
    const exact = revision === 'now' ? '' : `?resourceVersion=${revision}&resourceVersionMatch=Exact`;
    for (;;) {
      try {
        const { status, body } = await this.send('GET', `${pathOf(collection)}${exact}`);
        if (status === 410) return undefined;
        if (status !== 200) throw new Refused(status, body);
        return new Map(
          body.items.map((item: Json) => [`${item.metadata.namespace}/${item.metadata.name}`, stateOf(item)]),
        );
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async restart(how: 'clean' | 'kill'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ready = promise;
    await this.#end(how === 'kill' ? 'SIGKILL' : 'SIGTERM');
    await this.#open();
    resolve();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async compact(): Promise<void> {
    // It compacts by itself, by the fast clock.
  }

  async close(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.#directory, { recursive: true });
  }

  async #whole(method: string, url: string, options: Json): Promise<{ status: number; text: string }> {
    const response = await this.#response(method, url, options);
    try {
      return { status: response.statusCode!, text: await textOf(response) };
    } catch (error) {
      throw new Cut('the answer broke off', { cause: error });
    }
  }

  async #response(method: string, path: string, { accept, body, signal }: Json): Promise<IncomingMessage> {
    await this.#ready;
    return new Promise((resolve, reject) => {
      const sent = request({
        host: '127.0.0.1',
        port: this.#port,
        path,
        method,
        agent: this.#agent,
        headers: { 'content-type': contentType(method, body), ...(accept && { accept }) },
        ...(signal && { signal }),
      });
      sent.on('socket', (socket) => {
        if (this.#sockets.has(socket)) return;
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
      sent.on('error', (error) => reject(new Cut('no answer', { cause: error })));
      sent.on('response', resolve);
      sent.end(body && JSON.stringify(body));
    });
  }

  async #open(): Promise<void> {
    this.#child = spawn(process.execPath, [PROGRAM, this.#directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(this.#child.stdout!), 'line')) as [string];
    const { port, ca, certificate, key } = JSON.parse(line);
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, ca, cert: certificate, key });
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
    this.#agent.destroy();
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (!response.complete) throw new Error('incomplete');
  return Buffer.concat(chunks).toString();
}
