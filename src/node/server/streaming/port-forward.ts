import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream } from 'ws';
import { messageOf } from '../../../base/index.ts';
import type { FoundPod } from '../../pod-lookup.ts';
import { HttpFailure } from '../http-failure.ts';
import type { ServerContext } from '../server-context.ts';
import { SpdyConnection, type SpdyStream } from '../spdy/index.ts';
import { type CommandTarget, findPod } from './exec.ts';
import { isSpdy, isWebSocket, negotiate, switchToSpdy, type UpgradeRequest } from './upgrade.ts';
import { acceptWebSocket } from './websocket.ts';
import { Channels } from './websocket-command-session.ts';

const PROTOCOL = 'portforward.k8s.io';
const TUNNEL = `SPDY/3.1+${PROTOCOL}`;
const CHANNEL_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
const PAIR_TIMEOUT_MS = 30_000;
/** Pairs of which one half has come. */
const MAX_HALF_PAIRS = 256;

/** GET|POST /portForward/{namespace}/{pod}[/{uid}] */
export async function servePortForward(
  context: ServerContext,
  target: Omit<CommandTarget, 'container'>,
  query: URLSearchParams,
  upgrade: UpgradeRequest,
): Promise<void> {
  const forwarder = new Forwarder(context, findPod(context, target));
  const { request } = upgrade;
  if (isSpdy(request)) {
    switchToSpdy(upgrade, negotiate(request, [PROTOCOL]));
    return serveStreams(context, forwarder, upgrade.socket);
  }
  if (!isWebSocket(request)) throw new HttpFailure(400, 'Upgrade request required');
  const tunnelled = (request.headers['sec-websocket-protocol'] ?? '').includes('SPDY/3.1+');
  if (!tunnelled) return serveChannels(forwarder, parsePorts(query), upgrade);
  const socket = await acceptWebSocket(upgrade, [TUNNEL]);
  const tunnel = createWebSocketStream(socket, { highWaterMark: 256 * 1024 });
  return serveStreams(context, forwarder, tunnel);
}

/** Opens connections to one pod. */
class Forwarder {
  readonly #context: ServerContext;
  readonly #pod: FoundPod;

  constructor(context: ServerContext, pod: FoundPod) {
    this.#context = context;
    this.#pod = pod;
  }

  /** Carries bytes both ways until both are at their end. @returns why it could not, in kubelet's words. */
  async forward(port: number, client: Duplex): Promise<string | undefined> {
    let server: Duplex;
    try {
      server = await this.#connect(port);
    } catch (error) {
      const { name, uid } = this.#pod.pod.metadata;
      return `error forwarding port ${port} to pod ${name}, uid ${uid}: ${messageOf(error)}`;
    }
    // One side's failure is the other's close; each direction may end by itself.
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    await Promise.all([
      pipeline(client, server).catch(() => server.destroy()),
      pipeline(server, client).catch(() => client.destroy()),
    ]);
    return undefined;
  }

  async #connect(port: number): Promise<Duplex> {
    const path = this.#pod.networkNamespacePath;
    if (path === undefined) throw new Error('the pod has no network yet');
    if (path !== 'host') return this.#context.engine.networks.connect(path, port);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  }
}

/** A data and an error stream for each connection, paired by the header `requestID`. */
async function serveStreams(context: ServerContext, forwarder: Forwarder, transport: Duplex): Promise<void> {
  const halves = new Map<string, SpdyStream>();
  const connection = new SpdyConnection(transport, {
    role: 'server',
    log: context.log,
    accept: (stream) => {
      const port = parsePort(stream.header('port') ?? '');
      const type = stream.header('streamtype') ?? '';
      if (type !== 'data' && type !== 'error') throw new Error(`invalid stream type "${type}"`);
      const id = stream.header('requestid') ?? `${type === 'error' ? stream.id : stream.id - 2}`;
      const other = halves.get(id);
      if (other === undefined) {
        if (halves.size >= MAX_HALF_PAIRS) throw new Error('too many streams without their other half');
        halves.set(id, stream);
        const waiting = setTimeout(() => stream.destroy(), PAIR_TIMEOUT_MS).unref();
        stream.once('close', () => halves.get(id) === stream && halves.delete(id));
        stream.once('paired', () => clearTimeout(waiting));
        return;
      }
      if (other.header('streamtype') === type) throw new Error(`${type} stream already assigned`);
      halves.delete(id);
      other.emit('paired');
      const [data, error] = type === 'data' ? [stream, other] : [other, stream];
      void forwardPair(forwarder, port, data, error);
    },
  });
  await connection.closed;
}

async function forwardPair(
  forwarder: Forwarder,
  port: number,
  data: SpdyStream,
  error: SpdyStream,
): Promise<void> {
  error.resume();
  const failure = await forwarder.forward(port, data);
  if (failure !== undefined) {
    data.resume();
    data.end();
  }
  error.end(failure);
}

/** The older WebSocket form: channels 2n (data) and 2n + 1 (error) for the nth port of the query. */
async function serveChannels(forwarder: Forwarder, ports: number[], upgrade: UpgradeRequest): Promise<void> {
  const socket = await acceptWebSocket(upgrade, CHANNEL_PROTOCOLS);
  const channels = new Channels(socket);
  await Promise.all(
    ports.map(async (port, index) => {
      const number = Buffer.alloc(2);
      number.writeUInt16LE(port);
      await channels.send(index * 2, number);
      await channels.send(index * 2 + 1, number);
      const data = Duplex.from({
        readable: channels.readable(index * 2),
        writable: channels.writable(index * 2),
      });
      const failure = await forwarder.forward(port, data);
      if (failure !== undefined) await channels.send(index * 2 + 1, Buffer.from(failure));
    }),
  );
  socket.close(1000);
  await channels.closed;
}

function parsePorts(query: URLSearchParams): number[] {
  const texts = [...query.getAll('port'), ...query.getAll('ports')].flatMap((text) => text.split(','));
  if (texts.length === 0) throw new HttpFailure(400, 'query parameter "port" is required');
  return texts.map((text) => {
    try {
      return parsePort(text);
    } catch (error) {
      throw new HttpFailure(400, messageOf(error));
    }
  });
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(port) || port > 65_535) throw new Error(`unable to parse "${text}" as a port`);
  if (port < 1) throw new Error(`port "${text}" must be > 0`);
  return port;
}
