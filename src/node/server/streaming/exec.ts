import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { messageOf } from '../../../base/index.ts';
import type { ExecSession } from '../../../engine/index.ts';
import type { FoundContainer, FoundPod } from '../../pod-lookup.ts';
import { HttpFailure } from '../http-failure.ts';
import type { ServerContext } from '../server-context.ts';
import {
  type CommandOptions,
  type CommandSession,
  exitStatus,
  internalErrorStatus,
  parseCommandOptions,
  type TerminalSize,
} from './remote-command.ts';
import { openSpdyCommandSession } from './spdy-command-session.ts';
import { isSpdy, isWebSocket, type UpgradeRequest } from './upgrade.ts';
import { openWebSocketCommandSession } from './websocket-command-session.ts';

export interface CommandTarget {
  namespace: string;
  pod: string;
  uid?: string;
  container: string;
}

/** GET|POST /exec/{namespace}/{pod}[/{uid}]/{container} */
export async function serveExec(
  context: ServerContext,
  target: CommandTarget,
  query: URLSearchParams,
  upgrade: UpgradeRequest,
): Promise<void> {
  const command = query.getAll('command');
  if (command.length === 0) throw new HttpFailure(400, 'you must specify at least 1 command');
  const options = commandOptions(query);
  const { engineId } = runningContainer(findPod(context, target), target.container);
  const session = await openCommandSession(context, options, upgrade);
  if (session === undefined) return;
  const size = new LastSize(session);
  try {
    const exec = await context.engine.exec(engineId, { command, tty: options.tty, stdin: options.stdin });
    size.follow((columns, rows) => exec.resize(columns, rows));
    await runExec(session, exec, context);
  } catch (error) {
    context.log.warn('exec failed', { pod: target.pod, container: target.container, error });
    session.stdout?.end();
    session.stderr?.end();
    await session.sendStatus(
      internalErrorStatus(`error executing command in container: ${messageOf(error)}`),
    );
  }
  session.end();
}

/** The client says its size at once, which may be before there is a terminal. */
export class LastSize {
  #last: TerminalSize | undefined;
  #resize: ((columns: number, rows: number) => void) | undefined;

  constructor(session: CommandSession) {
    session.onResize((size) => {
      this.#last = size;
      this.#resize?.(size.columns, size.rows);
    });
  }

  follow(resize: (columns: number, rows: number) => void): void {
    this.#resize = resize;
    if (this.#last !== undefined) resize(this.#last.columns, this.#last.rows);
  }
}

async function runExec(session: CommandSession, exec: ExecSession, context: ServerContext): Promise<void> {
  const gone = new AbortController();
  void session.closed.then(() => {
    gone.abort();
    exec.kill();
  });
  if (session.stdin !== undefined && exec.stdin !== undefined)
    // A terminal stands until the command ends: its end of input is a character, not a closed stream.
    feed(session.stdin, exec.stdin, { end: exec.stderr !== undefined });
  const [exitCode] = await Promise.all([
    exec.exit,
    copyOutput(exec.stdout, session.stdout),
    exec.stderr && copyOutput(exec.stderr, session.stderr),
  ]);
  context.log.debug('exec ended', { exitCode });
  // Not destroyed: a reset would make the client report an error for input that came too late.
  session.stdin?.unpipe().resume();
  if (!gone.signal.aborted) await session.sendStatus(exitStatus(exitCode));
}

/** The client's input to the process, with its end. A process that does not read any more is no error. */
export function feed(from: Readable, to: Writable, options: { end: boolean }): void {
  to.on('error', () => from.resume());
  from.pipe(to, options);
}

/** Ends `to` when `from` has ended; a client that is gone lets the rest of `from` run dry. */
export async function copyOutput(from: Readable, to: Writable | undefined): Promise<void> {
  if (to === undefined) {
    from.resume();
    return;
  }
  // How a client goes is told by its session's `closed`; here it only means that nothing can be written.
  to.on('error', () => from.unpipe(to).resume());
  to.on('close', () => from.unpipe(to).resume());
  from.pipe(to, { end: false });
  await finished(from, { writable: false }).catch(() => undefined);
  if (to.destroyed) return;
  await new Promise<void>((resolve) => {
    to.once('close', resolve);
    to.end(() => resolve());
  });
}

export function commandOptions(query: URLSearchParams): CommandOptions {
  const options = parseCommandOptions(query);
  if (typeof options === 'string') throw new HttpFailure(400, options);
  return options;
}

export async function openCommandSession(
  context: ServerContext,
  options: CommandOptions,
  upgrade: UpgradeRequest,
): Promise<CommandSession | undefined> {
  if (isSpdy(upgrade.request)) return openSpdyCommandSession(upgrade, options, context);
  if (isWebSocket(upgrade.request)) return openWebSocketCommandSession(upgrade, options);
  throw new HttpFailure(400, 'Upgrade request required');
}

export function findPod(context: ServerContext, target: Omit<CommandTarget, 'container'>): FoundPod {
  const found = context.pods.find(target.namespace, target.pod, target.uid);
  if (found === undefined) throw new HttpFailure(404, 'pod does not exist');
  return found;
}

export function runningContainer(pod: FoundPod, name: string): FoundContainer & { engineId: string } {
  const container = pod.containers.find((candidate) => candidate.name === name);
  if (container?.engineId === undefined || container.state !== 'running')
    throw new HttpFailure(500, `container not found ("${name}")`);
  return { ...container, engineId: container.engineId };
}
