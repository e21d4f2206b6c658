import { rm } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { OrreryError } from '../base/index.ts';
import type { DataDirectory } from './data-directory.ts';
import type { SupervisorStatus } from './supervisor.ts';

/** The longest path a unix socket may have on Linux, unix(7). */
const SOCKET_PATH_LIMIT_BYTES = 107;

function socketPath(directory: DataDirectory): string {
  const path = join(directory.run, 'supervisor.sock');
  if (Buffer.byteLength(path) > SOCKET_PATH_LIMIT_BYTES) {
    throw new OrreryError(
      'DataDirectoryUnusable',
      `the path of data directory ${directory.root} is too long for a socket in it`,
      {
        hint: 'choose a shorter --data-dir',
      },
    );
  }
  return path;
}

/** How `orrery status` and `orrery down` reach the supervisor: HTTP on a unix socket only its user may open. */
export async function serveControl(
  directory: DataDirectory,
  handlers: { status(): SupervisorStatus; down(): void },
): Promise<Server> {
  const path = socketPath(directory);
  // The instance lock is held: whoever made this file is gone.
  await rm(path, { force: true });
  const server = createServer((message, response) => {
    const call = `${message.method} ${message.url}`;
    if (call === 'GET /status') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(handlers.status()));
    } else if (call === 'POST /down') {
      response.writeHead(202).end();
      handlers.down();
    } else response.writeHead(404).end();
  });
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  } finally {
    process.umask(umask);
  }
  return server;
}

/** @returns undefined when no supervisor runs on this directory. */
export async function callControl(
  directory: DataDirectory,
  method: 'GET' | 'POST',
  path: '/status' | '/down',
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socketPath(directory), method, path, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body)).on('error', reject);
    });
    call.on('timeout', () =>
      call.destroy(new OrreryError('SupervisorSilent', 'the supervisor does not answer')),
    );
    call.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else if (error.code === 'EACCES')
        reject(
          new OrreryError('NotPermitted', `${directory.root} belongs to another user`, {
            hint: 'run as that user or as root',
          }),
        );
      else reject(error);
    });
    call.end();
  });
}
