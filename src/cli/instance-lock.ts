import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { OrreryError, writeFileAtomic } from '../base/index.ts';
import type { DataDirectory } from './data-directory.ts';

/**
 * One supervisor a data directory. The lock is a bound name in Linux' abstract socket space: taking it is
 * atomic, and the kernel lets go of it when its holder dies, however it dies. The name holds a secret from
 * the data directory, so that nobody else can sit on it.
 *
 * @throws OrreryError `AlreadyRunning`
 */
export async function lockInstance(directory: DataDirectory): Promise<Server> {
  const name = `\0orrery-${await lockToken(directory)}`;
  const server = createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === 'EADDRINUSE' ? alreadyRunning(directory, cause) : cause),
    );
    server.listen({ path: name }, resolve);
  });
  return server;
}

function alreadyRunning(directory: DataDirectory, cause: unknown): OrreryError {
  return new OrreryError('AlreadyRunning', `Orrery is already running on ${directory.root}`, {
    hint: `see 'orrery status --data-dir ${directory.root}', stop it with 'orrery down', or choose another --data-dir`,
    cause,
  });
}

async function lockToken(directory: DataDirectory): Promise<string> {
  const file = join(directory.run, 'lock-token');
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (/^[0-9a-f]{32}$/.test(token)) return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const token = randomBytes(16).toString('hex');
  await writeFileAtomic(file, `${token}\n`, { mode: 0o600 });
  return token;
}
