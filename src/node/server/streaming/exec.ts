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
} from './remote-command.ts';
import { openSpdyCommandSession } from './spdy-command-session.ts';
import { isSpdy, isWebSocket, type UpgradeRequest } from './upgrade.ts';
import { openWebSocketCommandSession } from './websocket-command-session.ts';

/**
 * A process that the command left behind may hold its output open: this long without a byte after the
 * command's exit ends the session all the same.
 */
const LINGER_MS = 1000;

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
  try {
    const exec = await context.engine.exec(engineId, { command, tty: options.tty, stdin: options.stdin });
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

async function runExec(session: CommandSession, exec: ExecSession, context: ServerContext): Promise<void> {
  const gone = new AbortController();
  void session.closed.then(() => {
    gone.abort();
    exec.kill();
  });
  session.onResize(({ columns, rows }) => exec.resize(columns, rows));
  if (session.stdin !== undefined && exec.stdin !== undefined) feed(session.stdin, exec.stdin);
  const exited = new AbortController();
  const outputs = Promise.all([
    copyOutput(exec.stdout, session.stdout, exited.signal),
    exec.stderr && copyOutput(exec.stderr, session.stderr, exited.signal),
  ]);
  const exitCode = await exec.exit;
  context.log.debug('exec ended', { exitCode });
  exited.abort();
  await outputs;
  // Not destroyed: a reset would make the client report an error for input that came too late.
  session.stdin?.unpipe().resume();
  if (!gone.signal.aborted) await session.sendStatus(exitStatus(exitCode));
}

/** The client's input to the process, with its end. A process that does not read any more is no error. */
function feed(from: Readable, to: Writable): void {
  to.on('error', () => from.resume());
  from.on('error', () => to.end());
  from.pipe(to);
}

/** Ends with `from`; after `exited`, also when it stays silent. Then ends `to`. */
export async function copyOutput(
  from: Readable,
  to: Writable | undefined,
  exited: AbortSignal,
): Promise<void> {
  if (to === undefined) {
    from.resume();
    return;
  }
  // A client that is gone shows as `closed`; here it only means that nothing more can be written.
  to.on('error', () => undefined);
  from.on('error', () => from.destroy());
  let lastByteAt = performance.now();
  from.on('data', (chunk: Buffer) => {
    lastByteAt = performance.now();
    if (to.destroyed || to.write(chunk)) return;
    from.pause();
  });
  to.on('drain', () => {
    lastByteAt = performance.now();
    from.resume();
  });
  const linger = setInterval(() => {
    const silent = exited.aborted && !from.isPaused() && performance.now() - lastByteAt > LINGER_MS;
    if (silent) from.destroy();
  }, LINGER_MS / 4);
  try {
    await Promise.race([finished(from).catch(() => undefined), closeOf(to)]);
  } finally {
    clearInterval(linger);
    from.resume();
  }
  if (to.destroyed) return;
  await new Promise<void>((resolve) => {
    to.once('close', resolve);
    to.end(() => resolve());
  });
}

function closeOf(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.once('close', resolve);
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
