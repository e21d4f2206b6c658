import { Readable, Writable } from 'node:stream';
import { WebSocket } from 'ws';
import type { metav1 } from '../../../kube/index.ts';
import {
  type CommandOptions,
  type CommandSession,
  ResizeParser,
  type TerminalSize,
} from './remote-command.ts';
import type { UpgradeRequest } from './upgrade.ts';
import { acceptWebSocket } from './websocket.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** v5: the channel named by the next byte is at its end. */
const CLOSE = 255;
const PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];
/** A client that gets no pong for a minute gives up; while we do not read, we send them unasked. */
const PONG_INTERVAL_MS = 10_000;

/**
 * Exec or attach over WebSocket: each message is a channel number and data.
 *
 * @see https://kubernetes.io/docs/reference/using-api/ (WebSocket), KEP-4006
 */
export async function openWebSocketCommandSession(
  upgrade: UpgradeRequest,
  options: CommandOptions,
): Promise<CommandSession> {
  const socket = await acceptWebSocket(upgrade, PROTOCOLS);
  const channels = new Channels(socket);
  const stdin = options.stdin ? channels.readable(STDIN) : undefined;
  const stdout = options.stdout ? channels.writable(STDOUT) : undefined;
  const stderr = options.stderr ? channels.writable(STDERR) : undefined;
  const structured = socket.protocol.startsWith('v');
  // Tells the client that the connection stands.
  void channels.send(options.stdout ? STDOUT : options.stderr ? STDERR : ERROR, Buffer.alloc(0));
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    closed: channels.closed,
    onResize: (listener: (size: TerminalSize) => void) => {
      const parser = new ResizeParser(listener);
      channels.onMessage(RESIZE, (data) => parser.feed(data));
    },
    sendStatus: async (status: metav1.Status) => {
      const failed = status.status !== 'Success';
      if (!structured && !failed) return;
      await channels.send(ERROR, Buffer.from(structured ? JSON.stringify(status) : (status.message ?? '')));
    },
    end: () => socket.close(1000),
  };
}

/** The channels of one WebSocket connection, in both directions with back-pressure. */
export class Channels {
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #base64: boolean;
  readonly #canClose: boolean;
  readonly #listeners = new Map<number, (data: Buffer) => void>();
  readonly #readables = new Map<number, Readable>();
  readonly #full = new Set<number>();
  #pongs: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#base64 = socket.protocol.includes('base64');
    this.#canClose = socket.protocol.startsWith('v5');
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on('message', (data: Buffer) => this.#receive(data));
    // Its 'close' follows.
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      clearInterval(this.#pongs);
      for (const readable of this.#readables.values()) readable.destroy();
      resolve();
    });
  }

  onMessage(channel: number, listener: (data: Buffer) => void): void {
    this.#listeners.set(channel, listener);
  }

  readable(channel: number): Readable {
    const readable = new Readable({
      highWaterMark: 256 * 1024,
      read: () => {
        if (this.#full.delete(channel) && this.#full.size === 0) this.#resume();
      },
    });
    this.#readables.set(channel, readable);
    this.#listeners.set(channel, (data) => {
      if (readable.readableEnded || readable.destroyed || data.length === 0) return;
      if (!readable.push(data)) {
        this.#full.add(channel);
        this.#pause();
      }
    });
    return readable;
  }

  writable(channel: number): Writable {
    return new Writable({
      highWaterMark: 256 * 1024,
      write: (chunk: Buffer, _encoding, callback) => {
        this.send(channel, chunk).then(() => callback(), callback);
      },
    });
  }

  /** Resolves when the connection took it, or is gone. */
  send(channel: number, data: Buffer): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve();
    const message = this.#base64
      ? `${channel}${data.toString('base64')}`
      : Buffer.concat([Buffer.from([channel]), data]);
    return new Promise((resolve) => this.#socket.send(message, () => resolve()));
  }

  #receive(message: Buffer): void {
    if (message.length === 0) return;
    if (this.#base64) {
      const data = Buffer.from(message.toString('latin1', 1), 'base64');
      this.#listeners.get(message[0]! - 0x30)?.(data);
      return;
    }
    if (this.#canClose && message[0] === CLOSE) {
      const readable = this.#readables.get(message[1] ?? CLOSE);
      if (readable !== undefined && !readable.readableEnded) readable.push(null);
      return;
    }
    this.#listeners.get(message[0]!)?.(message.subarray(1));
  }

  #pause(): void {
    this.#socket.pause();
    this.#pongs ??= setInterval(() => this.#socket.pong(), PONG_INTERVAL_MS).unref();
  }

  #resume(): void {
    clearInterval(this.#pongs);
    this.#pongs = undefined;
    this.#socket.resume();
  }
}
