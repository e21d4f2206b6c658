import { WebSocket, WebSocketServer } from 'ws';
import { BadRequest, Conflict, NotFound } from '../../base/index.ts';
import type { AttachSession } from '../../engine/index.ts';
import type { ContainerInspect } from '../../libpod/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { MULTIPLEXED_STREAM, RAW_STREAM } from '../http/frames.ts';
import type { Handler } from '../http/http-server.ts';
import { Refusal } from '../http/refusal.ts';
import type { Route } from '../http/router.ts';
import { isRunning } from './container-shapes.ts';
import { detachKeys, parseDetachKeys } from './detach-keys.ts';
import { logChunks } from './log-chunks.ts';
import { carrySession } from './stream-session.ts';

/** Terminals that clients of this server are attached to: a new size goes to them. */
class Terminals {
  readonly #byContainer = new Map<string, Set<AttachSession>>();

  add(id: string, session: AttachSession): void {
    const sessions = this.#byContainer.get(id) ?? new Set();
    this.#byContainer.set(id, sessions.add(session));
  }

  delete(id: string, session: AttachSession): void {
    const sessions = this.#byContainer.get(id);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#byContainer.delete(id);
  }

  anyOf(id: string): AttachSession | undefined {
    return this.#byContainer.get(id)?.values().next().value;
  }
}

/** Attaching to a container's first process, and its terminal's size. */
export function attachRoutes(context: ApiContext): Route<Handler>[] {
  const terminals = new Terminals();
  return [
    {
      method: 'POST',
      path: '/containers/{name}/attach',
      handler: (x) => attach(context, terminals, x),
    },
    {
      method: 'GET',
      path: '/containers/{name}/attach/ws',
      handler: (x) => attachWebSocket(context, terminals, x),
    },
    {
      method: 'POST',
      path: '/containers/{name}/resize',
      handler: (x) => resize(context, terminals, x),
    },
  ];
}

async function attach(context: ApiContext, terminals: Terminals, x: Exchange): Promise<void> {
  const { containers } = context.libpod;
  const keys = parseDetachKeys(x.text('detachKeys'));
  const one = await attachable(context, x);
  const wanted = { stream: x.flag('stream'), logs: x.flag('logs') };
  if (!wanted.stream && !wanted.logs)
    throw new BadRequest('Either the stream or logs parameter must be true');
  const tty = one.config.Tty === true;
  const session = wanted.stream ? await joined(context, one) : undefined;
  if (session === 'cannot start') {
    // The client asks to start it next, and is told then; attaching to it is no error.
    return x.hijack(RAW_STREAM).close();
  }
  if (session !== undefined) terminals.add(one.id, session);
  try {
    const connection = x.hijack(!tty && x.isAtLeast('1.42') ? MULTIPLEXED_STREAM : RAW_STREAM);
    if (wanted.logs) {
      const lines = containers.logs(one.id, { signal: x.signal });
      const options = {
        tty,
        timestamps: false,
        stdout: x.flag('stdout', true),
        stderr: x.flag('stderr', true),
      };
      for await (const chunk of logChunks(lines, options)) connection.output.write(chunk);
    }
    if (session !== undefined) {
      const how = await carrySession(connection, chosen(x, session), {
        raw: tty,
        detachKeys: tty ? keys : [],
      });
      if (how === 'detached') await tellDetached(context, one);
    }
    connection.close();
  } finally {
    if (session !== undefined) await leave(context, terminals, one.id, session);
  }
}

/**
 * Who attached before the start is the one to clear up after the end, if it has come; else that goes back to the
 * container's monitor.
 */
