import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { OrreryError } from '../base/index.ts';
import type { DataDirectory } from './data-directory.ts';
import type { SupervisorStatus } from './supervisor.ts';

/** The longest path a unix socket may have on Linux, unix(7). */
const SOCKET_PATH_LIMIT_BYTES = 107;
const REQUEST_LIMIT_BYTES = 64;
const ANSWER_TIMEOUT_MS = 10_000;

export type ControlRequest = 'status' | 'down';

function socketPath(directory: DataDirectory): string {
  const path = join(directory.run, 'supervisor.sock');
  if (Buffer.byteLength(path) > SOCKET_PATH_LIMIT_BYTES) {
    throw new OrreryError(
      'DataDirectoryUnusable',
      `the path of data directory ${directory.root} is too long for a socket in it`,
      { hint: 'choose a shorter --data-dir' },
    );
  }
  return path;
}

/**
 * How `orrery status` and `orrery down` reach the supervisor: a unix socket only its user may open. One line
 * asks, one line of JSON answers. (HTTP would cost the supervisor a third of its memory.)
 */
export async function serveControl(
  directory: DataDirectory,
  handlers: { status(): SupervisorStatus; down(): void },
): Promise<Server> {
  const path = socketPath(directory);
  // The instance lock is held: whoever made this file is gone.
  await rm(path, { force: true });
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > REQUEST_LIMIT_BYTES) socket.destroy();
      else if (text.endsWith('\n')) answer(socket, text.trimEnd(), handlers);
    });
    // The asking side may leave at any time.
    socket.on('error', () => socket.destroy());
  });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  } finally {
    process.umask(umask);
  }
  return server;
}

function answer(
  socket: Socket,
  request: string,
  handlers: { status(): SupervisorStatus; down(): void },
): void {
  if (request === 'status') socket.end(`${JSON.stringify(handlers.status())}\n`);
  else if (request === 'down') {
    socket.end('{}\n');
    handlers.down();
  } else socket.destroy();
}

/** @returns the answer's JSON, or undefined when no supervisor runs on this directory. */
export async function callControl(
  directory: DataDirectory,
  request: ControlRequest,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath(directory), () => socket.write(`${request}\n`));
    let text = '';
    const silent = () => new OrreryError('SupervisorSilent', 'the supervisor does not answer');
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(silent()));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('close', (failed) => {
      if (failed) return;
      if (text.startsWith('{') && text.endsWith('\n')) resolve(text);
      else if (text === '') reject(silent());
      else reject(otherVersion(directory));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else if (error.code === 'EACCES')
        reject(
          new OrreryError('NotPermitted', `${directory.root} belongs to another user`, {
            hint: 'run as that user or as root',
            cause: error,
          }),
        );
      else reject(error);
    });
  });
}

function otherVersion(directory: DataDirectory): OrreryError {
  return new OrreryError(
    'SupervisorSilent',
    `the supervisor on ${directory.root} is of another version: its answer is not understood`,
    { hint: `use the 'orrery' it was started with, or end it with kill; containers keep running` },
  );
}
