import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { WriteStream } from 'node:tty';
import { Conflict, messageOf, NotFound } from '../../../base/index.ts';
import { makeTerminalRaw } from '../../../engine/index.ts';
import type { ToolContext } from '../context.ts';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';

/** What an attached container and an exec session have in common. */
export interface Session {
  stdin?: Writable;
  stdout: Readable;
  stderr?: Readable;
  resize(columns: number, rows: number): void;
}

export interface JoinOptions {
  /** It has a terminal of its own: ours is set raw and keeps its size equal. */
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: string;
}

/**
 * Joins a session with our own standard streams until its output has ended, or the detach keys were typed.
 * Our terminal is as it was afterwards.
 */
export async function joinSession(
  session: Session,
  context: ToolContext,
  options: JoinOptions,
): Promise<'ended' | 'detached'> {
  const { stdin } = context;
  const restore = options.tty ? takeTerminal(session, context, options.stdin) : undefined;
  const { promise: detached, resolve: detach } = Promise.withResolvers<'detached'>();
  const input = options.stdin ? session.stdin : undefined;
  if (input !== undefined) {
    const keys = options.tty ? parseDetachKeys(options.detachKeys) : Buffer.alloc(0);
    void passInput(stdin, input, new DetachFilter(keys, () => detach('detached')));
  } else session.stdin?.end();
  const outputs = Promise.all([
    copy(session.stdout, options.stdout ? context.stdout : undefined),
    session.stderr && copy(session.stderr, options.stderr ? context.stderr : undefined),
  ]).then((): 'ended' => 'ended');
  try {
    return await Promise.race([outputs, detached]);
  } finally {
    restore?.();
    stdin.pause();
    stdin.unref?.();
  }
}

async function passInput(stdin: Readable, input: Writable, filter: DetachFilter): Promise<void> {
  try {
    await pipeline(stdin, filter, input);
  } catch (error) {
    // The process has ended, or closed its input; its output says the rest.
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'ENOTCONN', 'EIO'].includes(code)) throw error;
  }
}

async function copy(from: Readable, to: Writable | undefined): Promise<void> {
  if (to === undefined) from.resume();
  else from.pipe(to, { end: false });
  await finished(from, { writable: false });
  if (to !== undefined && to.writableLength > 0)
    await new Promise<void>((resolve) => to.write('', () => resolve()));
}

/** @returns what gives the terminal back */
function takeTerminal(session: Session, { stdin, stdout }: ToolContext, isRaw: boolean): () => void {
  const isTerminal = isRaw && stdin.isTTY === true;
  const resize = () => {
    const size = terminalSize(stdin, stdout);
    if (size !== undefined) session.resize(size.columns, size.rows);
  };
  if (isTerminal) {
    stdin.setRawMode(true);
    makeTerminalRaw(0);
  }
  resize();
  process.on('SIGWINCH', resize);
  return () => {
    process.off('SIGWINCH', resize);
    if (isTerminal) stdin.setRawMode(false);
  };
}

/** Of the terminal that is our input, else our output; undefined when neither is one. */
export function terminalSize(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
): { columns: number; rows: number } | undefined {
  if (stdin.isTTY !== true && stdout.isTTY !== true) return undefined;
  // Only output streams know how to ask for the size.
  const asked = stdin.isTTY === true ? new WriteStream(0) : stdout;
  const [columns, rows] = asked.getWindowSize();
  if (asked !== stdout) asked.destroy();
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/** After the detach keys: the container goes on, and with the process everything ends that waits for it here. */
export function leave(): never {
  process.exit(0);
}

/** The signals that docker's and podman's sig-proxy pass on. */
const PROXIED: readonly NodeJS.Signals[] = [
  ...(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGTERM'] as const),
  ...(['SIGCONT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGIO', 'SIGPWR', 'SIGVTALRM', 'SIGSYS'] as const),
];

/**
 * Hands the signals we get to `kill` instead of dying of them, once the container has `started`. When that fails the
 * container has ended, or cannot be reached: the signal is ours then, and so are all later ones; so is one more
 * signal before the start, which may hang. @returns what ends it
 */
export function proxySignals(
  kill: (signal: string) => Promise<void>,
  stderr: Writable,
  started: Promise<void> = Promise.resolve(),
): () => void {
  const handlers = new Map(PROXIED.map((signal) => [signal, () => void forward(signal)]));
  const stop = () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
  let waits = false;
  const forward = async (signal: NodeJS.Signals) => {
    try {
      if (waits) throw new Conflict('the container has not started yet');
      waits = true;
      await started;
      waits = false;
      await kill(signal);
    } catch (error) {
      stop();
      if (!(error instanceof Conflict) && !(error instanceof NotFound))
        stderr.write(`Error: forwarding signal ${signal}: ${messageOf(error)}\n`);
      process.kill(process.pid, signal);
    }
  };
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return stop;
}