async function leave(
  { libpod }: ApiContext,
  terminals: Terminals,
  id: string,
  session: AttachSession,
): Promise<void> {
  terminals.delete(id, session);
  session.close();
  try {
    await libpod.containers.cleanup(id);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}

/** What did not start yet is made ready to start by this, which may be what cannot be done. */
async function joined(
  { libpod, log }: ApiContext,
  one: ContainerInspect,
): Promise<AttachSession | 'cannot start'> {
  try {
    return await libpod.containers.attach(one.id);
  } catch (error) {
    if (isRunning(one.status)) throw error;
    log.debug('a container cannot be made ready to start', { container: one.id, error });
    return 'cannot start';
  }
}

async function attachable(context: ApiContext, x: Exchange): Promise<ContainerInspect> {
  const one = await context.libpod.containers.inspect(x.name());
  if (one.status === 'paused')
    throw new Conflict(`container ${x.name()} is paused, unpause the container before attach`);
  if (one.status === 'restarting')
    throw new Conflict(`container ${x.name()} is restarting, wait until the container is running`);
  return one;
}

/** Of a session, what the client asked for; what it did not ask for is read and dropped. */
function chosen(x: Exchange, session: AttachSession) {
  const [stdin, stdout, stderr] = ['stdin', 'stdout', 'stderr'].map((key) => x.flag(key));
  if (!stdout) session.stdout.resume();
  if (!stderr) session.stderr?.resume();
  return {
    ...(stdin && session.stdin !== undefined && { stdin: session.stdin }),
    ...(stdout && { stdout: session.stdout }),
    ...(stderr && session.stderr !== undefined && { stderr: session.stderr }),
    // With neither the connection stays until the container ends.
    ...(!stdout && !stderr && { stdout: session.stdout }),
  };
}

async function tellDetached({ libpod }: ApiContext, one: ContainerInspect): Promise<void> {
  await libpod.events.append({
    ...{ Type: 'container', Status: 'detach', ID: one.id, Name: one.name, Image: one.image },
  });
}

/** Each message is output, or input, as it is: a web page's terminal has no frames. */
async function attachWebSocket(context: ApiContext, terminals: Terminals, x: Exchange): Promise<void> {
  const keys = parseDetachKeys(x.text('detachKeys'));
  const one = await attachable(context, x);
  if (x.request.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new BadRequest('this path speaks WebSocket only');
  const session = await context.libpod.containers.attach(one.id);
  terminals.add(one.id, session);
  try {
    await carryWebSocket(x, session, one.config.Tty === true ? keys : []);
  } finally {
    await leave(context, terminals, one.id, session);
  }
}

async function carryWebSocket(x: Exchange, session: AttachSession, keys: readonly number[]): Promise<void> {
  const socket = x.takeSocket();
  const server = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
  const client = await new Promise<WebSocket>((resolve) =>
    server.handleUpgrade(x.request, socket, Buffer.alloc(0), resolve),
  );
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  // A frame that is none ends the connection: 'close' follows.
  client.on('error', () => client.terminate());
  const leaveClient = (): void => client.close();
  const keyed = keys.length > 0 && session.stdin !== undefined ? detachKeys(keys, leaveClient) : undefined;
  if (session.stdin !== undefined) keyed?.pipe(session.stdin);
  const input = keyed ?? session.stdin;
  client.on('message', (data: Buffer) => {
    if (input !== undefined && x.flag('stdin', true)) input.write(data);
  });
  const send = async (stream: AsyncIterable<Buffer> | undefined): Promise<void> => {
    for await (const chunk of stream ?? []) {
      if (client.readyState !== WebSocket.OPEN) return;
      await new Promise<void>((resolve) => client.send(chunk, () => resolve()));
    }
  };
  await Promise.race([Promise.all([send(session.stdout), send(session.stderr)]), closed]);
  client.close();
  await closed;
}

async function resize({ libpod, log }: ApiContext, terminals: Terminals, x: Exchange): Promise<void> {
  const [columns, rows] = sizeOf(x);
  const one = await libpod.containers.inspect(x.name());
  const known = terminals.anyOf(one.id);
  if (!isRunning(one.status) && known === undefined) throw new Conflict(`container ${one.id} is not running`);
  if (known !== undefined) {
    known.resize(columns, rows);
    return x.done(200);
  }
  if (one.config.StdinOnce === true) {
    // Joining and leaving would end its input.
    log.debug('a terminal that another process holds keeps its size', { container: one.id });
    throw new Refusal(409, `the terminal of container ${one.id} is held by another process`);
  }
  const session = await libpod.containers.attach(one.id);
  try {
    session.resize(columns, rows);
  } finally {
    session.close();
  }
  x.done(200);
}

/** @throws BadRequest */
export function sizeOf(x: Exchange): [columns: number, rows: number] {
  const [columns, rows] = [x.integer('w'), x.integer('h')];
  for (const [key, value] of [
    ['w', columns],
    ['h', rows],
  ] as const) {
    if (value === undefined || value < 0 || value > 65_535)
      throw new BadRequest(`invalid terminal size: ${key}=${value ?? ''}`);
  }
  return [columns!, rows!];
}
